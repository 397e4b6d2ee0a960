#!/usr/bin/env python3
"""What Graph did not tell is found by asking again: all of it, none of it twice, whatever happens meanwhile."""

import collections
import json
import sqlite3
import ssl
import time
import unittest
import urllib.parse
import urllib.request

from harness import E2eTest, stack

MAILBOX = f"users/{stack.USER_ID}"
MESSAGES = f"{MAILBOX}/messages"
DRIVE = "drives/b!4f0d2c9a/root"
ALERTS = "security/alerts_v2"


def version(line):
    """Which state of which object a line tells: a ledger's change has the same."""
    about = line["item"]["resourceData"]
    return about["id"], about.get("@odata.etag")


class Tests(E2eTest):
    def prepare(self, resource=MESSAGES, *emulator_options, changes=("created", "updated", "deleted"), **entry):
        self.emulator.start("--time-scale", "60", *emulator_options)
        self.service.configure(self.emulator.cloud, self.emulator.certificates, subscriptions={})
        self.service.config["subscriptions"]["it"] = {
            "tenant": "contoso", "resource": resource, "changes": list(changes), "handlers": ["audit"],
            "sync": "delta", **entry,
        }
        self.service.write_config()

    def begin(self, resource=MESSAGES, *emulator_options, **entry):
        self.prepare(resource, *emulator_options, **entry)
        self.service.start()
        if entry.get("source") != "poll":
            self.wait_active(1)
        self.wait_baseline()

    def populate(self, **what):
        return self.emulator.control("POST", "/data", {"tenant": stack.TENANT_ID, **what})

    def graph(self, path):
        """What Graph answers to an application of ours."""
        context = ssl.create_default_context(cafile=self.emulator.certificates.ca_file)
        form = urllib.parse.urlencode({
            "client_id": stack.CLIENT_ID, "client_secret": stack.CLIENT_SECRET, "grant_type": "client_credentials",
            "scope": f"{self.emulator.url}/.default",
        }).encode()
        url = f"{self.emulator.url}/{stack.TENANT_ID}/oauth2/v2.0/token"
        with urllib.request.urlopen(url, form, timeout=30, context=context) as reply:
            token = json.loads(reply.read())["access_token"]
        request = urllib.request.Request(f"{self.emulator.url}/v1.0/{path}", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=30, context=context) as reply:
            return json.loads(reply.read())

    def lose(self, count, good=5):
        """So many changes of which Graph never tells, among some that it does; the lost ones."""
        self.emulator.fault("lose", count=count)
        self.finish([self.emulator.change(count + good, "created", kind="message")], lost=count)
        return {(change["id"], change["etag"]) for change in self.emulator.ledger()
                if change["items"] and all(item["state"] == "lost" for item in change["items"])}

    def finish(self, jobs, seconds=60, lost=0):
        for job in jobs:
            report = self.emulator.wait_job(job, seconds)
            self.assertEqual(report["accepted"], report["items"] - lost, report)
        self.service.wait_idle(seconds)

    def wait_found(self, count, source="sweep"):
        stack.wait_until(lambda: len(self.of_source(source)) >= count, 60,
                         lambda: f"{count} of {source}, not {len(self.of_source(source))}: {self.sweeps()}",
                         self.service.check_running)
        self.wait_baseline()
        self.service.wait_idle()

    def assert_found(self, expected):
        """Exactly these, once each, marked, and counted."""
        self.wait_found(len(expected))
        found = collections.Counter(version(line) for line in self.of_source("sweep"))
        self.assertEqual(found, collections.Counter(expected))
        told = {version(line) for line in self.of_source("notification")}
        self.assertFalse(told & set(expected))
        self.assertEqual(self.metric("graphhook_sweep_found_total"), len(expected))
        self.assertEqual(self.sweeps()[0]["found"], len(expected))

    def reasons(self):
        """Why the sweeps in the log began."""
        with open(self.service.log_file, encoding="utf-8") as log:
            lines = [json.loads(line)["message"] for line in log if line.startswith("{")]
        return [line.rpartition("reason=")[2] for line in lines if line.startswith("sweep begins")]

    def test_what_was_lost_is_found_after_missed(self):
        self.begin()
        lost = self.lose(7)
        self.assertEqual(len(lost), 7)
        self.assertEqual(self.of_source("sweep"), [])
        self.emulator.lifecycle("missed", all=True)
        self.assert_found(lost)
        self.assertIn("missed", self.reasons())

    def test_what_was_lost_is_found_after_a_subscription_was_removed(self):
        self.begin()
        lost = self.lose(7)
        old = self.emulator.subscriptions()[0]["id"]
        self.emulator.lifecycle("subscriptionRemoved", subscription=old)
        self.wait_metric("graphhook_renewals_total", 1, outcome="recreated")
        self.assert_found(lost)
        self.assertIn("recreated", self.reasons())
        self.assertNotEqual(self.emulator.subscriptions()[0]["id"], old)

    def note_alive(self, ago):
        """As if the service had last been seen alive then; it must not run."""
        store = sqlite3.connect(self.service.store_file)
        with store:
            changed = store.execute("UPDATE note SET text = ? WHERE name = 'alive/contoso'", (str(int(time.time() - ago)),))
            self.assertEqual(changed.rowcount, 1)
        store.close()

    def test_what_came_during_a_long_outage_of_ours_is_found(self):
        self.begin()
        self.finish([self.emulator.change(5, "created", kind="message")])
        self.stop_cleanly()
        self.silently(6, "created", MESSAGES)
        silent = {(change["id"], change["etag"]) for change in self.emulator.ledger()[-6:]}
        self.note_alive(5 * 3600)
        self.service.start()
        self.wait_active(1)
        self.assert_found(silent)
        self.assertIn("outage", self.reasons())

    def test_a_short_stop_sweeps_nothing(self):
        self.begin()
        self.finish([self.emulator.change(2, "created", kind="message")])
        swept = self.sweeps()
        self.stop_cleanly()
        self.note_alive(3 * 3600)
        self.service.start()
        self.wait_active(1)
        self.finish([self.emulator.change(2, "created", kind="message")])
        self.assertEqual([row["swept_at"] for row in self.sweeps()], [row["swept_at"] for row in swept])
        self.assertNotIn("outage", self.reasons())

    def test_a_feed_that_falls_silent_is_asked(self):
        self.begin(silence="1s")
        self.silently(4, "created", MESSAGES)
        silent = {(change["id"], change["etag"]) for change in self.emulator.ledger()[-4:]}
        self.finish([self.emulator.change(1, "created", kind="message")])
        self.assert_found(silent)
        self.assertIn("silence", self.reasons())

    def test_the_first_round_hands_over_nothing(self):
        self.prepare()
        self.populate(user=stack.USER_ID, mailFolders=5, messagesPerFolder=10)
        self.service.start()
        self.wait_active(1)
        self.wait_baseline()
        self.service.wait_idle()
        self.assertEqual(self.lines(), [])
        self.assertEqual(self.metric("graphhook_sweep_found_total"), 0)

    def test_initial_all_hands_over_everything_once(self):
        self.prepare(initial="all")
        there = self.populate(user=stack.USER_ID, mailFolders=5, messagesPerFolder=10)["messages"]
        self.service.start()
        self.wait_active(1)
        self.wait_found(there)
        self.assertEqual(len({version(line) for line in self.of_source("sweep")}), there)
        self.assertEqual(len(self.lines()), there)
        self.assertEqual({line["change"] for _, line in self.lines()}, {"created"})
        self.assertEqual(self.metric("graphhook_sweep_found_total"), 0)  # nothing was missed
        self.stop_cleanly()
        self.service.start()
        self.wait_active(1)
        self.sweep()
        self.assertEqual(len(self.lines()), there)

    def test_messages_moved_between_folders_are_told_once(self):
        self.begin()
        self.finish([self.emulator.change(4, "created", kind="message")])
        self.silently(4, "moved", MESSAGES, existing=True, to="archive")
        self.sweep()
        found = self.of_source("sweep")
        moved = {version(line)[0] for line in self.of_source("notification")}
        self.assertEqual(collections.Counter(version(line)[0] for line in found), collections.Counter(moved))
        self.assertNotIn("deleted", {line["change"] for line in found})
        self.sweep()
        self.assertEqual(len(self.of_source("sweep")), 4)

    def test_deletions_are_found(self):
        self.begin()
        self.finish([self.emulator.change(5, "created", kind="message")])
        self.silently(3, "deleted", MESSAGES, existing=True)
        gone = {change["id"] for change in self.emulator.ledger()[-3:]}
        self.sweep()
        found = self.of_source("sweep")
        self.assertEqual({line["change"] for line in found}, {"deleted"})
        self.assertEqual(collections.Counter(version(line)[0] for line in found), collections.Counter(gone))
        self.assertEqual(self.metric("graphhook_sweep_found_total"), 3)

    def anew(self, resource, **fault):
        self.begin(resource)
        lost = self.lose(5)
        self.emulator.fault("delta-expired", count=1, **fault)
        self.sweep()
        self.assert_found(lost)
        self.assertEqual(self.metric("graphhook_sweeps_total", outcome="restarted"), 1)
        self.silently(2, "created", resource)
        self.sweep()
        self.assertEqual(len(self.of_source("sweep")), 7)

    def test_a_link_that_is_over_begins_anew(self):
        self.anew(f"{MAILBOX}/mailFolders('inbox')/messages")

    def test_a_link_that_is_answered_410_begins_anew(self):
        self.anew(f"{MAILBOX}/mailFolders('inbox')/messages", status=410)

    def test_kill_9_in_the_middle_of_a_sweep_loses_nothing(self):
        self.begin()
        self.finish([self.emulator.change(20, "created", kind="message")])
        self.silently(2000, "created", MESSAGES)
        # So long for each page that the kills come in between.
        self.emulator.fault("slow", count=0, delayMilliseconds=150, path="delta")
        self.service.cli("subscriptions", "sweep", "it")
        for part in (1, 500, 1000, 1400):
            stack.wait_until(lambda least=part: len(self.of_source("sweep")) >= least, 60, f"{part} found",
                             self.service.check_running)
            self.service.kill()
            self.assertLess(len(self.of_source("sweep")), 2000)  # else it hit nothing
            self.service.start()
        self.emulator.control("DELETE", "/faults")
        self.wait_found(2000)
        # One that was being handed over at the kill is handed over again, as itself: by its id.
        entries = collections.defaultdict(set)
        for line in self.of_source("sweep"):
            entries[version(line)].add(line["id"])
        self.assertEqual(len(entries), 2000)
        self.assertEqual([ids for ids in entries.values() if len(ids) > 1], [])
        told = {version(line) for line in self.of_source("notification")}
        self.assertFalse(told & set(entries))
        self.assertEqual(self.sweeps()[0]["found"], 2000)

    def test_each_changed_item_of_a_drive_is_handed_over_once(self):
        self.begin(DRIVE, changes=["updated"])
        self.silently(450, "created", DRIVE)
        self.emulator.wait_job(self.emulator.change(50, "created", kind="drive"))
        self.wait_found(500)
        resources = collections.Counter(line["resource"] for line in self.of_source("sweep"))
        self.assertEqual(len(resources), 500)
        self.assertEqual(set(resources.values()), {1})
        self.assertEqual(self.of_source("notification"), [])
        self.sweep()
        self.assertEqual(len(self.lines()), 500)

    def test_throttled_in_the_middle_it_goes_on_there(self):
        self.begin(DRIVE, changes=["updated"])
        self.silently(1000, "created", DRIVE)
        self.emulator.fault("page-error", page=3, status=429, retryAfterSeconds=1, count=1)
        before = self.metric("graphhook_graph_requests_total", operation="delta")
        self.service.cli("subscriptions", "sweep", "it")
        self.wait_found(1000)
        self.assertEqual(len({line["resource"] for line in self.of_source("sweep")}), 1000)
        self.assertEqual(len(self.lines()), 1000)
        self.assertEqual(self.metric("graphhook_graph_throttled_total"), 1)
        pages = self.metric("graphhook_graph_requests_total", operation="delta", code="200") - before
        self.assertLessEqual(pages, 11)  # none was read twice

    def test_polled_alerts_survive_restarts_without_repeats(self):
        self.begin(ALERTS, changes=["created", "updated"], source="poll", sync="off", poll_every="1h")
        self.populate(resource=ALERTS, objects=5)
        self.sweep()
        self.assertEqual(len(self.of_source("poll")), 5)
        self.stop_cleanly()
        self.populate(resource=ALERTS, objects=3)
        self.service.start()
        self.sweep()
        self.service.kill()
        self.service.start()
        self.sweep()
        self.populate(resource=ALERTS, objects=2)
        self.sweep()
        lines = self.of_source("poll")
        self.assertEqual(len({line["id"] for line in lines}), 10)
        self.assertEqual(len({version(line)[0] for line in lines}), 10)
        self.assertEqual({line["kind"] for line in lines}, {"alert"})
        self.assertEqual(self.emulator.subscriptions(), [])
        self.assertEqual(self.metric("graphhook_sweep_found_total"), 0)

    def test_a_mailbox_of_a_hundred_folders(self):
        self.prepare()
        self.populate(user=stack.USER_ID, mailFolders=100, messagesPerFolder=3)
        self.service.start()
        self.wait_active(1)
        self.wait_baseline()
        folders = self.graph(f"{MAILBOX}/mailFolders?$top=200")["value"]
        self.assertGreaterEqual(len(folders), 100)
        for folder in folders:
            self.silently(2, "updated", f"{MAILBOX}/mailFolders('{folder['id']}')/messages", existing=True)
        changed = {(change["id"], change["etag"]) for change in self.emulator.ledger()}
        self.assertGreaterEqual(len(changed), 200)
        self.sweep()
        self.assert_found(changed)
        self.sweep()
        self.assertEqual(len(self.lines()), len(changed))

    def test_what_was_found_before_a_restart_is_not_found_again_after_it(self):
        self.begin()
        lost = self.lose(6)
        self.sweep()
        self.stop_cleanly()
        self.service.start()
        self.sweep()
        self.assertEqual({version(line) for line in self.of_source("sweep")}, lost)
        self.assertEqual(len(self.of_source("sweep")), 6)


if __name__ == "__main__":
    unittest.main()
