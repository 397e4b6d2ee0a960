#!/usr/bin/env python3
"""The main job: Graph's notifications in over HTTPS, stored before 202, handled."""

import contextlib
import json
import ssl
import subprocess
import unittest
import urllib.request

from harness import E2eTest, accounting, stack


class Tests(E2eTest):
    def test_changes_of_five_kinds_are_notified_and_handled(self):
        self.start()
        tail = accounting.Tail(self.output)
        jobs = [
            self.emulator.change(60, change, kind=kind, objects=objects)
            for kind, change, objects in (
                ("message", "created", 0), ("message", "updated", 7), ("message", "deleted", 0),
                ("event", "updated", 5), ("contact", "created", 0), ("drive", "updated", 0), ("alert", "updated", 9),
            )
        ]
        self.finish(jobs)
        tail.stop()
        self.assert_nothing_lost(tail.lines)
        self.assertEqual(accounting.handed_over_twice(tail.lines), 0)
        self.assertEqual({line["kind"] for _, line in tail.lines}, {"message", "event", "contact", "drive", "alert"})
        self.assertEqual({line["subscription"] for _, line in tail.lines}, set(stack.FIVE))
        for _, line in tail.lines:
            self.assertNotIn("clientState", line["item"])
        self.assertGreaterEqual(self.metric("graphhook_notifications_received_total"), 420)
        self.stop_cleanly()

    def test_equal_items_without_content_fold_into_one_that_waits(self):
        self.start(subscriptions={"drive": stack.FIVE["drive"]})
        self.service.cli("handlers", "pause", "audit")
        tail = accounting.Tail(self.output)
        self.emulator.wait_job(self.emulator.change(50, kind="drive"))
        self.service.cli("handlers", "resume", "audit")
        self.service.wait_idle()
        tail.stop()
        self.assert_nothing_lost(tail.lines)
        self.assertEqual(self.metric("graphhook_items_folded_total") + len(tail.lines), 50)
        self.assertLess(len(tail.lines), 50)

    def test_what_graph_sends_twice_is_handled_once(self):
        self.start(subscriptions={"messages": stack.FIVE["messages"]})
        self.emulator.fault("duplicate", count=0)
        self.finish([self.emulator.change(200, "created", kind="message")])
        stack.wait_until(lambda: self.metric("graphhook_items_repeated_total") > 0, 30, "repeats counted")
        self.service.wait_idle()
        self.assert_nothing_lost()
        self.assertEqual(len(self.lines()), 200)

    def test_what_graph_sends_in_another_order_is_all_handled(self):
        self.start(subscriptions={"messages": stack.FIVE["messages"]})
        self.emulator.fault("reorder", count=0)
        self.finish([self.emulator.change(300, "updated", kind="message", objects=10)])
        self.assert_nothing_lost()

    def test_forged_items_are_never_handled_and_counted_by_reason(self):
        self.start(subscriptions={"messages": stack.FIVE["messages"]})
        self.emulator.fault("wrong-client-state", count=5)
        self.emulator.wait_job(self.emulator.change(100, "created", kind="message"))
        # From somebody who knows neither an id nor a client state.
        body = {"value": [{
            "subscriptionId": "11111111-0000-4000-8000-000000000000", "clientState": "guessed", "changeType": "created",
            "tenantId": stack.TENANT_ID, "resource": "users/x/messages/y", "resourceData": {"id": "y"},
        }]}
        context = ssl.create_default_context(cafile=self.emulator.certificates.ca_file)
        request = urllib.request.Request(
            f"https://localhost:{self.service.port}/graph/notifications", json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30, context=context) as reply:
            self.assertEqual(reply.status, 202)  # Graph would only repeat it
        self.service.wait_idle()
        self.assertEqual(self.metric("graphhook_items_refused_total", reason="client_state"), 5)
        self.assertEqual(self.metric("graphhook_items_refused_total", reason="unknown_subscription"), 1)
        self.assertEqual(len(self.lines()), 95)

    def test_a_store_without_room_answers_503_and_loses_nothing(self):
        # More room is wanted in reserve than any machine has.
        self.start(subscriptions={"messages": stack.FIVE["messages"]}, store={"reserve": "60TiB"}, wait_active=False)
        self.emulator.wait_subscriptions(1)
        job = self.emulator.change(40, "created", kind="message")
        self.wait_metric("graphhook_http_requests_total", 1, code="503")
        self.assertEqual(self.service.get("/readyz")[0], 200)
        self.assertEqual(self.metric("graphhook_store_notifications"), 0)
        self.stop_cleanly()
        self.service.config["store"]["reserve"] = "64MiB"
        self.service.write_config()
        self.service.start()
        self.finish([job])
        self.assert_nothing_lost()

    def test_the_store_has_one_serve_and_a_second_is_told_who_holds_it(self):
        self.start(subscriptions={"messages": stack.FIVE["messages"]})
        second = stack.Graphhook(self.service.program.rpartition("/")[0], self.folder, "second")
        second.config_file += ".second"
        second.config = {
            **self.service.config,
            "receiver": {**self.service.config["receiver"], "listen": f"127.0.0.1:{second.port}"},
            "admin": {"listen": f"127.0.0.1:{second.admin_port}", "socket": ""},
        }
        second.write_config()
        done = subprocess.run([second.program, "serve", "-c", second.config_file],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(str(self.service.pid), done.stderr)
        self.finish([self.emulator.change(10, "created", kind="message")])

    def test_nothing_secret_is_logged_or_stored_in_the_clear(self):
        self.start(subscriptions={"messages": stack.FIVE["messages"]}, log={"level": "trace"})
        self.finish([self.emulator.change(20, "created", kind="message")])
        self.stop_cleanly()
        with contextlib.ExitStack() as files:
            written = b"".join(
                files.enter_context(open(path, "rb")).read()
                for path in (self.service.log_file, self.service.store_file, self.output)
            )
        self.assertNotIn(stack.CLIENT_SECRET.encode(), written)
        self.assertNotIn(b"clientState", written)
        self.assertNotIn(b"eyJ", written.replace(b"keyJ", b""))  # how an access token begins


if __name__ == "__main__":
    unittest.main()
