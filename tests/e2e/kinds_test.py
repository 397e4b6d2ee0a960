#!/usr/bin/env python3
"""The whole life of a subscription, for each kind that most people want: created, its notifications handled, renewed,
what was never notified found by a sweep, and deleted."""

import signal
import unittest

from harness import E2eTest, stack

USER = stack.USER_ID


class Tests(E2eTest):
    def sweeps(self):
        return self.service.cli_json("subscriptions", "sweeps")

    def wait_sweep(self, condition, what, seconds=60):
        stack.wait_until(lambda: any(condition(row) for row in self.sweeps()), seconds,
                         lambda: f"{what}: {self.sweeps()}", self.service.check_running)

    def of_source(self, source):
        return [line for _, line in self.lines() if line["source"] == source]

    def begin(self, resource, changes, emulator=(), **entry):
        self.entry = {"tenant": "contoso", "resource": resource, "changes": changes, "handlers": ["audit"],
                      "sync": "delta", **entry}
        self.emulator.start("--time-scale", "60", *emulator)
        self.service.configure(self.emulator.cloud, self.emulator.certificates, subscriptions={},
                               reconcile={"removal_grace": "0s"})
        self.service.config["subscriptions"]["it"] = self.entry
        self.service.write_config()

    def silently(self, count, change, resource):
        self.emulator.control("POST", "/changes", {
            "resource": resource, "tenant": stack.TENANT_ID, "change": change, "count": count, "silent": True,
        })

    def sweep_finds(self, count):
        """A sweep hands over exactly so many, and a second one nothing more."""
        before = len(self.of_source("sweep"))
        self.service.cli("subscriptions", "sweep", "it")
        stack.wait_until(lambda: len(self.of_source("sweep")) >= before + count, 60,
                         lambda: f"{count} found, not {len(self.of_source('sweep')) - before}; {self.sweeps()}",
                         self.service.check_running)
        done = self.sweeps()[0]["swept_at"]
        self.service.cli("subscriptions", "sweep", "it")
        self.wait_sweep(lambda row: row["swept_at"] != done and row["wanted_at"] is None, "a second sweep")
        self.service.wait_idle()
        found = self.of_source("sweep")
        self.assertEqual(len(found), before + count, found)
        return found[before:]

    def renew(self):
        before = self.emulator.subscriptions()[0]
        self.service.cli("subscriptions", "renew", "it")
        self.wait_metric("graphhook_renewals_total", 1, outcome="renewed")
        after = self.emulator.subscriptions()[0]
        self.assertEqual(after["id"], before["id"])
        self.assertGreaterEqual(after["expirationDateTime"], before["expirationDateTime"])

    def delete(self):
        self.service.config["subscriptions"] = {}
        self.service.write_config()
        self.service.process.send_signal(signal.SIGHUP)
        stack.wait_until(lambda: not self.emulator.subscriptions(), 60, "no subscription left",
                         self.service.check_running)

    def whole_life(self, resource, changes, change="created", silent="created", again=0, **entry):
        """`again`: how many of the three that were notified a sweep can not tell from what it looks for, as
        notifications of the kind name no state of the object."""
        self.begin(resource, changes, **entry)
        self.service.start()
        subscription = self.wait_active(1)[0]
        self.wait_sweep(lambda row: row["baseline_at"], "a baseline")
        self.assertEqual(self.lines(), [])
        self.finish([self.emulator.change(3, change, subscription=subscription["id"])])
        self.assertEqual(len(self.of_source("notification")), 3)
        self.assert_nothing_lost()
        self.renew()
        self.silently(2, silent, resource)
        found = self.sweep_finds(2 + again)
        self.assertEqual({line["subscription"] for line in found}, {"it"})
        self.assertEqual({line["kind"] for line in found}, {line["kind"] for _, line in self.lines()})
        self.delete()
        return found

    def whole_life_of_signals(self, resource):
        """Drives and lists: a notification says only that something changed, each changed item is handed over."""
        self.begin(resource, ["updated"])
        self.service.start()
        subscription = self.wait_active(1)[0]
        self.wait_sweep(lambda row: row["baseline_at"], "a baseline")
        job = self.emulator.change(3, "created", subscription=subscription["id"])
        self.emulator.wait_job(job)
        stack.wait_until(lambda: len(self.of_source("sweep")) >= 3, 60,
                         lambda: f"3 items, not {len(self.lines())}: {self.sweeps()}", self.service.check_running)
        self.assertEqual(self.of_source("notification"), [])
        self.renew()
        self.silently(2, "created", resource)
        found = self.sweep_finds(2)
        resources = {line["resource"] for _, line in self.lines()}
        self.assertEqual(len(resources), 5, resources)
        self.delete()
        return found

    def test_messages(self):
        found = self.whole_life(f"users/{USER}/messages", ["created", "updated", "deleted"])
        self.assertEqual({line["change"] for line in found}, {"created"})

    def test_messages_of_one_folder(self):
        self.whole_life(f"users/{USER}/mailFolders('inbox')/messages", ["created", "updated", "deleted"])

    def test_events(self):
        self.whole_life(f"users/{USER}/events", ["created", "updated", "deleted"])

    def test_contacts(self):
        self.whole_life(f"users/{USER}/contacts", ["created", "updated", "deleted"])

    def test_users(self):
        self.whole_life("users", ["updated", "deleted"], change="updated", silent="updated", again=3)

    def test_groups(self):
        self.whole_life("groups", ["updated", "deleted"], change="updated", silent="updated", again=3)

    def test_drives_of_work_and_school(self):
        self.whole_life_of_signals(f"users/{USER}/drive/root")

    def test_document_libraries(self):
        self.whole_life_of_signals("drives/b!4f0d2c9a/root")

    def test_lists(self):
        self.whole_life_of_signals("sites/contoso.sharepoint.com,1,2/lists/8e3f")

    def test_alerts_of_the_legacy_api(self):
        self.whole_life("security/alerts?$filter=vendorInformation/provider eq 'IPC'", ["created", "updated"], again=3)

    def test_alerts_are_polled(self):
        self.begin("security/alerts_v2", ["created", "updated"], source="poll", poll_every="10s", sync="off")
        self.service.start()
        self.wait_sweep(lambda row: row["baseline_at"], "a first poll")
        self.emulator.control("POST", "/data", {
            "tenant": stack.TENANT_ID, "resource": "security/alerts_v2", "objects": 4,
        })
        self.service.cli("subscriptions", "sweep", "it")
        stack.wait_until(lambda: len(self.of_source("poll")) >= 4, 60,
                         lambda: f"4 alerts, not {len(self.lines())}: {self.sweeps()}", self.service.check_running)
        self.assertEqual({line["kind"] for _, line in self.lines()}, {"alert"})
        self.assertEqual(self.emulator.subscriptions(), [])
        polled = self.sweeps()[0]["swept_at"]
        self.service.cli("subscriptions", "sweep", "it")
        self.wait_sweep(lambda row: row["swept_at"] != polled and row["wanted_at"] is None, "another poll")
        self.service.wait_idle()
        self.assertEqual(len(self.lines()), 4)


if __name__ == "__main__":
    unittest.main()
