#!/usr/bin/env python3
"""`graphhook doctor`: says that all is well when it is, and what to do about each thing that is not."""

import email.utils
import http.server
import json
import os
import socket
import ssl
import subprocess
import threading
import time
import unittest

from harness import E2eTest, stack

MESSAGES = {"it": (f"users/{stack.USER_ID}/messages", ["created"])}


class Stranger(http.server.ThreadingHTTPServer):
    """Somebody else's HTTPS server with our certificate. `say(handler)`: status, headers, body."""

    def __init__(self, certificates, say):
        super().__init__(("127.0.0.1", 0), type("Handler", (http.server.BaseHTTPRequestHandler,), {
            "do_GET": self.answer, "do_POST": self.answer, "log_message": lambda *_: None,
        }))
        self.say = say
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.certificate, certificates.private_key)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @staticmethod
    def answer(handler):
        length = int(handler.headers.get("Content-Length") or 0)
        handler.rfile.read(length)
        status, headers, body = handler.server.say(handler)
        handler.send_response_only(status)
        headers = {"Content-Type": "application/json", "Server": "stranger/1.0",
                   "Date": email.utils.formatdate(usegmt=True), **headers}
        for name, value in {**headers, "Content-Length": len(body)}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    @property
    def url(self):
        return f"https://localhost:{self.server_port}"


class Tests(E2eTest):
    def setUp(self):
        super().setUp()
        # The system's authorities, for the public URL.
        os.environ["SSL_CERT_FILE"] = self.emulator.certificates.ca_file

    def configure(self, *emulator_options, **sections):
        self.emulator.start("--time-scale", "60", *emulator_options)
        self.service.configure(self.emulator.cloud, self.emulator.certificates,
                               subscriptions=sections.pop("subscriptions", MESSAGES), **sections)

    def well(self, *emulator_options, **sections):
        self.configure(*emulator_options, **sections)
        self.service.start()
        self.wait_active(1)

    def stranger(self, say):
        server = Stranger(self.emulator.certificates, say)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def doctor(self, code):
        """What it finds, having exited with that."""
        done = self.service.cli("doctor", "--output", "json", check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        rows = json.loads(done.stdout)
        for row in rows:
            self.assertEqual(set(row), {"level", "check", "subject", "what", "remedy"})
            self.assertTrue(row["what"], row)
            self.assertEqual(row["level"] != "ok", bool(row["remedy"]), row)
        return rows

    def only(self, rows, check, level="fail"):
        """What it says of one thing; and nothing else fails."""
        other = [row for row in rows if row["level"] == "fail" and row["check"] != check]
        self.assertEqual(other, [])
        found = [row for row in rows if row["check"] == check and row["level"] == level]
        self.assertTrue(found, rows)
        return found[0]

    def rsa(self, days, name="app"):
        files = [os.path.join(self.folder, f"{name}.{end}") for end in ("crt", "key")]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", str(days), "-subj", f"/CN={name}",
             "-keyout", files[1], "-out", files[0]], check=True, capture_output=True, timeout=60)
        return files

    def test_all_is_well(self):
        certificate, key = self.rsa(30)
        self.configure("--app-certificate", f"{stack.CLIENT_ID}={certificate}")
        self.service.config["tenants"]["contoso"]["credential"] = {"certificate": certificate, "private_key": key}
        self.service.config["subscriptions"]["it"]["sync"] = "delta"
        self.service.write_config()
        self.service.start()
        self.wait_active(1)
        self.wait_baseline()
        rows = self.doctor(0)
        self.assertEqual({row["level"] for row in rows}, {"ok"}, rows)
        self.assertEqual({row["check"] for row in rows}, {
            "configuration", "serve", "store", "certificate", "public-url", "token", "permissions", "credential", "clock",
            "subscription", "handler", "quarantine"})
        said = self.service.cli("doctor")
        self.assertEqual(len(said.splitlines()), len(rows))
        for line in said.splitlines():
            self.assertRegex(line, r"^ok   [a-z-]+[ :]")
        self.assertNotIn("\x1b", said)  # no colours off a terminal

    def test_while_serve_is_down_the_store_is_asked(self):
        self.well()
        self.stop_cleanly()
        rows = self.doctor(1)  # nobody answers the public URL now
        said = self.only(rows, "public-url")
        self.assertIn("nobody can be reached", said["what"])
        self.assertIn("firewall", said["remedy"])
        self.assertIn("not running", next(row for row in rows if row["check"] == "serve")["what"])
        self.assertEqual([row["level"] for row in rows if row["check"] == "store"], ["ok"])

    def test_a_store_that_is_not_there_yet(self):
        self.configure()
        said = self.only(self.doctor(1), "public-url")
        self.assertTrue(said)
        rows = [row for row in self.doctor(1) if row["check"] == "store"]
        self.assertEqual([row["level"] for row in rows], ["warn"])
        self.assertIn("not there yet", rows[0]["what"])

    def test_a_store_that_can_not_be_opened(self):
        self.configure()
        with open(self.service.store_file, "wb") as file:
            file.write(b"this is no database, and never was one " * 200)
        rows = [row for row in self.doctor(1) if row["check"] == "store"]
        self.assertEqual([row["level"] for row in rows], ["fail"])
        self.assertIn("docs/store.md", rows[0]["remedy"])

    def test_a_configuration_that_is_refused(self):
        self.configure()
        self.service.config["subscriptions"]["it"]["changes"] = ["renamed"]
        self.service.write_config()
        rows = self.doctor(3)
        self.assertEqual(rows[0]["check"], "configuration")
        self.assertIn("renamed", rows[0]["what"])

    def test_a_missing_permission_is_named(self):
        self.configure("--permissions", "User.Read.All,Calendars.Read")
        self.service.start()
        stack.wait_until(lambda: self.metric("graphhook_subscriptions_failing") or
                         self.metric("graphhook_subscriptions", state="parked"), 30, "refused")
        rows = self.doctor(1)
        said = next(row for row in rows if row["check"] == "permissions")
        self.assertEqual(said["level"], "fail")
        self.assertIn("lacks Mail.Read", said["what"])
        self.assertIn("Calendars.Read", said["what"])  # what it has
        self.assertIn("Mail.Read", said["remedy"])
        self.assertIn("admin consent", said["remedy"])
        refused = next(row for row in rows if row["check"] in ("subscription", "tenant"))
        self.assertIn("permission", refused["what"] + refused["remedy"])

    def test_a_public_url_that_somebody_else_answers(self):
        self.well()
        page = b"<!DOCTYPE html><html><body>Please sign in</body></html>"
        other = self.stranger(lambda _: (200, {"Content-Type": "text/html"}, page))
        self.service.config["receiver"]["public_url"] = f"{other.url}/graph"
        self.service.write_config()
        said = self.only(self.doctor(1), "public-url")
        self.assertIn("HTML page", said["what"])
        self.assertIn("stranger/1.0", said["what"])
        self.assertTrue(said["remedy"])

    def test_a_public_url_that_wants_a_login_or_leads_elsewhere(self):
        self.well()
        reply = [403, {}]
        other = self.stranger(lambda _: (*reply, b"{}"))
        self.service.config["receiver"]["public_url"] = f"{other.url}/graph"
        self.service.write_config()
        said = self.only(self.doctor(1), "public-url")
        self.assertIn("403", said["what"])
        self.assertIn("authentication", said["remedy"])
        reply[:] = [308, {"Location": "https://example.org/other"}]
        said = self.only(self.doctor(1), "public-url")
        self.assertIn("redirect", said["what"])
        self.assertIn("https://example.org/other", said["what"])

    def test_a_public_url_whose_name_is_not_known(self):
        self.well()
        self.service.config["receiver"]["public_url"] = "https://hooks.invalid/graph"
        self.service.write_config()
        said = self.only(self.doctor(1), "public-url")
        self.assertIn("resolved", said["what"])
        self.assertIn("DNS", said["remedy"])

    def test_a_public_certificate_that_nobody_vouches_for(self):
        self.well()
        del os.environ["SSL_CERT_FILE"]
        said = self.only(self.doctor(1), "public-url")
        self.assertIn("not to be trusted", said["what"])
        self.assertIn("public authority", said["remedy"])

    def test_a_public_url_that_takes_connections_and_says_nothing(self):
        self.well()
        with socket.create_server(("127.0.0.1", 0)) as mute:
            # Taken, and closed without a word.
            threading.Thread(target=self.hang_up, args=(mute,), daemon=True).start()
            self.service.config["receiver"]["public_url"] = f"https://localhost:{mute.getsockname()[1]}/graph"
            self.service.write_config()
            said = self.only(self.doctor(1), "public-url")
        self.assertIn("TLS", said["what"] + said["remedy"])

    @staticmethod
    def hang_up(listener):
        while True:
            try:
                listener.accept()[0].close()
            except OSError:
                return

    def certificate(self, begin, end):
        """One for localhost of the tests' authority with these dates, served to the public."""
        key, request, made = (os.path.join(self.folder, f"public.{end}") for end in ("key", "csr", "crt"))
        home = os.path.join(self.folder, "authority")
        os.makedirs(home)
        for name, text in (("index.txt", ""), ("serial", "1000\n"), ("ca.cnf", "\n".join((
                "[ca]", "default_ca=it", "[it]", f"database={home}/index.txt", f"serial={home}/serial",
                f"new_certs_dir={home}", "default_md=sha256", "policy=any", "x509_extensions=names", "[any]",
                "commonName=supplied", "[names]", "subjectAltName=DNS:localhost")))):
            with open(os.path.join(home, name), "w", encoding="ascii") as file:
                file.write(text)
        folder = self.emulator.certificates_folder
        when = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 86400 * days)) for days in (begin, end)]
        for command in (
            ["req", "-new", "-newkey", "rsa:2048", "-noenc", "-subj", "/CN=localhost", "-keyout", key, "-out", request],
            ["ca", "-batch", "-config", f"{home}/ca.cnf", "-cert", f"{folder}/ca.pem", "-keyfile", f"{folder}/ca.key",
             "-startdate", when[0], "-enddate", when[1], "-in", request, "-out", made, "-notext"],
        ):
            subprocess.run(["openssl", *command], check=True, capture_output=True, timeout=60)
        self.service.config["receiver"]["tls"] = {"certificate": made, "private_key": key}
        self.service.write_config()

    def test_an_expired_certificate(self):
        self.configure()
        self.certificate(-10, -1)
        self.service.start()
        rows = self.doctor(1)
        said = next(row for row in rows if row["check"] == "certificate")
        self.assertEqual(said["level"], "fail")
        self.assertRegex(said["what"], "ended|expired")
        self.assertIn("renew", said["remedy"])
        self.assertEqual({row["level"] for row in rows if row["check"] == "public-url"}, {"fail"})

    def test_a_certificate_that_ends_soon(self):
        self.configure()
        self.certificate(-10, 5)
        self.service.start()
        self.wait_active(1)
        rows = self.doctor(0)
        said = self.only(rows, "certificate", "warn")
        self.assertIn("in 4 days", said["what"])
        self.only(rows, "public-url", "warn")

    def graph_that_says(self, say):
        """Another Graph; the identity platform stays the emulator's."""
        other = self.stranger(say)
        self.service.config["tenants"]["contoso"]["cloud"]["graph"] = other.url
        self.service.write_config()

    def clock(self, seconds):
        self.well()
        self.graph_that_says(
            lambda _: (404, {"Date": email.utils.formatdate(time.time() + seconds, usegmt=True)}, b"{}"))

    def test_a_clock_that_is_wrong(self):
        self.clock(-300)
        said = self.only(self.doctor(1), "clock")
        self.assertRegex(said["what"], r"(299|300|301) s ahead of")
        self.assertIn("NTP", said["remedy"])

    def test_a_clock_that_is_a_little_wrong(self):
        self.clock(60)
        said = self.only(self.doctor(0), "clock", "warn")
        self.assertIn("behind", said["what"])

    def secret_ends(self, days):
        self.well()
        application = {"passwordCredentials": [{
            "hint": stack.CLIENT_SECRET[:3], "keyId": "1", "startDateTime": "2020-01-01T00:00:00Z",
            "endDateTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400 * days)),
        }], "keyCredentials": []}
        self.graph_that_says(lambda handler: (200, {}, json.dumps(application).encode())
                             if "applications(" in handler.path else (404, {}, b"{}"))

    def test_a_secret_that_ends_soon(self):
        self.secret_ends(7)
        said = self.only(self.doctor(0), "credential", "warn")
        self.assertIn("client secret", said["what"])
        self.assertIn("in 6 days", said["what"])
        self.assertIn("new client secret", said["remedy"])

    def test_a_secret_that_has_ended(self):
        self.secret_ends(-1)
        said = self.only(self.doctor(1), "credential")
        self.assertIn("client secret", said["what"])

    def test_a_certificate_of_the_app_that_ends_soon(self):
        certificate, key = self.rsa(3)
        self.configure("--app-certificate", f"{stack.CLIENT_ID}={certificate}")
        self.service.config["tenants"]["contoso"]["credential"] = {"certificate": certificate, "private_key": key}
        self.service.write_config()
        self.service.start()
        self.wait_active(1)
        said = self.only(self.doctor(0), "credential", "warn")
        self.assertIn("certificate", said["what"])
        self.assertIn("register it", said["remedy"])

    def test_a_wrong_secret(self):
        self.well()
        self.service.config["tenants"]["contoso"]["credential"] = {"client_secret": "wrong"}
        self.service.write_config()
        said = self.only(self.doctor(1), "token")
        self.assertIn("AADSTS7000215", said["what"])
        self.assertIn("value", said["remedy"])

    def test_an_identity_platform_that_is_out_of_reach(self):
        self.well()
        self.service.config["tenants"]["contoso"]["cloud"]["login"] = f"https://localhost:{stack.free_port()}"
        self.service.write_config()
        rows = self.doctor(1)
        self.assertIn("network", self.only(rows, "token")["remedy"])
        self.assertIn("warn", {row["level"] for row in rows if row["check"] == "clock"})

    def test_what_graph_refused_is_explained_once(self):
        self.configure(subscriptions={name: (f"users/{name}/messages", ["created"]) for name in ("ann", "ben")})
        self.emulator.fault("server-error", status=403, code="ExtensionError", count=0, path="subscriptions")
        self.service.start()
        stack.wait_until(lambda: self.metric("graphhook_graph_requests_total", code="403") >= 1, 30, "refused")
        rows = [row for row in self.doctor(1) if row["level"] == "fail"]
        self.assertTrue({row["check"] for row in rows} <= {"subscription", "tenant"}, rows)
        self.assertEqual(len(rows), len({(row["subject"], row["what"]) for row in rows}))

    def test_dead_letters_and_a_paused_handler(self):
        self.well(handlers={"audit": {"type": "file", "path": self.output},
                            "refusing": {"type": "http", "url": f"http://127.0.0.1:{stack.free_port()}/",
                                         "retry": {"attempts": 1}}})
        self.service.cli("handlers", "pause", "audit")
        said = self.only(self.doctor(0), "handler", "warn")
        self.assertIn("paused", said["what"])
        self.assertIn("resume", said["remedy"])


if __name__ == "__main__":
    unittest.main()
