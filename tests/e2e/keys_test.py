#!/usr/bin/env python3
"""Keys that Graph encrypts resource data with: made, read, listed, rotated while notifications flow, retired, missing,
at their end; and what `check`, `doctor`, a reload and the alerts make of them."""

import contextlib
import datetime
import http.client
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import time
import unittest

from harness import ROOT, E2eTest, accounting, stack

CHAT = "chats/19:room{}@thread.v2/messages"
# As long as a look at the folder may take, many times over: builds and other tests share the machine.
SOON = 120


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True, timeout=120).stdout


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Tests(E2eTest):
    def setUp(self):
        super().setUp()
        self.keys = os.path.join(self.folder, "keys")
        self.secret = os.path.join(self.folder, "passphrase")
        with open(self.secret, "w", encoding="ascii") as file:
            file.write("open sesame\n")
        # The system's authorities, for what doctor finds behind the public URL.
        os.environ["SSL_CERT_FILE"] = self.emulator.certificates.ca_file

    # --- the configuration

    def configure(self, *emulator_options, rooms=1, rich=True, keys=None, **sections):
        """So many chats, each with a subscription to its messages; one handler that wants data."""
        if not self.emulator.running():
            self.emulator.start("--time-scale", "60", *emulator_options)
        self.service.configure(
            self.emulator.cloud, self.emulator.certificates,
            subscriptions={f"room{i}": (CHAT.format(i), ["created", "updated"]) for i in range(rooms)},
            handlers={"audit": {"type": "file", "path": self.output, "resource_data": True}},
            keys={"folder": self.keys, **(keys or {})}, **sections)
        for entry in self.service.config["subscriptions"].values():
            entry["resource_data"] = rich
        self.service.write_config()

    def begin(self, *emulator_options, key="first", rooms=1, **sections):
        """Everything active and encrypted for the key of that name."""
        self.configure(*emulator_options, rooms=rooms, **sections)
        self.service.cli("keys", "create", "--id", key)
        self.service.start()
        self.wait_active(rooms)

    def template_over_users(self, count):
        users = self.emulator.control("POST", "/data", {"tenant": stack.TENANT_ID, "users": count})["users"]
        self.service.config["subscriptions"] = {"each": {
            "tenant": "contoso", "for_each": "users", "resource": "users/{id}/messages?$select=subject,importance",
            "changes": ["created"], "handlers": ["audit"], "resource_data": True,
        }}
        self.service.write_config()
        return users

    # --- keys

    def rows(self):
        return {row["id"]: row for row in self.service.cli_json("keys", "list")}

    def look(self):
        """Has the running service read the folder now."""
        connection = UnixConnection(self.service.socket)
        with contextlib.closing(connection):
            connection.request("POST", "/api/v1/keys/look", "{}", {"Content-Type": "application/json"})
            reply = connection.getresponse()
            text = reply.read().decode()
        self.assertEqual(reply.status, 200, text)
        return {row["id"]: row for row in json.loads(text)}

    def wait_rows(self, condition, what, seconds=SOON):
        stack.wait_until(lambda: condition(self.rows()), seconds, lambda: f"{what}: {self.rows()}",
                         self.service.check_running)
        return self.rows()

    def pair(self, name, days=90):
        """A PEM certificate and key made by openssl, not in the folder yet."""
        certificate, key = (os.path.join(self.folder, f"{name}.{end}") for end in ("crt", "key"))
        openssl("req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", str(days), "-subj", f"/CN={name}",
                "-keyout", key, "-out", certificate)
        return certificate, key

    def expired(self, name):
        """A pair whose certificate was valid for the January of a year that is over."""
        certificate, key = (os.path.join(self.folder, f"{name}.{end}") for end in ("crt", "key"))
        request, settings = os.path.join(self.folder, f"{name}.csr"), os.path.join(self.folder, f"{name}.cnf")
        openssl("req", "-new", "-newkey", "rsa:2048", "-noenc", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        index = os.path.join(self.folder, f"{name}.index")
        for file, text in ((index, ""), (settings, (
                f"[ca]\ndefault_ca=own\n[own]\ndatabase={index}\nrand_serial=yes\nnew_certs_dir={self.folder}\n"
                "default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n"))):
            with open(file, "w", encoding="ascii") as out:
                out.write(text)
        openssl("ca", "-config", settings, "-batch", "-notext", "-selfsign", "-keyfile", key, "-in", request, "-out", certificate,
                "-startdate", "20240101000000Z", "-enddate", "20240201000000Z")
        return certificate, key

    def put(self, source, name):
        """Into the folder, whole and for nobody else's eyes."""
        beside = os.path.join(self.keys, f".{name}")
        shutil.copyfile(source, beside)
        os.chmod(beside, 0o600)
        os.rename(beside, os.path.join(self.keys, name))

    # --- what Graph has

    def certificates(self):
        """Subscription ids to the id of the certificate that each has."""
        return {one["id"]: one["encryptionCertificateId"] for one in self.emulator.subscriptions() if one["includeResourceData"]}

    def wait_certificates(self, name, count, seconds=SOON):
        stack.wait_until(lambda: list(self.certificates().values()) == [name] * count, seconds,
                         lambda: f"{count} with {name}: {self.certificates()}", self.service.check_running)

    def plaintexts(self):
        """(subscription id, change, resource, etag) to what the emulator encrypted, of all that was to arrive."""
        found, after = {}, 0
        while True:
            page = self.emulator.control("GET", f"/changes?after={after}&limit=1000&plaintext=1")
            for change in page["changes"]:
                for item in change["items"]:
                    self.assertEqual(item["state"], "accepted", change)
                    data = json.loads(item["plaintext"])
                    found[item["subscriptionId"], change["change"], change["resource"], data["@odata.etag"]] = data
            if "next" not in page:
                return found
            after = page["next"]

    def handed_over(self):
        """The same of what the handler got, each in a list."""
        found = {}
        for _, line in self.lines():
            key = (line["item"]["subscriptionId"], line["change"], line["resource"], (line["data"] or {}).get("@odata.etag"))
            self.assertNotIn("encryptedContent", line["item"])
            found.setdefault(key, []).append(line["data"])
        return found

    def assert_all_decrypted_once(self, least=1):
        """Whatever was sent is there as it was before encryption, and nothing twice."""
        sent, got = self.plaintexts(), self.handed_over()
        self.assertGreaterEqual(len(sent), least)
        self.assertEqual(len(set(sent) - set(got)), 0, f"lost: {list(set(sent) - set(got))[:3]}")
        self.assertEqual(set(got) - set(sent), set())
        twice = [key for key, all_of in got.items() if len(all_of) > 1]
        self.assertEqual(twice, [])
        self.assertEqual([key for key in sent if got[key][0] != sent[key]], [])

    def key_used(self, line):
        """The key that a handled notification was encrypted for."""
        shown = self.service.cli_json("deliveries", "show", line["id"])
        return shown["item"]["encryptedContent"]["encryptionCertificateId"]

    def doctor(self, code):
        done = self.service.cli("doctor", "--output", "json", check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        rows = json.loads(done.stdout)
        for row in rows:
            self.assertEqual(row["level"] != "ok", bool(row["remedy"]), row)
        return rows

    def about(self, rows, check, level):
        found = [row for row in rows if row["check"] == check and row["level"] == level]
        self.assertEqual(len(found), 1, rows)
        return found[0]

    # --- making and listing

    def test_keys_are_made_with_the_options_given_and_openssl_reads_them(self):
        self.configure()
        said = self.service.cli("keys", "create")
        today = datetime.datetime.now(datetime.timezone.utc).date()
        days = [f"key-{today}", f"key-{today - datetime.timedelta(days=1)}"]  # midnight may have come just now
        first = next(day for day in days if os.path.exists(os.path.join(self.keys, f"{day}.pem")))
        self.assertIn(f"made '{first}' (2048 bits, valid until ", said)
        self.assertNotIn("PRIVATE", said)
        self.assertEqual(os.stat(self.keys).st_mode & 0o777, 0o700)
        second = self.service.cli_json("keys", "create")
        self.assertIn(second["id"], [f"{first}-2", days[0]])
        big = self.service.cli_json("keys", "create", "--id", "big", "--bits", "4096", "--days", "90")
        self.assertEqual(set(big), {"id", "bits", "thumbprint", "not_before", "not_after", "file"})
        for made, bits, life in ((second, 2048, 365), (big, 4096, 90)):
            self.assertEqual(made["file"], os.path.join(self.keys, f"{made['id']}.pem"))
            self.assertEqual(os.stat(made["file"]).st_mode & 0o777, 0o600)
            text = openssl("x509", "-in", made["file"], "-noout", "-text", "-fingerprint", "-sha1")
            self.assertIn(f"Public-Key: ({bits} bit)", text)
            self.assertIn(f"Subject: CN = {made['id']}", text)
            self.assertIn("sha256WithRSAEncryption", text)
            self.assertIn(":".join(re.findall("..", made["thumbprint"])), text)
            self.assertIn("RSA key ok", openssl("rsa", "-in", made["file"], "-noout", "-check"))
            self.assertEqual(openssl("x509", "-in", made["file"], "-noout", "-modulus"),
                             openssl("rsa", "-in", made["file"], "-noout", "-modulus"))
            self.assertEqual(openssl("verify", "-CAfile", made["file"], made["file"]).strip(), f"{made['file']}: OK")
            begins, ends = (datetime.datetime.fromisoformat(made[name].replace("Z", "+00:00")) for name in ("not_before", "not_after"))
            self.assertEqual(ends - begins, datetime.timedelta(days=life))
        self.assertEqual(len(os.listdir(self.keys)), 3)

    def test_what_is_no_key_is_refused_and_leaves_nothing(self):
        self.configure()
        made = self.service.cli_json("keys", "create", "--id", "mine")
        os.rename(made["file"], made["file"] + ".retired")
        self.service.cli("keys", "create", "--id", "other")
        before = sorted(os.listdir(self.keys))
        for arguments, code, says in (
            (["--id", "other"], 1, "an id is used once"),
            (["--id", "mine"], 1, "an id is used once"),  # be it retired
            (["--id", "../mine"], 1, "an id is 1 to 128 of"),
            (["--id", "a b"], 1, "an id is 1 to 128 of"),
            (["--id", "x" * 129], 1, "an id is 1 to 128 of"),
            (["--bits", "1024"], 2, "--bits"),
            (["--bits", "8192"], 2, "--bits"),
            (["--days", "0"], 2, "--days"),
            (["--days", "soon"], 2, "--days"),
        ):
            with self.subTest(arguments):
                done = self.service.cli("keys", "create", *arguments, check=False)
                self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
                self.assertIn(says, done.stderr)
        os.chmod(self.keys, 0o755)
        for command in (["create"], ["create", "--id", "third"], ["rotate"]):
            done = self.service.cli("keys", *command, check=False)
            self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
            self.assertIn(f"chmod 700 {self.keys}", done.stderr)
        os.chmod(self.keys, 0o750)  # a group of readers is allowed
        self.assertEqual(sorted(os.listdir(self.keys)), before)
        self.service.cli("keys", "create", "--id", "third")

    def test_keys_are_listed_while_serve_is_down_and_up(self):
        self.configure()
        done = self.service.cli("keys", "list", check=False)
        self.assertEqual(done.returncode, 0)
        self.assertIn("'graphhook keys create' makes one", done.stderr)
        self.assertEqual(self.service.cli_json("keys", "list"), [])
        made = self.service.cli_json("keys", "create", "--id", "first", "--days", "100")
        down = self.rows()["first"]
        self.assertEqual({name: down[name] for name in made}, made)
        self.assertEqual((down["state"], down["subscriptions"], down["last_used"], down["retire_at"]),
                         ("current", 0, None, None))
        self.service.start()
        self.wait_active(1)
        up = self.rows()["first"]
        self.assertEqual((up["state"], up["subscriptions"]), ("current", 1))
        self.assertIsNotNone(up["last_used"])
        table = self.service.cli("keys", "list").splitlines()
        self.assertRegex(table[0], r"^ID +STATE +SUBSCRIPTIONS +BITS +FROM +UNTIL +LAST USED +RETIRES +THUMBPRINT")
        self.assertRegex(table[1], rf"^first +current +1 +2048 .* {made['thumbprint']}")
        self.stop_cleanly()
        down = self.rows()["first"]
        self.assertEqual((down["state"], down["subscriptions"]), ("current", 1))

    def test_keys_of_other_makers_are_taken_up_without_a_restart(self):
        self.begin(keys={"passphrase_file": self.secret})
        # Of keys of the same second the last by name is the current one.
        certificate, key = self.pair("key-2-pem")
        self.put(key, "key-2-pem.key")
        self.put(certificate, "key-2-pem.crt")
        # By itself, within ten seconds.
        self.wait_rows(lambda rows: rows.get("key-2-pem", {}).get("state") == "current", "taken up")
        self.uses("key-2-pem", 1)

        certificate, key = self.pair("key-3-der")
        der_certificate, der_key = certificate + ".der", key + ".der"
        openssl("x509", "-in", certificate, "-outform", "DER", "-out", der_certificate)
        openssl("rsa", "-in", key, "-outform", "DER", "-out", der_key)
        self.put(der_key, "key-3-der.key")
        self.put(der_certificate, "key-3-der.cer")
        self.assertEqual(self.look()["key-3-der"]["state"], "current")
        self.uses("key-3-der", 2)

        for number, passphrase in ((4, "another"), (5, "open sesame")):
            certificate, key = self.pair(f"key-{number}-bag")
            bag = os.path.join(self.folder, f"{number}.p12")
            openssl("pkcs12", "-export", "-in", certificate, "-inkey", key, "-out", bag, "-passout", f"pass:{passphrase}")
            self.put(bag, f"key-{number}-bag.p12")
        rows = self.look()
        self.assertEqual(rows["key-5-bag"]["state"], "current")
        self.assertNotIn("key-4-bag", rows)
        self.assertIn("key-4-bag.p12: the passphrase is wrong or missing", self.service.log_tail())
        self.assertNotIn("sesame", self.service.log_tail(1000))
        self.uses("key-5-bag", 3)
        # A warning, and all else goes on.
        self.assertIn("key-4-bag.p12", self.about(self.doctor(0), "keys", "warn")["what"])
        self.assert_all_decrypted_once(3)

    def uses(self, key, number):
        """One more subscription by a reload is made for that key, and what it sends is read."""
        self.service.config["subscriptions"][f"more{number}"] = {
            **self.service.config["subscriptions"]["room0"], "resource": CHAT.format(100 + number)}
        self.reload()
        stack.wait_until(lambda: list(self.certificates().values()).count(key) >= 1, SOON,
                         lambda: f"one with {key}: {self.certificates()}", self.service.check_running)
        new = next(one for one, its in self.certificates().items() if its == key)
        self.finish([self.emulator.change(2, "created", subscription=new)])
        line = next(line for _, line in self.lines() if line["item"]["subscriptionId"] == new)
        self.assertEqual(self.key_used(line), key)

    # --- rotation

    def rotate(self, *options):
        """In the background, with its output in a file each."""
        files = [open(os.path.join(self.folder, f"rotate.{name}"), "w+", encoding="utf-8") for name in ("out", "err")]  # noqa: SIM115
        for file in files:
            self.addCleanup(file.close)
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
        self.template_over_users(200)
        self.service.cli("keys", "create", "--id", "first")
        self.service.start()
        self.wait_active(201)  # the collection's own, without data, tells who comes and goes
        before = self.certificates()
        job = self.emulator.change(1_000, "created", kind="message", rate=100)
        self.emulator.fault("slow", count=0, delayMilliseconds=300, path="/subscriptions/")
        said = self.service.cli("keys", "rotate", "--id", "second", "--no-wait")
        self.assertIn("'graphhook serve' moves subscriptions to it", said)
        moved = stack.wait_until(lambda: list(self.certificates().values()).count("second"), SOON, "the first is moved")
        self.service.kill()
        self.assertLess(moved, 200)
        self.emulator.control("DELETE", "/faults")
        self.service.start()
        self.wait_certificates("second", 200)
        self.assertEqual(set(self.certificates()), set(before))
        self.wait_rows(lambda rows: rows["second"]["subscriptions"] == 200, "all known to be moved")
        self.finish([job, self.emulator.change(10, "created", kind="message")])
        sent, got = self.plaintexts(), self.handed_over()
        self.assertEqual(len(sent), 1_010)
        self.assertEqual(set(sent), set(got))
        # What was handed over and not yet written down when it died comes again; and that as it was.
        self.assertEqual([key for key, all_of in got.items() if any(data != sent[key] for data in all_of)], [])

    def test_where_graph_ignores_or_refuses_a_certificate_the_subscription_is_replaced(self):
        # Two minutes: only then is Graph believed to have ignored what it answered 200 to.
        self.begin(rooms=3)
        by_room = {one["resource"]: one["id"] for one in self.emulator.subscriptions()}
        ignoring, refusing, obeying = (by_room[CHAT.format(i)] for i in range(3))
        self.emulator.fault("ignore-certificate", count=0, path="room0")
        self.emulator.fault("refuse-certificate", count=0, path="room1")
        job = self.emulator.change(1_350, "created", kind="chatMessage", rate=10)
        ended = self.rotate("--id", "second")
        stack.wait_until(lambda: self.certificates().get(obeying) == "second", SOON, "one is moved", self.service.check_running)
        self.wait_rows(lambda rows: (rows["second"]["subscriptions"], rows["first"]["subscriptions"]) == (1, 2), "two are left")
        # Whoever rotates again now would only add to it.
        done = self.service.cli("keys", "rotate", check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("the last rotation is not complete: 2 subscriptions still use 'first'", done.stderr)
        self.assertIn("--force", done.stderr)
        self.assertEqual(set(self.rows()), {"first", "second"})
        code, said, progress = ended(300)
        self.assertEqual(code, 0, progress)
        self.assertIn("done: every subscription", said)
        self.assertIn("1 of 3 subscriptions moved", progress)
        self.wait_certificates("second", 3)
        now = {one["resource"]: one["id"] for one in self.emulator.subscriptions()}
        self.assertEqual(set(now), set(by_room))
        self.assertEqual(now[CHAT.format(2)], obeying)
        self.assertNotIn(ignoring, now.values())
        self.assertNotIn(refusing, now.values())
        self.wait_active(3)
        self.emulator.wait_job(job, 300)
        self.finish([self.emulator.change(3, "created", kind="chatMessage")])
        # While there were two, both were accepted and read; nothing was refused, nothing lost.
        sent, got = self.plaintexts(), self.handed_over()
        self.assertEqual({key[1:] for key in sent} - {key[1:] for key in got}, set())
        self.assertEqual([key for key, all_of in got.items() if len(all_of) > 1 or all_of[0] != sent[key]], [])
        self.assertEqual({key[2] for key in sent if key[0] in (ignoring, refusing)} - {key[2] for key in got}, set())
        self.assertEqual(self.metric("graphhook_notifications_refused_total"), 0)

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
        self.service.cli("keys", "rotate", "--id", "second")
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

    # --- a key that is missing

    def test_what_a_missing_key_would_open_waits_and_is_handed_over_when_it_is_back(self):
        self.begin()
        self.service.cli("handlers", "pause", "audit")
        job = self.emulator.change(20, "created", kind="chatMessage")
        self.emulator.wait_job(job)
        file = os.path.join(self.keys, "first.pem")
        os.rename(file, os.path.join(self.folder, "away.pem"))
        self.assertEqual(self.look(), {})
        self.service.cli("handlers", "resume", "audit")
        self.wait_metric("graphhook_items_unproved_total", 20, reason="no_private_key")
        waiting = self.service.cli_json("deliveries", "list", "--handler", "audit")
        self.assertEqual(len(waiting), 20)
        self.assertEqual({row["state"] for row in waiting}, {"waiting"})
        self.assertIn("reason=no_private_key: no key 'first'", self.service.log_tail(100))
        self.assertEqual(self.lines(), [])
        rows = [row for row in self.doctor(1) if row["level"] != "ok"]
        self.assertIn("no key is valid now", next(row["what"] for row in rows if row["subject"] == self.keys))
        missing = next(row for row in rows if row["subject"] == "first")
        self.assertEqual((missing["level"], missing["check"]), ("fail", "keys"))
        self.assertIn("its private key is not here", missing["what"])
        self.assertIn("put its file back", missing["remedy"])
        os.rename(os.path.join(self.folder, "away.pem"), file)
        stack.wait_until(lambda: len(self.lines()) == 20, SOON, "handed over", self.service.check_running)
        self.service.wait_idle()
        self.assert_all_decrypted_once(20)
        self.assertEqual({line["attempt"] for _, line in self.lines()}, {1})
        self.doctor(0)

    # --- doctor, metrics, alerts

    def expiries(self):
        name = "graphhook_encryption_certificate_expiry_timestamp_seconds"
        return {key: value for key, value in self.service.metrics().items() if key.startswith(name)}

    def test_a_certificate_that_ends_soon_is_warned_of(self):
        self.configure()
        made = self.service.cli_json("keys", "create", "--id", "short", "--days", "5")
        self.service.start()
        self.wait_active(1)
        said = self.about(self.doctor(0), "keys", "warn")
        self.assertEqual(said["subject"], "short")
        self.assertIn("the certificate ends on", said["what"])
        self.assertIn("in 4 days", said["what"])
        self.assertIn("graphhook keys rotate", said["remedy"])
        ends = accounting.seconds_of(made["not_after"])
        self.assertEqual(self.expiries(), {
            'graphhook_encryption_certificate_expiry_timestamp_seconds{certificate="short"}': ends})
        self.service.cli("keys", "rotate", "--id", "long")
        rows = self.doctor(0)
        self.assertEqual([row["subject"] for row in rows if row["check"] == "keys"], ["long"])
        self.assertEqual({row["level"] for row in rows}, {"ok"}, rows)
        self.look()
        self.assertEqual(len(self.expiries()), 1)
        self.assertNotIn("short", list(self.expiries())[0])

    def test_with_an_expired_certificate_nothing_is_subscribed_and_what_to_do_is_said(self):
        self.configure()
        os.mkdir(self.keys, 0o700)
        certificate, key = self.expired("over")
        self.put(key, "over.key")
        self.put(certificate, "over.crt")
        self.service.start()
        rows = self.doctor(1)
        said = self.about(rows, "keys", "fail")
        self.assertIn("no key is valid now: nothing with resource data can be subscribed", said["what"])
        self.assertIn("graphhook keys create", said["remedy"])
        self.assertEqual(self.emulator.subscriptions(), [])
        self.assertIn("graphhook keys create", self.service.cli("subscriptions", "plan"))
        self.service.cli("keys", "create", "--id", "good")
        self.wait_active(1, SOON)
        self.doctor(0)

    def test_without_any_key_doctor_says_how_to_come_by_one(self):
        self.configure()
        self.service.start()
        said = self.about(self.doctor(1), "keys", "fail")
        self.assertEqual(said["subject"], self.keys)
        self.assertIn("there is no such folder", said["what"])
        self.assertIn("graphhook keys create", said["remedy"])
        os.mkdir(self.keys, 0o700)
        self.assertIn("no key is valid now", self.about(self.doctor(1), "keys", "fail")["what"])
        os.chmod(self.keys, 0o755)
        said = self.about(self.doctor(1), "keys", "fail")
        self.assertIn("open to others", said["what"])
        self.assertIn(f"chmod 700 '{self.keys}'", said["remedy"])
        # And without resource data none of it matters.
        self.configure(rich=False)
        self.assertEqual([row for row in self.doctor(0) if row["check"] == "keys"], [])

    def test_the_alerts_ask_for_metrics_that_are_there(self):
        with open(os.path.join(ROOT, "deploy", "prometheus", "alerts.yaml"), encoding="utf-8") as file:
            rules = file.read()
        part = rules[rules.index("# --- resource data"):]
        part = part[:part.index("\n      # ---", 1)]
        expressions = re.findall(r"expr: (.+)", part)
        self.assertGreaterEqual(len(expressions), 4)
        self.begin()
        self.finish([self.emulator.change(4, "created", kind="chatMessage", forge="bad-signature", forgeEvery=2)])
        self.wait_metric("graphhook_quarantined", 2)
        self.service.cli("handlers", "pause", "audit")
        self.emulator.wait_job(self.emulator.change(1, "created", kind="chatMessage"))
        os.rename(os.path.join(self.keys, "first.pem"), os.path.join(self.keys, "first.pem.retired"))
        self.look()
        self.service.cli("handlers", "resume", "audit")
        self.wait_metric("graphhook_items_unproved_total", 1, reason="no_private_key")
        self.service.cli("keys", "create", "--id", "second")
        self.look()
        metrics = self.service.metrics()
        for expression in expressions:
            names = re.findall(r"graphhook_[a-z_]+", expression)
            self.assertTrue(names, expression)
            for name in names:
                series = [key for key in metrics if key.partition("{")[0] == name]
                self.assertTrue(series, f"{name} is not in /metrics: {expression}")
                for label in re.findall(r"by \(([^)]*)\)", expression):
                    for one in set(label.replace(" ", "").split(",")) - {"instance"}:
                        self.assertTrue(all(f'{one}="' in key for key in series), f"{one} of {name}")
                self.assertGreater(stack.metric_sum(metrics, name), 0, name)
        self.assertEqual(self.metric("graphhook_items_disproved_total", reason="token_signature"), 2)
        self.assertEqual(self.metric("graphhook_quarantined"), 2)

    # --- the configuration

    def check(self):
        done = self.service.cli("check", check=False)
        return done.returncode, done.stdout + done.stderr

    def test_check_refuses_resource_data_that_graph_or_nobody_has(self):
        self.configure()
        self.assertEqual(self.check()[0], 0, self.check()[1])
        entry = self.service.config["subscriptions"]["room0"]
        for change, code, says in (
            ({"resource": "users"}, 3, "Graph has no resource data in notifications of a user"),
            ({"resource": "drives/b!1/root", "changes": ["updated"]}, 3, "no resource data in notifications of a drive"),
            ({"resource": "users/ann@contoso.com/messages"}, 3, "add ?$select="),
            ({"resource": "users/ann@contoso.com/events"}, 3, "add ?$select="),
            ({"resource": "users/ann@contoso.com/messages?$select=subject"}, 0, ""),
            ({"resource": "users/ann@contoso.com/messages?$select=subject", "life": "2d"}, 3,
             "with resource data live 1440 minutes at most"),
            ({"life": "4d"}, 3, "with resource data live 4320 minutes at most"),
            ({"resource": f"communications/presences/{stack.USER_ID}", "changes": ["updated"], "resource_data": False}, 3,
             "only with encrypted resource data: set `resource_data: true`"),
            ({"resource": f"communications/presences/{stack.USER_ID}", "changes": ["updated"]}, 3, "it takes a signed-in user"),
            ({"resource_data": "perhaps"}, 3, "resource_data"),
        ):
            with self.subTest(change):
                self.service.config["subscriptions"]["room0"] = {**entry, **change}
                self.service.write_config()
                got, said = self.check()
                self.assertEqual(got, code, said)
                self.assertIn(says, said)
        self.service.config["subscriptions"]["room0"] = entry
        for section, says in (
            ({"retire_after": "3h"}, "keys.retire_after"),
            ({"threads": 1000}, "keys.threads"),
            ({"folders": "/x"}, "keys.folders"),
            ({"passphrase": "a", "passphrase_file": self.secret}, "are both given"),
            ({"passphrase_file": "/nowhere"}, "/nowhere"),
        ):
            with self.subTest(section):
                self.service.config["keys"] = {"folder": self.keys, **section}
                self.service.write_config()
                got, said = self.check()
                self.assertEqual(got, 3, said)
                self.assertIn(says, said)
        self.service.config["keys"] = {"folder": self.keys}
        self.service.config["handlers"]["audit"]["resource_data"] = False
        self.service.write_config()
        got, said = self.check()
        self.assertEqual(got, 0)
        self.assertIn("nobody reads what Graph encrypts", said)

    def test_a_reload_brings_the_first_rich_subscription_and_takes_it_away(self):
        self.configure(rich=False, reconcile={"removal_grace": "0s"})
        self.service.start()
        self.wait_active(1)
        self.assertNotIn("encryptionCertificateId", self.emulator.subscriptions()[0])
        self.assertEqual(self.metric("graphhook_key_set_fetches_total"), 0)
        self.finish([self.emulator.change(2, "created", kind="chatMessage")])
        self.assertEqual([line["data"] for _, line in self.lines()], [None, None])
        # Only the subscription comes first: it waits, and says for what.
        self.service.config["subscriptions"]["rich"] = {
            **self.service.config["subscriptions"]["room0"], "resource": CHAT.format("rich"), "resource_data": True}
        self.reload()
        stack.wait_until(lambda: any("graphhook keys create" in (row["what"] + row["remedy"]) for row in json.loads(
            self.service.cli("doctor", "--output", "json", check=False).stdout)), SOON, "doctor says what is missing")
        self.wait_metric("graphhook_key_set_fetches_total", 2, outcome="ok")
        self.assertEqual(len(self.emulator.subscriptions()), 1)
        self.service.cli("keys", "create", "--id", "first")
        subscriptions = self.wait_active(2, SOON)
        rich = next(one for one in subscriptions if one["includeResourceData"])
        self.assertEqual(rich["encryptionCertificateId"], "first")
        self.finish([self.emulator.change(2, "created", subscription=rich["id"])])
        self.assertEqual([line["data"] is None for _, line in self.lines()], [True, True, False, False])
        # Rich becomes basic: replaced, and nothing is encrypted any more.
        self.service.config["subscriptions"]["rich"]["resource_data"] = False
        self.reload()
        stack.wait_until(lambda: len(found := self.emulator.subscriptions()) == 2 and not any(
            one.get("includeResourceData") for one in found), SOON, lambda: f"basic: {self.emulator.subscriptions()}",
                         self.service.check_running)
        self.wait_rows(lambda rows: rows["first"]["subscriptions"] == 0, "nobody uses it")
        # And it goes.
        del self.service.config["subscriptions"]["rich"]
        self.reload()
        self.emulator.wait_subscriptions(1)
        self.finish([self.emulator.change(1, "created", kind="chatMessage")])
        self.assertIsNone(self.lines()[-1][1]["data"])
        self.assertEqual(self.doctor(0)[0]["level"], "ok")


if __name__ == "__main__":
    unittest.main()
