#!/usr/bin/env python3
"""What is accepted with resource data is proved, whatever becomes of keys, key sets, clocks and programs meanwhile."""

import json
import time
import unittest

from harness import stack
from rich_case import ALL, CHAT, RichTest

OUTAGES = ("error", "slow", "cut-off", "html", "garbage", "empty", "blank", "wrong-json", "redirect")


class Tests(RichTest):
    # What is accepted is proved, whatever ends meanwhile.

    def waits_for(self, handler, count):
        self.assertEqual(self.service.waiting(handler), count)

    def test_what_was_accepted_before_a_kill_is_proved_and_opened_without_any_network(self):
        self.begin({"chat": self.rich(CHAT, ALL)})
        self.service.cli("handlers", "pause", "audit")  # nothing is judged before the kill
        self.change(30, "created", kind="chatMessage")
        self.change(5, "deleted", kind="chatMessage")
        self.assertEqual(self.store_verdicts(), [""])
        sent = self.sent()
        self.service.kill()
        self.emulator.kill()
        self.service.start()
        self.service.cli("handlers", "resume", "audit")
        self.service.wait_idle()
        self.assert_all_with_data(sent=sent)
        self.assertEqual(len(self.texts()), 35)

    def test_what_was_judged_before_a_kill_needs_no_key_set_ever_again(self):
        target = self.serve_target(status=lambda line: 503)
        self.begin({"chat": self.rich(CHAT, ALL, ("audit", "hook"))}, handlers={
            "audit": {"type": "file", "path": self.output, "resource_data": True},
            "hook": {"type": "http", "url": target.url, "resource_data": True,
                     "retry": {"first": "20ms", "longest": "200ms"}},
        })
        self.change(10, "created", kind="chatMessage")
        self.wait_texts(10)
        self.waits_for("hook", 10)
        sent = self.sent()
        stack.wait_until(lambda: all(self.store_verdicts()), 30, "a verdict in the store", self.service.check_running)
        self.service.kill()
        self.store("DELETE FROM note WHERE name LIKE 'key_set %'")
        self.emulator.kill()
        target.status = lambda line: 200
        self.service.start()
        self.service.wait_idle()
        self.assert_all_with_data(target.taken, sent)

    def test_a_replay_trusts_the_verdict_of_then_though_the_platform_has_other_keys_now(self):
        self.begin({"chat": self.rich(CHAT, ALL)})
        self.change(5, "created", kind="chatMessage")
        self.service.wait_idle()
        self.service.cli("handlers", "pause", "audit")
        self.change(1, "created", kind="chatMessage", forge="foreign-key")  # for comparison: nothing proves it
        self.stop_cleanly()
        old = self.emulator_cli("keys", "list")
        self.emulator_cli("keys", "rotate")
        self.emulator_cli("keys", "retire")
        self.assertNotEqual(self.emulator_cli("keys", "list"), old)
        self.store("DELETE FROM note WHERE name LIKE 'key_set %'")  # as if it had been a year
        self.service.start()
        self.service.cli("handlers", "resume", "audit")
        self.wait_unproved("key_unknown")
        self.service.cli("replay", "--since", "1h", "--handler", "audit")
        self.wait_texts(10)
        texts = self.texts()
        self.assertEqual(self.with_data(texts[:5]), self.with_data(texts[5:]))
        self.assertEqual([json.loads(text)["replayed"] for text in texts], [False] * 5 + [True] * 5)
        # What comes now is proved by the new key.
        self.change(1, "created", kind="chatMessage")
        self.wait_texts(11)
        self.waits_for("audit", 1)

    # The platform's keys, and what becomes of them.

    def test_a_key_that_begins_to_sign_costs_seconds(self):
        self.begin({"chat": self.rich(CHAT)})
        self.change(3, "created", kind="chatMessage")
        self.service.wait_idle()
        self.emulator_cli("keys", "publish")
        self.emulator_cli("keys", "rotate")
        began = time.monotonic()
        self.change(3, "created", kind="chatMessage")
        self.wait_texts(6)
        self.assertLess(time.monotonic() - began, 30)
        self.service.wait_idle()
        self.assert_all_with_data()
        # The old one is known no more; what it signed is.
        self.emulator_cli("keys", "retire")
        self.restart()
        self.change(3, "created", kind="chatMessage")
        self.service.wait_idle()
        self.assert_all_with_data()

    def test_a_key_that_is_in_no_key_set_makes_its_items_wait_and_no_others(self):
        self.prepare({"chat": self.rich(CHAT)})
        recorder = self.record()
        self.service.start()
        self.wait_active(1)
        recorder.hold()
        self.change(4, "created", kind="chatMessage")
        held = [posted for posted in recorder.posts if posted.status == 202]
        recorder.release()
        self.emulator_cli("keys", "hide")
        self.change(4, "created", kind="chatMessage")
        self.wait_unproved("key_unknown", 4)
        self.assertEqual(self.texts(), [])
        # Neighbours with a key that is known go on.
        for posted in held:
            self.assertEqual(recorder.send("/graph/notifications", posted.body)[0], 202)
        self.wait_texts(4)
        self.waits_for("audit", 4)
        listed = self.service.cli_json("deliveries", "list", "--state", "waiting")
        self.assertEqual(len(listed), 4)
        self.assertIn("key_unknown", self.service.cli("deliveries", "show", listed[0]["id"]))
        self.assertEqual(self.service.cli_json("quarantine", "list"), [])
        # Key sets were fetched for it once, however often it is asked about.
        fetches = self.metric("graphhook_key_set_fetches_total")
        asked = self.metric("graphhook_items_unproved_total")
        self.wait_unproved("key_unknown", asked + 4)
        self.assertEqual(self.metric("graphhook_key_set_fetches_total"), fetches)
        # A start fetches at once; otherwise it takes five minutes.
        self.emulator_cli("keys", "reveal")
        self.restart()
        self.wait_texts(8)
        self.service.wait_idle()
        self.assert_all_with_data()

    def fetches_fail(self, least):
        """Until so many fetches of key sets came to nothing since the start."""
        stack.wait_until(
            lambda: sum(self.metric("graphhook_key_set_fetches_total", outcome=outcome)
                        for outcome in ("unreachable", "refused", "garbled")) >= least,
            60, "key sets not fetched", self.service.check_running,
        )

    def keys_fail(self, form):
        self.emulator.control("DELETE", "/faults")
        self.emulator.fault("keys", count=0, form=form, delayMilliseconds=60_000)

    def test_through_outages_of_the_key_sets_of_every_form_what_is_known_proves(self):
        self.begin({"chat": self.rich(CHAT)})
        self.change(1, "created", kind="chatMessage")
        for count, form in enumerate(OUTAGES, 2):
            self.keys_fail(form)
            self.restart()
            if form != "slow":
                self.fetches_fail(2)
            self.change(1, "created", kind="chatMessage")
            self.wait_texts(count)
        self.service.wait_idle()
        self.assert_all_with_data()
        self.assertEqual(self.metric("graphhook_items_unproved_total"), 0)

    def test_with_no_key_set_ever_items_wait_through_outages_of_every_form_and_are_handed_over_after(self):
        self.prepare({"chat": self.rich(CHAT)})
        self.keys_fail("error")
        self.service.start()
        self.wait_active(1)
        for form in OUTAGES:
            self.keys_fail(form)
            self.restart()
            self.change(1, "created", kind="chatMessage")
            self.wait_unproved("keys_missing")
            self.assertEqual(self.texts(), [])
        self.waits_for("audit", len(OUTAGES))
        self.assertEqual(self.service.cli_json("quarantine", "list"), [])
        doctor = self.service.cli("doctor", check=False).stdout
        self.assertTrue([line for line in doctor.splitlines() if line.startswith(("fail", "warn")) and "key" in line],
                        doctor)
        # It heals by itself: a fetch that failed is repeated after half a minute.
        self.emulator.control("DELETE", "/faults")
        self.wait_texts(len(OUTAGES), 90)
        self.service.wait_idle()
        self.assert_all_with_data()

    # What waits for its own reasons.

    def test_null_tokens_wait_visibly_and_delay_nobody(self):
        self.begin({"chat": self.rich(CHAT)})
        self.change(1, "created", kind="chatMessage", forge="tokens-null")
        self.wait_unproved("tokens_null")
        self.change(3, "created", kind="chatMessage")
        self.wait_texts(3)
        row, = self.service.cli_json("deliveries", "list", "--state", "waiting")
        self.assertEqual(row["handler"], "audit")
        self.assertIn("tokens_null", self.service.cli("deliveries", "show", row["id"]))
        self.assertIn("tokens_null", self.service.log_tail(1000))
        self.assertEqual(self.service.cli_json("quarantine", "list"), [])
        self.restart()
        self.wait_unproved("tokens_null")
        self.change(1, "created", kind="chatMessage")
        self.wait_texts(4)
        self.waits_for("audit", 1)
        self.assertEqual(self.metric("graphhook_items_disproved_total"), 0)

    def assert_a_wrong_clock_costs_nothing(self, offset, *emulator_options):
        self.prepare({"chat": self.rich(CHAT)}, *emulator_options)
        self.emulator_cli("token-clock", "--offset", str(offset))
        self.service.start()
        self.wait_active(1)
        self.change(3, "created", kind="chatMessage")
        self.service.wait_idle()
        self.assert_all_with_data()
        self.assertAlmostEqual(self.metric("graphhook_clock_ahead_seconds"), -offset, delta=60)
        self.assertEqual(self.metric("graphhook_items_disproved_total"), 0)
        # What even the platform's clock does not explain waits until ours is right.
        self.change(1, "created", kind="chatMessage", forge="not-yet-valid" if offset > 0 else "expired")
        self.wait_unproved("clock_doubtful")
        self.assertEqual(self.service.cli_json("quarantine", "list"), [])
        self.assertEqual(len(self.texts()), 3)

    def test_tokens_that_are_too_early_by_our_wrong_clock_are_good_by_the_platforms(self):
        self.assert_a_wrong_clock_costs_nothing(3600)

    def test_tokens_that_are_too_late_by_our_wrong_clock_are_good_by_the_platforms(self):
        self.assert_a_wrong_clock_costs_nothing(-3600, "--validation-token-lifetime", "900s")


if __name__ == "__main__":
    unittest.main()
