#!/usr/bin/env python3
"""Whatever is interrupted, repeated or answered too late: of each subscription there is exactly one at Graph."""

import collections
import random
import unittest

from harness import E2eTest, stack

USER = stack.USER_ID
MESSAGES = f"users/{USER}/mailFolders('inbox')/messages"


class Tests(E2eTest):
    def entry(self, resource, changes=("created",), **more):
        return {"tenant": "contoso", "resource": resource, "changes": list(changes), "handlers": ["audit"], **more}

    def many(self, count):
        return {f"s{i}": self.entry(f"users/user{i}@contoso.com/events") for i in range(count)}

    def begin(self, entries, *emulator_options, reconcile=None):
        """Configured; serve not started."""
        self.emulator.start("--time-scale", "60", *emulator_options)
        self.service.configure(self.emulator.cloud, self.emulator.certificates, subscriptions={},
                               reconcile={"removal_grace": "0s", **(reconcile or {})})
        self.service.config["subscriptions"] = entries
        self.service.write_config()

    def creates(self):
        return self.metric("graphhook_graph_requests_total", operation="create")

    def wait_exactly_one_each(self, count, seconds=90):
        """All active, and at Graph one each and nothing else, also after another look at Graph's list."""
        self.wait_active(count, seconds)
        stack.wait_until(lambda: len(self.emulator.subscriptions()) == count, seconds,
                         lambda: f"{count}, not {len(self.emulator.subscriptions())} at Graph",
                         self.service.check_running)
        self.service.cli("subscriptions", "apply")
        at_graph = collections.Counter(one["resource"] for one in self.emulator.subscriptions())
        self.assertEqual(len(at_graph), count)
        self.assertEqual(set(at_graph.values()), {1}, at_graph)
        listed = self.service.cli_json("subscriptions", "list")
        self.assertEqual({row["graph_id"] for row in listed}, {one["id"] for one in self.emulator.subscriptions()})
        self.assertEqual({row["state"] for row in listed}, {"active"})
        self.assertEqual(self.service.cli_json("subscriptions", "plan")["orphans"], [])

    def assert_each_is_heard(self, count):
        self.finish([self.emulator.change(count, "created", kind="event")])
        self.assertEqual(len(self.lines()), count)
        self.assertEqual(len({line["subscription"] for _, line in self.lines()}), count)

    def test_creates_that_were_answered_too_late_but_happened(self):
        self.begin(self.many(6), reconcile={"request_timeout": "1s"})
        self.emulator.fault("create-late", count=6, delayMilliseconds=3000)
        self.service.start()
        self.wait_exactly_one_each(6)
        self.assertEqual(self.creates(), 6)
        self.assert_each_is_heard(6)

    def test_a_kill_in_the_middle_of_creating_many(self):
        self.begin(self.many(60))
        self.emulator.fault("create-late", count=0, delayMilliseconds=300)
        chance = random.Random(1)
        for least in (5, 20, 35):
            self.service.start()
            stack.wait_until(lambda: len(self.emulator.subscriptions()) >= least + chance.randrange(6), 60,
                             lambda: f"{least} made", self.service.check_running)
            self.service.kill()
        self.emulator.control("DELETE", "/faults")
        self.service.start()
        self.wait_exactly_one_each(60)
        self.assert_each_is_heard(60)

    def test_a_kill_before_any_answer(self):
        self.begin(self.many(8))
        self.emulator.fault("create-late", count=0, delayMilliseconds=60_000)
        for _ in range(2):
            self.service.start()
            self.emulator.wait_subscriptions(8)
            self.service.kill()
        self.emulator.control("DELETE", "/faults")
        self.service.start()
        self.wait_exactly_one_each(8)
        self.assertEqual(self.creates(), 0)
        self.assert_each_is_heard(8)

    def test_many_nudges_at_once(self):
        self.begin({})
        self.service.start()
        self.emulator.fault("create-late", count=0, delayMilliseconds=200)
        self.service.config["subscriptions"] = self.many(12)
        for _ in range(5):
            self.reload()
            self.service.cli("subscriptions", "apply", "--no-wait")
        self.wait_exactly_one_each(12)
        self.assertEqual(self.creates(), 12)
        self.assert_each_is_heard(12)

    def test_it_was_said_twice_that_one_was_removed(self):
        self.begin({"it": self.entry(MESSAGES)})
        self.service.start()
        old = self.wait_active(1)[0]["id"]
        self.emulator.fault("create-late", count=0, delayMilliseconds=500)
        self.emulator.fault("duplicate", count=1)
        self.emulator.lifecycle("subscriptionRemoved", subscription=old, keep=True)
        self.emulator.lifecycle("subscriptionRemoved", subscription=old)
        self.wait_metric("graphhook_lifecycle_notifications_total", 2, event="subscriptionRemoved")
        self.wait_metric("graphhook_renewals_total", 1, outcome="recreated")
        self.wait_exactly_one_each(1)
        self.assertNotEqual(self.emulator.subscriptions()[0]["id"], old)
        self.assertEqual(self.creates(), 2)
        self.assertEqual(self.metric("graphhook_renewals_total", outcome="recreated"), 1)

    def test_graph_refuses_a_second_one_while_an_answer_was_lost(self):
        self.begin(self.many(4), "--duplicates", "conflict", reconcile={"request_timeout": "1s"})
        self.emulator.fault("create-late", count=4, delayMilliseconds=3000)
        self.service.start()
        self.wait_exactly_one_each(4)
        self.assert_each_is_heard(4)

    def test_graph_refuses_a_second_one_beside_the_one_to_be_replaced(self):
        self.begin(self.many(3), "--duplicates", "conflict")
        self.service.start()
        self.wait_active(3)
        self.stop_cleanly()
        self.service.config["receiver"]["public_url"] = f"https://127.0.0.1:{self.service.port}/graph"
        self.service.write_config()
        self.service.start()
        stack.wait_until(lambda: {one["notificationUrl"][:17] for one in self.emulator.subscriptions()} ==
                         {"https://127.0.0.1"} and len(self.emulator.subscriptions()) == 3, 60, "replaced",
                         self.service.check_running)
        self.wait_exactly_one_each(3)
        self.assert_each_is_heard(3)

    def test_graph_refuses_a_second_one_beside_an_orphan_until_that_is_deleted(self):
        self.begin(self.many(1), "--duplicates", "conflict")
        self.service.start()
        old = self.wait_active(1)[0]["id"]
        self.stop_cleanly()
        # The store is lost.
        self.service.config["store"]["url"] = f"sqlite:{self.folder}/another.db"
        self.service.write_config()
        self.service.start()
        self.wait_metric("graphhook_subscription_orphans", 1)
        stack.wait_until(lambda: self.service.cli_json("subscriptions", "list")[0]["last_error"], 30, "refused")
        plan = self.service.cli_json("subscriptions", "plan")
        self.assertEqual([orphan["graph_id"] for orphan in plan["orphans"]], [old])
        self.assertEqual([step["verb"] for step in plan["steps"]], ["wait"])
        applied = self.service.cli("subscriptions", "apply", check=False)
        self.assertEqual(applied.returncode, 1)
        self.assertIn("'graphhook subscriptions plan' shows it: delete it", applied.stderr)
        self.assertEqual([one["id"] for one in self.emulator.subscriptions()], [old])
        self.service.cli("subscriptions", "delete", old)
        stack.wait_until(lambda: old not in [one["id"] for one in self.emulator.subscriptions()], 30, "deleted")
        self.service.cli("subscriptions", "apply")
        self.wait_exactly_one_each(1)
        self.assert_each_is_heard(1)


if __name__ == "__main__":
    unittest.main()
