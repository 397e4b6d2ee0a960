#!/usr/bin/env python3
"""Stopping under load loses nothing, and takes no longer than it should."""

import http.client
import os
import shutil
import signal
import socket
import ssl
import time
import unittest

from harness import E2eTest, stack

MESSAGES = {"messages": stack.FIVE["messages"]}


class Tests(E2eTest):
    def client(self):
        context = ssl.create_default_context(cafile=self.emulator.certificates.ca_file)
        return http.client.HTTPSConnection("localhost", self.service.port, timeout=20, context=context)

    def test_sigterm_under_load_loses_nothing(self):
        self.start(subscriptions=MESSAGES, receiver={"drain_delay": "500ms"})
        job = self.emulator.change(2000, "updated", rate=400, objects=50, kind="message")
        for _ in range(3):
            handled = self.metric("graphhook_deliveries_total", outcome="done")
            self.wait_metric("graphhook_deliveries_total", handled + 100, outcome="done")
            self.stop_cleanly()
            self.service.start()
        self.finish([job])
        self.assert_nothing_lost()

    def test_while_draining_readiness_fails_and_notifications_are_taken(self):
        self.start(subscriptions=MESSAGES, receiver={"drain_delay": "3s"})
        self.service.process.send_signal(signal.SIGTERM)
        stack.wait_until(lambda: self.service.get("/readyz")[0] == 503, 10, "readyz fails")
        client = self.client()
        client.request("POST", "/graph/notifications?validationToken=still%20here")
        reply = client.getresponse()
        self.assertEqual((reply.status, reply.read()), (200, b"still here"))
        self.assertEqual(reply.getheader("Connection", "").lower(), "close")
        self.assertEqual(self.service.process.wait(30), 0)

    def test_a_second_sigterm_stops_at_once(self):
        self.start(subscriptions=MESSAGES, receiver={"drain_delay": "60s"})
        self.service.process.send_signal(signal.SIGTERM)
        stack.wait_until(lambda: self.service.get("/readyz")[0] == 503, 10, "readyz fails")
        began = time.monotonic()
        self.service.process.send_signal(signal.SIGTERM)
        self.service.process.wait(30)
        self.assertLess(time.monotonic() - began, 20)
        self.service.start()
        self.finish([self.emulator.change(5, "created", kind="message")])

    def test_a_renewed_certificate_is_taken_up_without_dropping_a_connection(self):
        self.start(subscriptions=MESSAGES)
        tls = self.service.config["receiver"]["tls"]
        client = self.client()
        client.request("GET", "/livez")
        self.assertEqual(client.getresponse().read() and 200, 200)
        # Another authority altogether, so that it shows who was taken up.
        other = stack.Certificates(os.path.dirname(self.emulator.program), os.path.join(self.folder, "other"))
        shutil.copy(other.certificate, tls["certificate"])
        shutil.copy(other.private_key, tls["private_key"])
        context = ssl.create_default_context(cafile=other.ca_file)

        def taken_up():
            try:
                with context.wrap_socket(socket.create_connection(("127.0.0.1", self.service.port)),
                                         server_hostname="localhost"):
                    return True
            except ssl.SSLError:
                return False
        stack.wait_until(taken_up, 60, "the new certificate is served", self.service.check_running)
        client.request("GET", "/livez")  # the connection of before
        self.assertEqual(client.getresponse().status, 200)

    def test_a_configuration_that_does_not_check_is_refused_on_reload_and_the_old_one_stays(self):
        self.start(subscriptions=MESSAGES)
        self.service.config["receiver"]["no_such_key"] = 1
        self.service.write_config()
        self.service.process.send_signal(signal.SIGHUP)
        stack.wait_until(lambda: "no_such_key" in self.service.log_tail(), 20, "the key is named", self.service.check_running)
        self.finish([self.emulator.change(5, "created", kind="message")])
        self.assert_nothing_lost()


if __name__ == "__main__":
    unittest.main()
