#!/usr/bin/env python3
"""Client apps hand in UNSIDs at `{public_url}/unsids` with access tokens of graph-emulator, good and forged: whose they
are, what is refused and how, and that nobody there keeps Graph's notifications waiting."""

import collections
import http.client
import json
import os
import socket
import subprocess
import threading
import time
import unittest
import urllib.parse

from harness import accounting, stack
from unsids_case import (API, APP, CONTACTS, FABRIKAM, FABRIKAM_APP, FORGERIES, OUTCOMES, STRANGERS, DoorTest, coded, form,
                         instant, part)

class Tests(DoorTest):
    """One service, which runs all the time."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.service.start()
        cls.emulator.wait_subscriptions(1)
        # The keys are there with the first token that is taken.
        token, _ = cls.somebody()
        stack.wait_until(lambda: cls.door.put(token, form("first")).status < 300, 60, "key sets",
                         cls.service.check_running)

    # Handing in, renewing, withdrawing.

    def test_an_unsid_is_registered_renewed_and_withdrawn(self):
        token, user = self.somebody()
        expires = instant(3600)
        reply = self.door.put(token, form("A1c6.e8_a5:5d-0d", "Windows", expirationDateTime=expires))
        self.assert_answer(reply, 201)
        row, = self.listed("--user", user)
        self.assertEqual({name: row[name] for name in ("tenant", "tenant_id", "user_id", "unsid", "platform", "client_id", "live")},
                         {"tenant": "contoso", "tenant_id": stack.TENANT_ID, "user_id": user, "unsid": "A1c6.e8_a5:5d-0d",
                          "platform": "windows", "client_id": APP, "live": True})
        self.assertEqual(accounting.seconds_of(row["expires_at"]), accounting.seconds_of(expires))
        later = instant(366 * 86400 - 60)
        reply = self.door.put(token, form("A1c6.e8_a5:5d-0d", "WINDOWS", expirationDateTime=later))
        self.assert_answer(reply, 200)
        renewed, = self.listed("--user", user)
        self.assertEqual(accounting.seconds_of(renewed["expires_at"]), accounting.seconds_of(later))
        self.assertGreaterEqual(renewed["registered_at"], row["registered_at"])
        # The same one of another device is one more, and both go at once.
        self.assert_answer(self.door.put(token, form("A1c6.e8_a5:5d-0d", "ios")), 201)
        self.assertEqual(self.of(user), {("A1c6.e8_a5:5d-0d", "windows"), ("A1c6.e8_a5:5d-0d", "ios")})
        self.assert_answer(self.door.withdraw(token, "a1c6.e8_a5:5d-0d"), 204)  # another one: letters count
        self.assertEqual(len(self.of(user)), 2)
        for _ in range(2):
            self.assert_answer(self.door.withdraw(token, "A1c6.e8_a5:5d-0d"), 204)
            self.assertEqual(self.of(user), set())

    def test_a_user_who_really_signed_in_hands_one_in(self):
        device = self.platform("devicecode", client_id=APP, scope=f"offline_access {API}/Unsids.Register")
        self.emulator.control("POST", "/identity/approve",
                              {"userCode": device["user_code"], "user": "really@contoso.com"})
        tokens = self.platform("token", client_id=APP, device_code=device["device_code"],
                      grant_type="urn:ietf:params:oauth:grant-type:device_code")
        self.door.secrets |= {tokens["access_token"], tokens["refresh_token"]}
        self.assert_answer(self.door.put(tokens["access_token"], form("of-the-device")), 201)
        user = part(tokens["access_token"], 1)["oid"]
        self.assertEqual(self.of(user), {("of-the-device", "windows")})
        # The same sign-in, for Graph: that token is Graph's alone.
        graph = self.platform("token", client_id=APP, refresh_token=tokens["refresh_token"], grant_type="refresh_token",
                     scope="https://graph.microsoft.com/Mail.Read")["access_token"]
        self.door.secrets.add(graph)
        self.assert_answer(self.door.put(graph, form("with-graphs")), 401)
        self.assertEqual(self.of(user), {("of-the-device", "windows")})
        again = self.platform("token", client_id=APP, refresh_token=tokens["refresh_token"], grant_type="refresh_token",
                     scope=f"{API}/.default")["access_token"]
        self.door.secrets.add(again)
        self.assert_answer(self.door.withdraw(again, "of-the-device"), 204)
        self.assertEqual(self.of(user), set())

    def test_the_documented_command_makes_a_token_that_is_taken(self):
        command = [self.emulator.program, "user-token", "--user", "cli@contoso.com", "--tenant", stack.TENANT_ID, "--app", APP,
                   "--audience", API, "--scope", "Notifications.Register"]
        for more, status in (([], 201), (["--version", "2"], 200), (["--forge", "expired"], 401)):
            done = subprocess.run(command + more, capture_output=True, text=True, check=True, env={
                **os.environ, "GRAPH_EMULATOR_URL": self.emulator.url,
                "GRAPH_EMULATOR_CA": self.emulator.certificates.ca_file})
            token = done.stdout.strip()
            self.door.secrets.add(token)
            self.assert_answer(self.door.put(token, form("by-command")), status)
        self.assertEqual(self.of(part(token, 1)["oid"]), {("by-command", "windows")})

    def test_times_are_read_however_client_apps_write_them(self):
        token, user = self.somebody()
        self.assert_answer(self.door.put(token, form("in-time")), 201)
        day = instant(30 * 86400)[:10]
        for written, read in (
            (f"{day}T12:59:00Z", f"{day}T12:59:00Z"),
            (f"{day}T12:59:00.0000000Z", f"{day}T12:59:00Z"),
            (f"{day}T12:59:00.25+00:00", f"{day}T12:59:00.250000Z"),
            (f"{day}T12:59:00+05:30", f"{day}T07:29:00Z"),
            (f"{day}T12:59:00-08:00", f"{day}T20:59:00Z"),
        ):
            with self.subTest(written=written):
                self.assert_answer(self.door.put(token, form("in-time", expirationDateTime=written)), 200)
                row, = self.listed("--user", user)
                self.assertEqual(row["expires_at"], read)

    def test_whose_it_is_says_the_token_and_nothing_else(self):
        token, user = self.somebody()
        _, victim = self.somebody()
        for name in ("user", "userId", "user_id", "oid", "tid", "tenant", "clientId", "registered_at"):
            reply = self.door.put(token, form("stolen", **{name: victim}))
            message = self.assert_bad(reply, None)
            self.assertIn("a member other than unsid, platform and expirationDateTime", message)
            self.assert_no_echo(reply, victim, f'"{name}"')
        for path in (f"/graph/unsids?user={victim}", f"/graph/unsids?oid={victim}&tid={stack.TENANT_ID}"):
            reply = self.door.ask("POST", path, token, form("mine-alone"), headers=[("X-User", victim)])
            self.assertIn(reply.status, (200, 201))
        self.assertEqual(self.of(victim), set())
        self.assertEqual(self.of(user), {("mine-alone", "windows")})
        self.door.unsids.add("mine-alone")

    def test_nobody_touches_what_is_somebody_elses(self):
        shared = "the-same-for-all"
        ann, ann_id = self.somebody()
        ben, ben_id = self.somebody()
        eve, eve_id = self.token("eve@fabrikam.com", FABRIKAM, f"api://{FABRIKAM_APP}", version=2)
        for token in (ann, ben, eve):
            self.assert_answer(self.door.put(token, form(shared)), 201)
        tenants = {row["user_id"]: (row["tenant"], row["tenant_id"]) for row in self.listed("--unsid", shared)}
        self.assertEqual(tenants, {ann_id: ("contoso", stack.TENANT_ID), ben_id: ("contoso", stack.TENANT_ID),
                                   eve_id: ("fabrikam", FABRIKAM)})
        self.assert_answer(self.door.withdraw(eve, shared), 204)
        self.assertEqual({row["user_id"] for row in self.listed("--unsid", shared)}, {ann_id, ben_id})
        self.assert_answer(self.door.withdraw(ben, shared), 204)
        self.assertEqual({row["user_id"] for row in self.listed("--unsid", shared)}, {ann_id})
        # Of each tenant only its own application's tokens count, whoever is configured beside it.
        for user, tenant, audience in (("eve@fabrikam.com", FABRIKAM, API),
                                       ("ann@contoso.com", stack.TENANT_ID, f"api://{FABRIKAM_APP}"),
                                       ("mia@strangers.com", STRANGERS, API),
                                       ("mia@strangers.com", STRANGERS, f"api://{FABRIKAM_APP}")):
            for version in (1, 2):
                foreign, _ = self.token(user, tenant, audience, version=version)
                self.assert_answer(self.door.put(foreign, form(shared)), 401)
                self.assert_answer(self.door.withdraw(foreign, shared), 401)
        self.assertEqual({row["user_id"] for row in self.listed("--unsid", shared)}, {ann_id})

    def test_a_user_has_sixteen_and_the_oldest_gives_way(self):
        other, other_id = self.somebody()
        self.assert_answer(self.door.put(other, form("bound-0")), 201)
        token, user = self.somebody()
        for number in range(16):
            self.assert_answer(self.door.put(token, form(f"bound-{number}")), 201)
        self.assert_answer(self.door.put(token, form("bound-0")), 200)  # now the newest
        for number in range(16, 20):
            self.assert_answer(self.door.put(token, form(f"bound-{number}")), 201)
        self.assertEqual(self.of(user), {(f"bound-{number}", "windows") for number in (0, *range(5, 20))})
        self.assertEqual([row["unsid"] for row in self.listed("--user", user, "--limit", "2")], ["bound-19", "bound-18"])
        self.assertEqual(self.of(other_id), {("bound-0", "windows")})

    def test_an_expired_one_is_used_no_more_and_goes_away(self):
        token, user = self.somebody()
        self.assert_answer(self.door.put(token, form("stays", "android")), 201)
        self.assert_answer(self.door.put(token, form("goes", "webpush", seconds=4)), 201)
        gauge = lambda: self.metric("graphhook_unsids", platform="webpush")
        before = gauge()
        stack.wait_until(lambda: self.of(user) == {("stays", "android")}, 30, "it is listed no more")
        stack.wait_until(lambda: self.of(user, "--all") == {("stays", "android")}, 30, "it is there no more")
        stack.wait_until(lambda: gauge() == 0, 30, lambda: f"gauge was {before}, is {gauge()}")
        self.assertGreaterEqual(self.metric("graphhook_unsids", platform="android"), 1)
        # What is said of the user goes to the one that lives, though the other was newer.
        said = self.service.cli("notify-user", "--dry-run", "--tenant", "contoso", "--user", user, "--host",
                                "notify.example.com", "--title", "hello")
        self.assertIn("stays", said)
        self.assertNotIn("goes", said)
        # Handed in again it is a new one.
        self.assert_answer(self.door.put(token, form("goes", "webpush")), 201)
        stack.wait_until(lambda: gauge() == 1, 30, lambda: f"gauge: {gauge()}")

    def test_an_operator_drops_one_a_users_or_a_tenants(self):
        ann, ann_id = self.somebody()
        ben, ben_id = self.somebody()
        eve, eve_id = self.token("eva@fabrikam.com", FABRIKAM, f"api://{FABRIKAM_APP}")
        for token in (ann, ben, eve):
            for unsid in ("to-drop-1", "to-drop-2"):
                self.assert_answer(self.door.put(token, form(unsid)), 201)
        self.assertEqual(self.service.cli_json("unsids", "drop", "--unsid", "to-drop-1", "--user", ann_id), {"dropped": 1})
        self.assertEqual(self.service.cli_json("unsids", "drop", "--user", ben_id), {"dropped": 2})
        self.assertEqual(self.service.cli_json("unsids", "drop", "--user", ben_id), {"dropped": 0})
        self.assertEqual(self.of(ann_id), {("to-drop-2", "windows")})
        self.assertGreaterEqual(self.service.cli_json("unsids", "drop", "--tenant", "fabrikam", "--all")["dropped"], 2)
        self.assertEqual(self.listed("--tenant", "fabrikam"), [])
        self.assertEqual(self.of(ann_id), {("to-drop-2", "windows")})
        for wrong in ((), ("--all",), ("--tenant", "contoso"), ("--user", ann_id, "--all", "--tenant", "contoso")):
            self.assertEqual(self.service.cli("unsids", "drop", *wrong, check=False).returncode, 2, wrong)
        self.assertEqual(self.of(ann_id), {("to-drop-2", "windows")})

    # Forged ones.

    def test_every_forgery_is_refused_and_leaves_nothing(self):
        done = subprocess.run([self.emulator.program, "user-token", "--help"], capture_output=True, text=True, check=True)
        known = done.stdout.split("--forge TEXT:{")[1].split("}")[0].split(",")
        self.assertEqual(set(known), {*FORGERIES, "key-unknown"})
        user = "forged@contoso.com"
        for version in (1, 2):
            good, user_id = self.token(user, version=version)
            self.assert_answer(self.door.put(good, form(f"genuine-{version}")), 201)
            for name, (status, error) in FORGERIES.items():
                with self.subTest(forgery=name, version=version):
                    forged, _ = self.token(user, version=version, forge=name)
                    for reply in (self.door.put(forged, form("forged")), self.door.withdraw(forged, f"genuine-{version}"),
                                  self.door.put(forged, form("", "", -1, user=user_id))):  # before the body is judged
                        self.assert_answer(reply, status)
                        self.assertIn(f'Bearer error="{error}", error_description="', reply.header("WWW-Authenticate"))
                        self.assert_no_echo(reply, user, user_id, "forged", *forged.split(".")[:2])
        self.assertEqual(self.of(user_id, "--all"), {("genuine-1", "windows"), ("genuine-2", "windows")})
        self.assertEqual(self.listed("--unsid", "forged", "--all"), [])

    def test_a_token_that_somebody_changed_is_refused(self):
        good, user = self.somebody()
        _, victim = self.somebody()
        head, claims, signature = good.split(".")
        other = coded(part(good, 1) | {"oid": victim})
        changed = {
            "another user": f"{head}.{other}.{signature}",
            "another header": f"{coded(part(good, 0) | {'alg': 'HS256'})}.{claims}.{signature}",
            "no signature": f"{head}.{claims}.",
            "two parts": f"{head}.{claims}",
            "four parts": f"{good}.{signature}",
            "padded": good + "==",
            "no token": "x",
            "long": "x" * 12_000,
        }
        for name, token in changed.items():
            with self.subTest(changed=name):
                reply = self.door.put(token, form("changed"))
                self.assert_answer(reply, 401)
                self.assertIn('error="invalid_token"', reply.header("WWW-Authenticate"))
                self.assert_no_echo(reply, token)
        self.assertEqual(self.of(user) | self.of(victim), set())
        self.assertEqual(self.listed("--unsid", "changed"), [])

    def test_a_key_that_nobody_published_is_looked_for_once_and_then_refused(self):
        forged, user = self.somebody(forge="key-unknown")
        first = self.door.put(forged, form("unknown-key"))
        self.assert_answer(first, 503)
        self.assertEqual(first.header("Retry-After"), "10")
        stack.wait_until(lambda: (reply := self.door.put(forged, form("unknown-key"))).status != 503 and
                         self.assert_answer(reply, 401) is None, 60, "refused", self.service.check_running)
        # From then on no such token has anything fetched.
        fetched = self.metric("graphhook_key_set_fetches_total")
        for _ in range(5):
            another, _ = self.somebody(forge="key-unknown", version=2)
            self.assert_answer(self.door.put(another, form("unknown-key")), 401)
        self.assertEqual(self.metric("graphhook_key_set_fetches_total"), fetched)
        self.assertEqual(self.of(user), set())
        good, _ = self.somebody()
        self.assert_answer(self.door.put(good, form("known-key")), 201)

    def test_a_scopeless_token_of_the_service_itself_is_nobodys(self):
        token = self.platform("token", client_id=stack.CLIENT_ID, client_secret=stack.CLIENT_SECRET,
                              grant_type="client_credentials", scope="https://graph.microsoft.com/.default")["access_token"]
        self.door.secrets.add(token)
        self.assert_answer(self.door.put(token, form("with-our-own")), 401)

    # Bad input.

    def test_a_bad_form_is_refused_with_the_member_named_and_nothing_repeated(self):
        token, user = self.somebody()
        good = form("form")
        lacking = lambda name: {key: value for key, value in good.items() if key != name}
        cases = [
            *((name, lacking(name)) for name in good),
            *((name, good | {name: value}) for name in good
              for value in (None, 7, 7.5, True, [], ["ios"], {}, {"unsid": "zzz"}, "")),
            *(("unsid", good | {"unsid": value}) for value in (
                "x" * 129, "white space", "new\nline", "a/b", "../x", "ünsid", "zero\0", "<script>", "%41", "a,b")),
            *(("platform", good | {"platform": value}) for value in ("linux", "windows ", "Wındows", "ios,android")),
            *(("expirationDateTime", good | {"expirationDateTime": value}) for value in (
                "tomorrow", "2999-01-01", "2999-01-01T00:00:00", "1795302076", instant(-1), "2020-01-01T00:00:00Z",
                instant(367 * 86400), "2999-12-31T23:59:59Z", "2999-02-30T00:00:00Z", "2999-01-01T25:00:00Z")),
            *((name, good | {name.upper(): good[name]}) for name in good),
            *((name, json.dumps(good)[:-1] + f', "{name}": {json.dumps(good[name])}}}') for name in good),
            ("unsid", json.dumps(good)[:-1] + ', "uns\\u0069d": "again"}'),
            *((None, text) for text in (
                "", " ", "nothing", "null", "[]", '"text"', "7", "[" + json.dumps(good) + "]", json.dumps(good)[:-1],
                json.dumps(good) + "x", json.dumps(good) + json.dumps(good), "{" * 4000, b"\xff\xfe{}",
                b'{"unsid": "\xc3\x28"}', json.dumps(good).encode("utf-16"))),
            (None, good | {"": 1}), (None, good | {"unsid2": "zzz"}), (None, good | {"error": {"target": "zzz"}}),
        ]
        connection = self.door.connect()  # one for all of them: a refusal ends nothing
        for target, body in cases:
            with self.subTest(target=target, body=body):
                reply = self.door.send(connection, "POST", "/graph/unsids", token, body)
                message = self.assert_bad(reply, target)
                self.assertRegex(message, r"^(The|More) .*\.$")
                self.assert_no_echo(reply, user, token, "zzz", "linux", "tomorrow", "script", "again", "2999", "ünsid")
        self.assertEqual(self.door.send(connection, "POST", "/graph/unsids", token, good).status, 201)
        connection.close()
        self.assertEqual(self.of(user), {("form", "windows")})
        self.door.unsids.add("form")

    def test_a_bad_path_withdraws_nothing(self):
        token, user = self.somebody()
        self.assert_answer(self.door.put(token, form("kept")), 201)
        for path in ("x" * 129, "a%20b", "a%00b", "%", "%zz", "*", "kept%2F", "kept%0a", "%C3%BC", "kept+"):
            with self.subTest(path=path):
                reply = self.door.ask("DELETE", f"/graph/unsids/{path}", token)
                self.assert_bad(reply, "unsid")
                self.assert_no_echo(reply, path if len(path) > 3 else "zz")
        for path in ("/graph/unsids/", "/graph/unsids/kept/", "/graph/unsids//kept", "/graph/unsidsx", "/unsids",
                     "/graph//unsids", "/graph/unsids/../unsids"):
            for method in ("POST", "DELETE"):
                self.assertEqual(self.door.ask(method, path, token, form("kept-2")).status, 404, path)
        self.assertEqual(self.of(user), {("kept", "windows")})
        self.assert_answer(self.door.ask("DELETE", "/graph/unsids/k%65pt", token, "what is this"), 204)
        self.assertEqual(self.of(user), set())

    def test_other_methods_are_told_which_are_allowed(self):
        token, user = self.somebody()
        self.assert_answer(self.door.put(token, form("methods")), 201)
        for path, allowed, others in (
            ("/graph/unsids", "POST", ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")),
            ("/graph/unsids/methods", "DELETE", ("GET", "HEAD", "PUT", "PATCH", "POST", "OPTIONS", "TRACE", "BREW")),
        ):
            for method in others:
                for proof in (token, None):
                    with self.subTest(method=method, path=path):
                        reply = self.door.ask(method, path, proof, headers=[("Origin", "https://evil.example")])
                        self.assert_answer(reply, 405)
                        self.assertEqual(reply.header("Allow"), allowed)
        self.assertEqual(self.of(user), {("methods", "windows")})

    def test_type_coding_and_size_are_looked_at_before_the_token(self):
        token, user = self.somebody()
        good = json.dumps(form("large"))
        for proof in (token, "not-a-good-one"):
            for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp", "x"):
                reply = self.door.put(proof, good, headers=[("Content-Type", kind)])
                self.assert_bad(reply, None, 415)
                self.assert_no_echo(reply, kind if len(kind) > 1 else "jsonp")
            for coding in ("gzip", "deflate", "br", "identity, gzip"):
                self.assert_bad(self.door.put(proof, good, headers=[("Content-Encoding", coding)]), None, 415)
            self.assert_bad(self.door.put(proof, good + " " * (4097 - len(good))), None, 413)
            self.assert_bad(self.door.put(proof, "x" * 100_000), None, 413)
        self.assert_answer(self.door.put(token, good + " " * (4096 - len(good))), 201)
        for kind in ("application/json; charset=utf-8", "Application/JSON"):
            self.assert_answer(self.door.put(token, good, headers=[("Content-Type", kind)]), 200)
        # In pieces, and without an end.
        for size, status in ((4096, 200), (4097, 413), (100_000, 413)):
            text = good + " " * (size - len(good))
            self.assertEqual(self.in_chunks(token, text), status, size)
            self.door.answered[status] += 1
        self.assertEqual(self.of(user), {("large", "windows")})
        self.door.unsids.add("large")

    def in_chunks(self, token, text):
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=60) as plain, \
                self.door.context.wrap_socket(plain, server_hostname="localhost") as link:
            pieces = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (
                text[start:start + 1000].encode() for start in range(0, len(text), 1000)))
            try:
                link.sendall(f"POST /graph/unsids HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
                             "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + pieces + b"0\r\n\r\n")
            except OSError:
                pass  # it was answered before it was read
            return int(link.recv(4096).split()[1])

    def test_without_one_bearer_token_in_the_header_nothing_is_looked_at(self):
        token, user = self.somebody()
        good = form("no-header")
        bearer = ("Authorization", f"Bearer {token}")
        without = {
            "none": [],
            "empty": [("Authorization", "")],
            "scheme alone": [("Authorization", "Bearer")],
            "blank": [("Authorization", "Bearer ")],
            "another scheme": [("Authorization", f"Basic {token}")],
            "no scheme": [("Authorization", token)],
            "twice": [bearer, bearer],
            "two tokens": [("Authorization", f"Bearer {token} {token}")],
            "a list": [("Authorization", f"Bearer {token}, Bearer {token}")],
            "quoted": [("Authorization", f'Bearer "{token}"')],
            "proxy": [("Proxy-Authorization", f"Bearer {token}")],
            "cookie": [("Cookie", f"access_token={token}")],
        }
        for name, headers in without.items():
            with self.subTest(header=name):
                for reply in (self.door.put(None, good, headers=headers),
                              self.door.put(None, "no form at all", headers=headers),
                              self.door.withdraw(None, "no-header", headers=headers)):
                    self.assert_answer(reply, 401)
                    self.assertEqual(reply.header("WWW-Authenticate"), "Bearer")
        # RFC 6750 knows two more places; neither is taken.
        for path in (f"/graph/unsids?access_token={token}", f"/graph/unsids?Authorization=Bearer%20{token}"):
            self.assert_answer(self.door.ask("POST", path, None, good), 401)
        body = urllib.parse.urlencode({"access_token": token, **good})
        kind = [("Content-Type", "application/x-www-form-urlencoded")]
        self.assert_answer(self.door.put(None, body, headers=kind), 401)
        self.assertEqual(self.of(user), set())
        # Beyond the limit of all headers nobody is asked who it is.
        self.assertEqual(self.door.put("x" * 20_000, good).status, 431)
        self.assertEqual(self.of(user), set())
        self.assert_answer(self.door.put(None, good, headers=[("authorization", f"bEARER {token}")]), 201)

    # Graph goes first.

    def test_a_flood_of_tokens_keeps_neither_notifications_nor_handshakes_waiting(self):
        started = self.service.metrics()
        good = [self.somebody()[0] for _ in range(4)]
        bad = [self.somebody(forge=name)[0] for name in FORGERIES]
        stop, trouble, threads = threading.Event(), [], []

        def flood(tokens, number):
            connection = self.door.connect()
            try:
                for count in range(100_000):
                    if stop.is_set():
                        break
                    token = tokens[count % len(tokens)]
                    reply = self.door.send(connection, "POST", "/graph/unsids", token, form(f"flood-{number}-{count % 9}"))
                    if reply.status not in (200, 201, 401, 403, 503):
                        trouble.append(reply)
                        break
            except (OSError, http.client.HTTPException) as error:
                trouble.append(error)
            finally:
                connection.close()

        for number, tokens in enumerate([bad] * 6 + [good] * 2):
            threads.append(threading.Thread(target=flood, args=(tokens, number)))
        self.door.unsids |= {f"flood-{number}-{count}" for number in (6, 7) for count in range(9)}
        answered = collections.Counter(self.door.answered)
        for thread in threads:
            thread.start()
        try:
            stack.wait_until(lambda: self.door.answered[401] > answered[401] + 50, 60, "a flood")
            job = self.emulator.change(400, "created", rate=200, resource=CONTACTS)
            handshakes = 0
            while not self.emulator.control("GET", f"/jobs/{job}")["done"]:
                word = f"is anybody there {handshakes}"
                began = time.monotonic()
                reply = self.door.ask("POST", "/graph/notifications?" + urllib.parse.urlencode({"validationToken": word}))
                self.assertEqual((reply.status, reply.text), (200, word))
                self.assertLess(time.monotonic() - began, 10)  # Graph's own patience
                handshakes += 1
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        self.assertEqual(trouble, [])
        self.assertGreater(handshakes, 3)
        report = self.emulator.wait_job(job)
        self.assertEqual((report["items"], report["accepted"]), (400, 400), report)
        self.assertLess(self.metric("graphhook_slow_reply_ratio"), 0.1)  # beyond, Graph delays what it has for us
        self.assertEqual(self.metric("graphhook_drop_reply_ratio"), 0)
        self.service.wait_idle()
        lines = accounting.read_lines(os.path.join(self.folder, "handled.jsonl"))
        self.assertEqual(accounting.lost(self.emulator.ledger(), lines), [])
        # And those who belong there were served meanwhile.
        for name in ("registered", "unauthorized", "forbidden"):
            before = stack.metric_sum(started, "graphhook_unsid_requests_total", outcome=name)
            self.assertGreater(self.metric("graphhook_unsid_requests_total", outcome=name), before)

    # What an operator sees.

    def test_doctor_says_whether_tokens_can_be_proved(self):
        rows = self.doctor()
        row, = [row for row in rows if row["check"] == "key-sets"]
        self.assertEqual((row["level"], row["subject"]), ("ok", self.emulator.url))
        row, = [row for row in rows if row["subject"].endswith("/graph/unsids")]
        self.assertEqual((row["check"], row["level"]), ("public-url", "ok"), row)
        self.emulator.fault("keys", form="error", count=0)
        try:
            row, = [row for row in self.doctor() if row["check"] == "key-sets"]
        finally:
            self.emulator.control("DELETE", "/faults")
        self.assertEqual(row["level"], "fail")
        self.assertIn("the keys that it signs tokens with can not be fetched", row["what"])
        self.assertIn("see that this machine reaches it", row["remedy"])

    def test_zz_what_was_counted_is_what_was_answered(self):
        wanted = collections.Counter()
        for status, count in self.door.answered.items():
            if status in OUTCOMES:
                wanted[OUTCOMES[status]] += count
        counted = {name: self.metric("graphhook_unsid_requests_total", outcome=name) for name in set(OUTCOMES.values())}
        self.assertEqual(counted, wanted)
        self.assertEqual(self.metric("graphhook_unsid_requests_total"), sum(wanted.values()))
        live = collections.Counter(row["platform"] for row in self.listed("--limit", "10000"))
        self.assertGreater(live["windows"], 10)
        stack.wait_until(lambda: {name: self.metric("graphhook_unsids", platform=name) for name in live} == live, 30,
                         lambda: f"{live}: {self.service.metrics()}")

    def test_zzz_no_token_is_found_anywhere_and_no_unsid_where_it_does_not_belong(self):
        self.assertGreater(len(self.door.secrets), 30)
        text = self.service.get("/metrics")[1]
        self.assertIn("graphhook_unsid_requests_total", text)
        places = {"metrics": text}
        for command in (("status",), ("handlers", "list"), ("deliveries", "list"), ("subscriptions", "list"), ("doctor",)):
            places[command[0]] = self.service.cli(*command, check=False).stdout
        for name in ("status", "subscriptions", "handlers"):
            connection = http.client.HTTPConnection("localhost")
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(self.service.socket)
            connection.request("GET", f"/api/v1/{name}")
            reply = connection.getresponse()
            self.assertEqual(reply.status, 200)
            places[f"/api/v1/{name}"] = reply.read().decode()
            connection.close()
        with open(self.service.log_file, encoding="utf-8") as log:
            places["log"] = log.read()
        self.assertIn("unsids: registered", places["log"])
        self.assertIn("unsids: refused", places["log"])
        # Those that could stand there for another reason are no witnesses.
        unsids = [unsid for unsid in self.door.unsids if "-" in unsid and len(unsid) > 7]
        self.assertGreater(len(unsids), 30)
        for place, text in places.items():
            self.assertNotIn("eyJ", text, place)  # how every token begins
            for unsid in unsids:
                self.assertNotIn(unsid, text, place)
        self.assertEqual(self.service.stop(), 0, self.service.log_tail())
        for name in os.listdir(self.folder):
            path = os.path.join(self.folder, name)
            if not name.startswith("graphhook.db") or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                content = file.read()
            for secret in self.door.secrets:
                for piece in secret.split(".")[1:]:
                    if len(piece) > 20:
                        self.assertNotIn(piece.encode(), content, name)


if __name__ == "__main__":
    unittest.main()
