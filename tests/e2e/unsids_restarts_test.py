#!/usr/bin/env python3
"""The same door for UNSIDs (unsids_test.py) when it opens, when the identity platform is away or signs with another key,
and after the service ended in one way or another."""

import os
import signal
import time
import unittest

import harness
from harness import accounting, stack
from unsids_case import API, FORGERIES, DoorTest, form, part

class Tests(DoorTest):
    """A service of its own for each test."""

    @classmethod
    def configure(cls):
        pass

    def setUp(self):
        self.begin("on", unsids={"enabled": True})

    def tearDown(self):
        self.service.kill()
        self.emulator.control("DELETE", "/faults")

    def begin(self, name, **sections):
        """A service that never ran."""
        cls = type(self)
        if cls.service.process:
            cls.service.kill()
        cls.service = stack.Graphhook(harness.BIN, os.path.join(self.folder, f"{self._testMethodName[5:30]}-{name}"))
        cls.service.configure(self.emulator.cloud, self.emulator.certificates, subscriptions={}, **sections)
        cls.door.service = cls.service

    def put_until(self, status, token, body, meanwhile=503):
        """Once it is answered so; until then another answer, and no other."""
        def asked():
            reply = self.door.put(token, body)
            self.assert_answer(reply, reply.status)
            self.assertIn(reply.status, (status, meanwhile))
            return reply.status == status
        stack.wait_until(asked, 60, f"{status} instead of {meanwhile}", self.service.check_running)

    def test_it_is_off_unless_it_is_wanted_and_a_reload_does_not_change_that(self):
        self.begin("off")
        self.service.start()
        token, _ = self.somebody()

        def nobody_there():
            for method, path in (("POST", "/graph/unsids"), ("DELETE", "/graph/unsids/one"), ("GET", "/graph/unsids"),
                                 ("OPTIONS", "/graph/unsids")):
                for proof in (token, None):
                    reply = self.door.ask(method, path, proof, form("one"))
                    self.assertEqual(reply.status, 404, reply)
                    self.assertNotIn("WWW-Authenticate", reply.headers)
        nobody_there()
        self.assertNotIn("graphhook_unsid_requests_total", self.service.get("/metrics")[1])
        self.service.config["unsids"] = {"enabled": True}
        self.service.write_config()
        self.service.process.send_signal(signal.SIGHUP)
        stack.wait_until(lambda: "unsids.enabled" in self.service.log_tail(), 30, "the reload is refused, and why",
                         self.service.check_running)
        nobody_there()
        row, = [row for row in self.doctor() if row["subject"].endswith("/graph/unsids")]
        self.assertEqual((row["check"], row["level"]), ("public-url", "fail"), row)
        self.assertIn("404 instead of 401", row["what"])
        self.assertIn("restart 'serve'", row["remedy"])
        self.assertEqual(self.service.stop(), 0)
        self.service.start()
        self.put_until(201, token, form("one"))

    def test_what_was_answered_survives_a_kill(self):
        self.service.start()
        token, user = self.somebody()
        self.put_until(201, token, form("kill-0"))
        for number in range(1, 4):
            self.assert_answer(self.door.put(token, form(f"kill-{number}", "ios")), 201)
        self.service.kill()
        there = {("kill-0", "windows"), *((f"kill-{number}", "ios") for number in range(1, 4))}
        self.assertEqual(self.of(user), there)  # read from the store
        refused = self.service.cli("unsids", "drop", "--user", user, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("serve", refused.stderr)
        self.assertEqual(self.of(user), there)
        self.service.start()
        self.assertEqual(self.of(user), there)
        self.assertEqual(self.metric("graphhook_unsids", platform="ios"), 3)
        again = form("kill-0")
        self.put_until(200, token, again)
        self.assert_answer(self.door.withdraw(token, "kill-1"), 204)
        self.service.kill()
        self.assertEqual(self.of(user), there - {("kill-1", "ios")})
        renewed, = self.listed("--unsid", "kill-0")
        self.assertEqual(accounting.seconds_of(renewed["expires_at"]), accounting.seconds_of(again["expirationDateTime"]))

    def test_with_the_identity_platform_down_at_the_first_start_clients_come_back(self):
        self.emulator.fault("keys", form="error", count=2)
        self.service.start()
        stack.wait_until(lambda: self.metric("graphhook_key_set_fetches_total", outcome="refused") == 2, 60,
                         "both fetches failed", self.service.check_running)
        token, user = self.somebody()
        reply = self.door.put(token, form("down"))
        self.assert_answer(reply, 503)
        self.assertEqual(reply.header("Retry-After"), "10")
        self.put_until(201, token, form("down"))
        self.assertEqual(self.of(user), {("down", "windows")})

    def test_without_any_keys_nothing_is_taken_and_doctor_says_why(self):
        self.emulator.fault("keys", form="error", count=0)
        self.service.start()
        token, user = self.somebody()
        for reply in (self.door.put(token, form("none")), self.door.withdraw(token, "none"),
                      self.door.put(self.somebody(forge="signature")[0], form("none"))):
            self.assert_answer(reply, 503)
            self.assertEqual(reply.header("Retry-After"), "10")
        # What no key could make good is refused all the same.
        for name in ("alg-none", "audience"):
            self.assert_answer(self.door.put(self.somebody(forge=name)[0], form("none")), 401)
        row, = [row for row in self.doctor() if row["check"] == "key-sets"]
        self.assertEqual(row["level"], "fail")
        self.assertEqual(self.metric("graphhook_unsid_requests_total", outcome="unavailable"), 3)
        self.assertEqual(self.listed("--all"), [])
        self.emulator.control("DELETE", "/faults")
        self.assertEqual(self.service.stop(), 0)
        self.service.start()
        self.put_until(201, token, form("none"))
        self.assertEqual(self.of(user), {("none", "windows")})

    def test_stored_keys_prove_after_a_restart_without_a_network(self):
        self.service.start()
        token, user = self.somebody()
        self.put_until(201, token, form("before"))
        self.assertEqual(self.service.stop(), 0)
        self.emulator.fault("outage")
        self.service.start()
        self.assert_answer(self.door.put(token, form("after")), 201)
        for version in (1, 2):
            fresh, _ = self.token(f"outage{version}@contoso.com", version=version)
            self.assert_answer(self.door.put(fresh, form(f"in-the-outage-{version}")), 201)
        for name, (status, _) in FORGERIES.items():
            self.assert_answer(self.door.put(self.somebody(forge=name)[0], form("forged")), status)
        unknown, _ = self.somebody(forge="key-unknown")
        for _ in range(2):  # nobody can say that there is no such key
            self.assert_answer(self.door.put(unknown, form("forged")), 503)
        self.assertEqual(self.of(user), {("before", "windows"), ("after", "windows")})
        self.assertEqual(self.listed("--unsid", "forged", "--all"), [])

    def test_a_key_that_begins_to_sign_costs_seconds(self):
        # Who came before the first keys were there makes nobody wait later.
        self.emulator.fault("keys", form="slow", delayMilliseconds=500, count=2)
        self.service.start()
        old, user = self.somebody(version=2)  # whose set is fetched last
        self.assert_answer(self.door.put(old, form("old-key")), 503)
        self.put_until(201, old, form("old-key"))
        fetched = lambda: self.metric("graphhook_key_set_fetches_total", outcome="ok")
        stack.wait_until(lambda: fetched() >= 2, 30, "both sets", self.service.check_running)
        self.put_until(200, old, form("old-key"))
        self.emulator.control("POST", "/keys", {"action": "rotate"})
        began = time.monotonic()
        for version in (1, 2):
            new, user = self.token(f"rotated{version}@contoso.com", version=version)
            self.assertNotEqual(part(new, 0)["kid"], part(old, 0)["kid"])
            self.put_until(201, new, form("new-key"))
            self.assertEqual(self.of(user), {("new-key", "windows")})
        self.assertLess(time.monotonic() - began, 30)
        self.assert_answer(self.door.put(old, form("old-key")), 200)

    def test_a_scope_is_demanded_where_one_is_configured(self):
        self.begin("scope", unsids={"enabled": True, "scope": "Unsids.Register"})
        self.service.start()
        right, user = self.somebody(scope="Unsids.Read Unsids.Register offline")
        self.put_until(201, right, form("scoped"))
        for scope in ("Unsids.Read", "Unsids.Registers", "unsids.register", ""):
            token, _ = self.somebody(scope=scope)
            for reply in (self.door.put(token, form("unscoped")), self.door.withdraw(token, "scoped")):
                self.assert_answer(reply, 403)
                self.assertIn('error="insufficient_scope"', reply.header("WWW-Authenticate"))
        self.assertEqual([row["unsid"] for row in self.listed("--all")], ["scoped"])

    def test_without_room_in_the_store_clients_come_back(self):
        self.begin("full", unsids={"enabled": True}, store={"reserve": "64TiB"})
        self.service.start()
        token, user = self.somebody()

        def asked():
            reply = self.door.put(token, form("full"))
            self.assert_answer(reply, 503)
            return "reason=store" in self.service.log_tail(200)
        stack.wait_until(asked, 60, lambda: self.service.log_tail(), self.service.check_running)
        self.assertEqual(self.of(user, "--all"), set())

    def test_check_refuses_what_could_serve_nobody(self):
        self.service.config["tenants"] = {}
        self.service.write_config()
        done = self.service.cli("check", check=False)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        self.assertIn("'unsids.enabled' needs a tenant", done.stdout + done.stderr)
        self.begin("sound", unsids={"enabled": True})  # nothing is subscribed; its users may come
        done = self.service.cli("check", check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("tenant 'contoso'", done.stdout + done.stderr)
        self.begin("check", unsids={"enabled": True, "scope": f"{API}/Unsids.Register"})
        done = self.service.cli("check", check=False)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        self.assertIn("'unsids.scope' is one permission", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
