#!/usr/bin/env python3
"""The real HAProxy in front, with the very files of deploy/haproxy, both ways."""

import os
import shutil
import socket
import ssl
import unittest

from harness import ROOT, E2eTest, stack

MESSAGES = {"messages": stack.FIVE["messages"]}


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Tests(E2eTest):
    def start_behind(self, file, tls):
        self.assertTrue(shutil.which("haproxy", path="/usr/sbin:/usr/bin"), "haproxy is not installed")
        self.emulator.start("--time-scale", "60")
        certificates = self.emulator.certificates
        port = stack.free_port()
        receiver = {"proxy_protocol": True, "trusted_proxies": ["127.0.0.1/32"]}
        if not tls:
            receiver["tls"] = None
        self.service.configure(
            self.emulator.cloud, certificates, subscriptions=MESSAGES,
            public_url=f"https://localhost:{port}/graph", receiver=receiver,
        )
        pem = os.path.join(self.folder, "both.pem")
        with open(pem, "w", encoding="ascii") as both:
            for name in (certificates.certificate, certificates.private_key):
                with open(name, encoding="ascii") as part:
                    both.write(part.read())
        self.proxy = stack.Program("haproxy", os.path.join(self.folder, "haproxy.log"))
        self.programs.append(self.proxy)
        self.proxy.launch(
            ["/usr/sbin/haproxy", "-db", "-f", os.path.join(ROOT, "deploy", "haproxy", file)],
            env={
                "GRAPHHOOK_BIND": f"127.0.0.1:{port}", "GRAPHHOOK_SERVER": f"127.0.0.1:{self.service.port}",
                "GRAPHHOOK_HOST": "localhost", "GRAPHHOOK_CA": certificates.ca_file, "GRAPHHOOK_PEM": pem,
            },
        )
        stack.wait_until(lambda: listens(port), 20, "HAProxy listens", self.proxy.check_running)
        self.service.start()
        # A create that comes before HAProxy has seen readyz fails its handshake and is retried.
        self.wait_active(1, 120)

    def works_over_a_restart(self):
        self.finish([self.emulator.change(100, "created", kind="message")])
        job = self.emulator.change(400, "updated", rate=200, objects=20, kind="message")
        self.wait_metric("graphhook_deliveries_total", 200, outcome="done")
        self.stop_cleanly()
        self.service.start()
        self.finish([job])
        self.assert_nothing_lost()
        self.proxy.check_running()

    def test_tls_passed_through(self):
        self.start_behind("tls-passthrough.cfg", tls=True)
        self.works_over_a_restart()

    def test_tls_ended_at_the_proxy(self):
        self.start_behind("tls-ended.cfg", tls=False)
        self.works_over_a_restart()

    def test_a_connection_without_the_proxy_header_is_closed(self):
        self.start_behind("tls-passthrough.cfg", tls=True)
        context = ssl.create_default_context(cafile=self.emulator.certificates.ca_file)
        with self.assertRaises(OSError), socket.create_connection(("127.0.0.1", self.service.port), timeout=30) as plain:
            context.wrap_socket(plain, server_hostname="localhost")
        self.finish([self.emulator.change(5, "created", kind="message")])


if __name__ == "__main__":
    unittest.main()
