#!/usr/bin/env python3
"""Keys rotated while notifications flow, and retired when nothing can need them any more."""

import contextlib
import datetime
import os
import pty
import sqlite3
import subprocess
import time
import unittest

from harness import stack
from keys_stack import CHAT, SOON, KeysTest


class Tests(KeysTest):
    # --- rotation

    def rotate(self, *options):
        """In the background, with its output in a file each."""
        files = []
        for name in ("out", "err"):
            files.append(open(os.path.join(self.folder, f"rotate.{name}"), "w+", encoding="utf-8"))  # noqa: SIM115
            self.addCleanup(files[-1].close)
        process = subprocess.Popen([self.service.program, "-c", self.service.config_file, "keys", "rotate", *options],
                                   stdin=subprocess.DEVNULL, stdout=files[0], stderr=files[1])
        self.addCleanup(process.wait, 60)
        self.addCleanup(process.kill)

        def ended(seconds):
            code = process.wait(seconds)
            texts = []
            for file in files:
                file.seek(0)
                texts.append(file.read())
            return code, *texts
        return ended

    def on_a_terminal(self, *arguments):
        """Exit code of a command, and what a person would see of it."""
        ours, its = pty.openpty()
        process = subprocess.Popen([self.service.program, "-c", self.service.config_file, *arguments],
                                   stdin=its, stdout=its, stderr=its, env={**os.environ, "TERM": "xterm"})
        self.addCleanup(process.wait, 60)
        self.addCleanup(process.kill)
        os.close(its)
        screen = b""
        with os.fdopen(ours, "rb", buffering=0) as terminal, contextlib.suppress(OSError):  # EIO: nobody holds the other end
            while read := terminal.read(4096):
                screen += read
        return process.wait(60), screen.decode()

    def test_a_rotation_of_two_hundred_while_notifications_flow_loses_nothing(self):
        self.configure()
        self.template_over_users(200)
        self.service.cli("keys", "create", "--id", "first")
        self.service.start()
        self.wait_active(201)  # the collection's own, without data, tells who comes and goes
        before = self.certificates()
        self.assertEqual(set(before.values()), {"first"})
        job = self.emulator.change(1_500, "created", kind="message", rate=100)
        # What came before is read late: it stays encrypted for the key of then.
        self.wait_metric("graphhook_deliveries_total", 100, handler="audit", outcome="done")
        self.service.cli("handlers", "pause", "audit")
        stack.wait_until(lambda: self.service.waiting("audit") > 50, SOON, "some wait")
        began = time.monotonic()
        code, said, progress = self.rotate("--id", "second")(SOON)
        took = time.monotonic() - began
        self.assertEqual(code, 0, progress)
        self.assertLess(took, 60)  # 5 s of it until Graph is asked whether it obeyed
        self.assertRegex(said, r"^made 'second' \(2048 bits, valid until [^)]+\): .*second\.pem\n"
                               r"done: every subscription with resource data uses the new key\n"
                               r"'first' stays until \S+ and is then retired, once nothing that is stored can need it\n$")
        self.assertRegex(progress, r"^ *\d+ of \d+ subscriptions moved\n")
        self.assertNotIn("\x1b", progress)
        after = self.certificates()
        self.assertEqual(set(after), set(before))  # moved, not replaced
        self.assertEqual(set(after.values()), {"second"})
        rows = self.rows()
        self.assertEqual([(rows[key]["state"], rows[key]["subscriptions"]) for key in ("second", "first")],
                         [("current", 200), ("idle", 0)])
        self.assertIsNotNone(rows["first"]["retire_at"])
        self.service.cli("handlers", "resume", "audit")
        self.finish([job, self.emulator.change(50, "created", kind="message")])
        self.assert_all_decrypted_once(1_550)
        used = {self.key_used(line) for _, line in (self.lines()[0], self.lines()[-1])}
        self.assertEqual(used, {"first", "second"})

    def test_a_rotation_without_serve_is_done_by_the_next_start_and_late_items_are_opened(self):
        self.begin(rooms=3)
        before = self.certificates()
        self.service.kill()
        # Encrypted for the first key, and repeated until somebody takes it.
        job = self.emulator.change(30, "created", kind="chatMessage")
        done = self.service.cli("keys", "rotate", "--id", "second")
        self.assertIn("'graphhook serve' is not running: when it starts, new subscriptions use the new key, and those "
                      "of 'first' are moved to it", done)
        done = self.service.cli("keys", "rotate", check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("the last rotation is not complete: 3 subscriptions still use 'first'", done.stderr)
        stack.wait_until(lambda: self.emulator.status()["postsSent"] > 0, SOON, "it was tried")
        self.service.start()
        self.wait_certificates("second", 3)
        self.assertEqual(set(self.certificates()), set(before))
        self.finish([job, self.emulator.change(3, "created", kind="chatMessage")])
        self.assert_all_decrypted_once(33)
        used = [self.key_used(line) for _, line in self.lines()]
        self.assertEqual(sorted(used), ["first"] * 30 + ["second"] * 3)
        self.wait_rows(lambda rows: rows["second"]["subscriptions"] == 3, "all known to be moved")

    def test_a_service_killed_in_the_middle_of_a_rotation_completes_it(self):
        self.configure()
        self.template_over_users(80)
        self.service.cli("keys", "create", "--id", "first")
        self.service.start()
        self.wait_active(81)  # the collection's own, without data, tells who comes and goes
        before = self.certificates()
        job = self.emulator.change(600, "created", kind="message", rate=100)
        self.emulator.fault("slow", count=0, delayMilliseconds=300, path="/subscriptions/")
        said = self.service.cli("keys", "rotate", "--id", "second", "--no-wait")
        self.assertIn("'graphhook serve' moves subscriptions to it", said)
        moved = stack.wait_until(lambda: list(self.certificates().values()).count("second"), SOON, "the first is moved")
        self.service.kill()
        self.assertLess(moved, 80)
        self.emulator.control("DELETE", "/faults")
        self.service.start()
        self.wait_certificates("second", 80)
        self.assertEqual(set(self.certificates()), set(before))
        self.wait_rows(lambda rows: rows["second"]["subscriptions"] == 80, "all known to be moved")
        self.finish([job, self.emulator.change(10, "created", kind="message")])
        sent, got = self.plaintexts(), self.handed_over()
        self.assertEqual(len(sent), 610)
        self.assertEqual(set(sent), set(got))
        # What was handed over and not yet written down when it died comes again; and that as it was.
        self.assertEqual([key for key, all_of in got.items() if any(data != sent[key] for data in all_of)], [])

    def test_where_graph_ignores_or_refuses_a_certificate_the_subscription_is_replaced(self):
        # Two minutes: only then is Graph believed to have ignored what it answered 200 to.
        self.configure(rooms=3)
        mailbox = "users/ann@contoso.com/messages?$select=subject"
        self.service.config["subscriptions"]["room0"]["resource"] = mailbox
        self.service.write_config()
        self.service.cli("keys", "create", "--id", "first")
        self.service.start()
        self.wait_active(3)
        # A mailbox may have two alike; in a chat there is room for one.
        resources = (mailbox, CHAT.format(1), CHAT.format(2))
        before = {one["resource"]: one["id"] for one in self.emulator.subscriptions()}
        ignoring, refusing, obeying = (before[resource] for resource in resources)
        self.emulator.fault("ignore-certificate", count=0, path="ann@contoso.com")
        self.emulator.fault("refuse-certificate", count=0, path="room1")
        jobs = [self.emulator.change(1_350, "created", kind=kind, rate=10) for kind in ("message", "chatMessage")]
        ended = self.rotate("--id", "second")
        stack.wait_until(lambda: self.certificates().get(obeying) == "second", SOON, "one is moved", self.service.check_running)
        self.wait_rows(lambda rows: (rows["second"]["subscriptions"], rows["first"]["subscriptions"]) == (1, 2), "two are left")
        # Whoever rotates again now would only add to it.
        done = self.service.cli("keys", "rotate", check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("the last rotation is not complete: 2 subscriptions still use 'first'", done.stderr)
        self.assertIn("--force", done.stderr)
        self.assertEqual(set(self.rows()), {"first", "second"})
        # What Graph refused is said, and that nothing has to be done.
        said = next(row for row in self.doctor(1) if row["subject"] == "contoso/room1")
        self.assertIn("does not let this subscription have another certificate", said["what"])
        self.assertIn("nothing: within minutes it is replaced", said["remedy"])
        code, said, progress = ended(300)
        self.assertEqual(code, 0, progress)
        self.assertIn("done: every subscription", said)
        self.assertIn("1 of 3 subscriptions moved", progress)
        self.wait_certificates("second", 3)
        now = {one["resource"]: one["id"] for one in self.emulator.subscriptions()}
        self.assertEqual(set(now), set(before))
        self.assertEqual(now[resources[2]], obeying)
        self.assertNotIn(ignoring, now.values())
        self.assertNotIn(refusing, now.values())
        self.wait_active(3)
        for job in jobs:
            self.emulator.wait_job(job, 300)
        self.finish([self.emulator.change(3, "created", kind=kind) for kind in ("message", "chatMessage")])
        # While there were two, both were accepted and read; nothing was refused, nothing lost.
        self.assert_all_decrypted_once(1_353)
        made = {change["resource"]: len(change["items"]) for change in self.emulator.ledger() if change["kind"] == "message"}
        self.assertEqual(len(made), 1_353)
        self.assertGreaterEqual(min(made.values()), 1)  # there was one at any time
        self.assertEqual(self.metric("graphhook_items_refused_total"), 0)

    def test_a_rotation_is_refused_while_another_is_under_way_unless_forced(self):
        self.begin()
        self.emulator.fault("ignore-certificate", count=0)  # so that it does not end
        self.service.cli("keys", "rotate", "--id", "second", "--no-wait")
        done = self.service.cli("keys", "rotate", "--id", "third", check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("1 subscriptions still use 'first'", done.stderr)
        self.assertNotIn("third", self.rows())
        forced = self.service.cli_json("keys", "rotate", "--id", "third", "--no-wait", "--force")
        self.assertEqual((forced["made"]["id"], forced["complete"]), ("third", False))
        self.assertEqual({row["id"]: row["state"] for row in forced["keys"]},
                         {"first": "in_use", "second": "idle", "third": "current"})

    # --- retirement

    def set_last_used(self, key, ago):
        """As if that key had been used so long ago, and no later: the store's note of it, while nobody serves."""
        at = datetime.datetime.now(datetime.timezone.utc) - ago
        with contextlib.closing(sqlite3.connect(self.service.store_file)) as store, store:
            changed = store.execute("UPDATE note SET text = ? WHERE name = ?",
                                    (at.strftime("%Y-%m-%dT%H:%M:%SZ"), f"keys/last_used/{key}")).rowcount
        self.assertEqual(changed, 1)

    def shift_received(self, by):
        """As if everything stored had been received at another time."""
        with contextlib.closing(sqlite3.connect(self.service.store_file)) as store, store:
            self.assertGreater(store.execute("UPDATE head SET received_at = received_at + ?",
                                             (by // datetime.timedelta(microseconds=1),)).rowcount, 0)

    def test_a_key_is_retired_when_its_time_has_come_and_nothing_can_need_it(self):
        self.begin(keys={"retire_after": "4h"})
        self.finish([self.emulator.change(5, "created", kind="chatMessage")])
        code, screen = self.on_a_terminal("keys", "rotate", "--id", "second")
        self.assertEqual(code, 0, screen)
        self.assertRegex(screen, r"\.{24}\S*\] +0 %  0 of 1 subscriptions moved")
        self.assertRegex(screen, r"#{24}\S*\] 100 %  1 of 1 subscriptions moved")
        self.assertIn("'first' stays until ", screen.splitlines()[-1])
        self.assertEqual(self.rows()["first"]["state"], "idle")
        self.stop_cleanly()
        hours = datetime.timedelta(hours=1)
        # Its retries may still come: not before five hours, however short retire_after.
        self.set_last_used("first", 4.5 * hours)
        self.assertEqual(self.rows()["first"]["state"], "idle")
        self.service.start()
        self.assertEqual(self.look()["first"]["state"], "idle")
        self.stop_cleanly()
        # Something stored came soon enough after to be of it.
        self.set_last_used("first", 6 * hours)
        self.shift_received(-5 * hours)
        self.service.start()
        self.assertEqual(self.look()["first"]["state"], "waiting")
        self.assertTrue(os.path.exists(os.path.join(self.keys, "first.pem")))
        self.stop_cleanly()
        # All that is stored came later.
        self.shift_received(5 * hours)
        self.set_last_used("first", 24 * hours)
        self.service.start()
        row = self.look()["first"]
        self.assertEqual(row["state"], "retired")
        self.assertTrue(os.path.exists(os.path.join(self.keys, "first.pem.retired")))
        self.assertFalse(os.path.exists(os.path.join(self.keys, "first.pem")))
        self.assertIn("keys retired=first", self.service.log_tail(100))
        self.assertEqual(self.rows()["first"]["state"], "retired")
        # It is loaded no longer: what it would open can not be read. With its old name it is back.
        self.service.cli("replay", "--handler", "audit", "--since", "24h")
        self.wait_metric("graphhook_items_unproved_total", 1, reason="no_private_key")
        os.rename(os.path.join(self.keys, "first.pem.retired"), os.path.join(self.keys, "first.pem"))
        self.assertIn(self.look()["first"]["state"], ("idle", "waiting"))
        stack.wait_until(lambda: sum(line["replayed"] for _, line in self.lines()) == 5, SOON,
                         "the replay is read", self.service.check_running)

    def test_a_key_that_subscriptions_use_is_never_retired(self):
        self.begin(keys={"retire_after": "4h"}, rooms=2)
        self.emulator.fault("ignore-certificate", count=0)
        self.service.cli("keys", "rotate", "--id", "second", "--no-wait")
        self.service.kill()
        self.set_last_used("first", datetime.timedelta(days=30))
        self.service.start()
        row = self.look()["first"]
        self.assertEqual((row["state"], row["subscriptions"]), ("in_use", 2))
        self.assertTrue(os.path.exists(os.path.join(self.keys, "first.pem")))


if __name__ == "__main__":
    unittest.main()
