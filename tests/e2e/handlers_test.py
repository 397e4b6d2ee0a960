#!/usr/bin/env python3
"""Handlers that fail, wait, refuse and come back: nothing is lost, order is kept, an operator can repair."""

import collections
import http.server
import json
import threading
import unittest

from harness import E2eTest, accounting, stack

MESSAGES = {"messages": stack.FIVE["messages"]}


class Target:
    """An HTTP target on loopback whose answers a test decides: `answer(delivery) -> status`."""

    def __init__(self, answer):
        self.answer, self.lines = answer, []
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                line = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = target.answer(line)
                if status < 300:
                    target.lines.append((accounting.seconds_of(line["received_at"]), line))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/graph"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Tests(E2eTest):
    def start_http(self, answer, **handler):
        target = Target(answer)
        self.addCleanup(target.stop)
        retry = {"first": "20ms", "longest": "200ms"} | handler.pop("retry", {})
        self.start(subscriptions=MESSAGES, handlers={
            "tickets": {"type": "http", "url": target.url, "retry": retry, **handler},
        })
        return target

    def test_a_target_that_fails_now_and_then_gets_everything_in_order(self):
        calls = collections.Counter()

        def answer(line):
            calls[line["id"]] += 1
            return 503 if calls[line["id"]] == 1 and int(line["id"]) % 10 == 0 else 200

        target = self.start_http(answer, workers=4)
        self.finish([self.emulator.change(200, "updated", kind="message", objects=20)])
        self.assert_nothing_lost(target.lines)
        self.assertEqual(self.metric("graphhook_dead_letters"), 0)

    def test_an_item_that_is_refused_dies_alone_and_is_replayed_on_an_operators_word(self):
        mended = threading.Event()
        victims = set()

        def answer(line):
            if not mended.is_set() and (not victims or line["id"] in victims):
                victims.add(line["id"])
                return 422
            return 200

        target = self.start_http(answer, retry={"attempts": 2})
        self.emulator.wait_job(self.emulator.change(30, "created", kind="message"))
        self.wait_metric("graphhook_dead_letters", 1)
        self.service.wait_idle()
        self.assertEqual(len(target.lines), 29)
        listed = self.service.cli("dead-letters", "list")
        self.assertIn(victims.copy().pop(), listed)
        mended.set()
        self.service.cli("dead-letters", "replay", "--handler", "tickets", "--all")
        stack.wait_until(lambda: len(target.lines) == 30, 30, "the dead one was handed over")
        self.assertTrue(target.lines[-1][1]["replayed"])
        stack.wait_until(lambda: self.metric("graphhook_dead_letters") == 0, 30, "no dead letter is left")

    def test_a_target_that_is_away_uses_up_no_attempts(self):
        back = threading.Event()
        target = self.start_http(lambda line: 200 if back.is_set() else 503, retry={"attempts": 1})
        self.emulator.wait_job(self.emulator.change(50, "created", kind="message"))
        self.wait_metric("graphhook_handler_circuit_open", 1)
        self.assertEqual(self.service.waiting(), 50)
        back.set()
        self.service.wait_idle()
        self.assert_nothing_lost(target.lines)
        self.assertEqual(self.metric("graphhook_dead_letters"), 0)

    def test_a_paused_handler_gets_nothing_until_it_is_resumed_even_over_a_restart(self):
        self.start(subscriptions=MESSAGES)
        self.service.cli("handlers", "pause", "audit")
        self.emulator.wait_job(self.emulator.change(20, "created", kind="message"))
        self.stop_cleanly()
        self.service.start()
        self.assertEqual(self.service.waiting(), 20)
        self.assertEqual(self.lines(), [])
        self.service.cli("handlers", "resume", "audit")
        self.service.wait_idle()
        self.assert_nothing_lost()

    def test_several_handlers_each_get_everything(self):
        paths = [f"{self.folder}/{name}.jsonl" for name in ("one", "two")]
        self.start(subscriptions=MESSAGES, handlers={
            "one": {"type": "file", "path": paths[0]}, "two": {"type": "file", "path": paths[1]},
        })
        self.finish([self.emulator.change(100, "updated", kind="message", objects=9)])
        for path in paths:
            self.assert_nothing_lost(accounting.read_lines(path))

    def test_what_was_handled_is_handed_over_again_by_replay(self):
        self.start(subscriptions=MESSAGES)
        self.finish([self.emulator.change(15, "created", kind="message")])
        self.service.cli("replay", "--since", "1h", "--handler", "audit")
        stack.wait_until(lambda: len(self.lines()) == 30, 30, "all came again")
        self.assertEqual(sum(line["replayed"] for _, line in self.lines()), 15)


if __name__ == "__main__":
    unittest.main()
