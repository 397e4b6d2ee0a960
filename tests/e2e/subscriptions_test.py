#!/usr/bin/env python3
"""Subscriptions are created, kept alive, created anew and removed, whatever Graph does."""

import signal
import unittest

from harness import E2eTest, stack

MESSAGES = {"messages": stack.FIVE["messages"]}


class Tests(E2eTest):
    def still_works(self, kind="message", change="created"):
        before = len(self.lines())
        self.finish([self.emulator.change(10, change, kind=kind)])
        self.assertEqual(len(self.lines()), before + 10)
        self.assert_nothing_lost()

    def reload(self):
        self.service.write_config()
        self.service.process.send_signal(signal.SIGHUP)

    def test_wanted_ones_are_created_and_unwanted_ones_removed_on_reload(self):
        self.start(subscriptions=MESSAGES, reconcile={"removal_grace": "0s"})
        self.service.config["subscriptions"]["events"] = {
            "tenant": "contoso", "resource": stack.FIVE["events"][0], "changes": ["created"], "handlers": ["audit"],
        }
        self.reload()
        self.wait_active(2)
        self.still_works("event")
        del self.service.config["subscriptions"]["messages"]
        self.reload()
        left = self.emulator.wait_subscriptions(1)
        self.assertEqual(left[0]["kind"], "event")
        self.still_works("event")

    def test_a_restart_keeps_the_subscriptions_that_there_are(self):
        self.start()
        before = {one["id"] for one in self.emulator.subscriptions()}
        self.stop_cleanly()
        self.service.start()
        self.wait_active(5)
        self.assertEqual({one["id"] for one in self.emulator.subscriptions()}, before)
        self.still_works()

    def test_one_is_renewed_on_an_operators_word(self):
        self.start(subscriptions={"messages": stack.FIVE["messages"]})
        before = self.emulator.subscriptions()[0]
        self.service.cli("subscriptions", "renew", "messages")
        self.wait_metric("graphhook_renewals_total", 1, outcome="renewed")
        after = self.emulator.subscriptions()[0]
        self.assertEqual(after["id"], before["id"])
        self.assertGreaterEqual(after["expirationDateTime"], before["expirationDateTime"])
        self.still_works()

    def test_reauthorization_is_given_when_graph_asks(self):
        self.start(subscriptions=MESSAGES)
        subscription = self.emulator.subscriptions()[0]["id"]
        self.emulator.lifecycle("reauthorizationRequired", subscription=subscription, pause=True)
        stack.wait_until(lambda: not self.emulator.subscriptions()[0]["paused"], 30, "reauthorized")
        self.wait_metric("graphhook_lifecycle_notifications_total", 1, event="reauthorizationRequired")
        self.assertEqual(self.emulator.subscriptions()[0]["id"], subscription)
        self.still_works()

    def test_a_removed_one_is_created_anew(self):
        self.start(subscriptions=MESSAGES)
        old = self.emulator.subscriptions()[0]["id"]
        self.emulator.lifecycle("subscriptionRemoved", subscription=old)
        self.wait_metric("graphhook_renewals_total", 1, outcome="recreated")
        self.assertNotEqual(self.wait_active(1)[0]["id"], old)
        self.still_works()

    def test_one_that_graph_forgot_is_found_gone_and_created_anew(self):
        self.start(subscriptions=MESSAGES)
        old = self.emulator.subscriptions()[0]["id"]
        self.emulator.fault("forget", subscription=old)
        self.service.cli("subscriptions", "renew", "messages")
        self.wait_metric("graphhook_renewals_total", 1, outcome="recreated")
        self.assertNotEqual(self.wait_active(1)[0]["id"], old)
        self.still_works()

    def test_missed_is_counted_and_handed_to_the_lifecycle_handler(self):
        watch = f"{self.folder}/lifecycle.jsonl"
        self.start(subscriptions=MESSAGES, handlers={
            "audit": {"type": "file", "path": self.output},
            "watch": {"type": "file", "path": watch, "routes": [{"lifecycle": True}]},
        })
        self.emulator.lifecycle("missed", all=True)
        self.wait_metric("graphhook_lifecycle_notifications_total", 1, event="missed")
        self.wait_metric("graphhook_deliveries_total", 1, handler="watch", outcome="done")
        with open(watch, encoding="utf-8") as file:
            self.assertIn('"change":"missed"', file.readline())
        self.still_works()

    def test_a_create_that_is_answered_too_late_leaves_exactly_one(self):
        self.emulator.start("--time-scale", "60")
        self.emulator.fault("create-late", count=1, delayMilliseconds=4000)
        self.service.configure(self.emulator.cloud, self.emulator.certificates, subscriptions=MESSAGES,
                               reconcile={"request_timeout": "1s"})
        self.service.start()
        self.wait_active(1, 180)
        self.still_works()
        self.assertEqual(len(self.emulator.subscriptions()), 1)

    def test_throttling_is_obeyed_and_survived(self):
        self.emulator.start("--time-scale", "60")
        self.emulator.fault("throttle", count=3, retryAfterSeconds=1)
        self.service.configure(self.emulator.cloud, self.emulator.certificates, subscriptions=MESSAGES)
        self.service.start()
        self.wait_active(1)
        self.assertEqual(self.metric("graphhook_graph_throttled_total"), 3)
        self.still_works()

    def test_an_identity_platform_that_fails_is_asked_again(self):
        self.emulator.start("--time-scale", "60")
        self.emulator.fault("token-error", count=2)
        self.service.configure(self.emulator.cloud, self.emulator.certificates, subscriptions=MESSAGES)
        self.service.start()
        self.wait_active(1, 120)
        self.assertGreaterEqual(self.metric("graphhook_token_requests_total", outcome="ok"), 1)
        self.still_works()


if __name__ == "__main__":
    unittest.main()
