#!/usr/bin/env python3
"""Notifications with resource data: the whole life of a subscription, each item proved by the token of its tenant and
application, and what nobody may see."""

import base64
import collections
import datetime
import glob
import hashlib
import hmac
import http.client
import json
import os
import re
import socket
import time
import unittest

from harness import stack
from rich_case import ALL, CHAT, USER, RichTest

MESSAGES = f"users/{USER}/messages?$select=subject,from"
FABRIKAM = "0f0e0d0c-1111-2222-3333-444455556666"
FABRIKAM_APP = "22222222-3333-4444-5555-666677778888"
SECRET = "what the target and we know"
# In every plaintext of a chat message, and nowhere else.
MARKERS = (b"As of change", b"aadUser", b"en-us")


class Tests(RichTest):
    # The whole life of a subscription.

    def whole_life(self, resource, changes, minutes, credential=None, **entry):
        target, bare_target = self.serve_target(), self.serve_target()
        self.prepare(
            {"it": self.rich(resource, changes, ("audit", "plain", "hook", "bare-hook"), **entry)},
            "--device-code-interval", "0s",
            handlers={
                "audit": {"type": "file", "path": self.output, "resource_data": True},
                "plain": {"type": "file", "path": self.plain},
                "hook": {"type": "http", "url": target.url, "resource_data": True, "secret": SECRET},
                "bare-hook": {"type": "http", "url": bare_target.url, "secret": SECRET},
            },
        )
        if credential:
            self.service.config["tenants"]["contoso"]["credential"] = credential
            self.service.write_config()
            with self.login():
                pass
        self.service.cli("check")
        self.service.start()
        subscription = self.wait_active(1)[0]
        key = self.service.cli_json("keys", "list")[0]
        self.assertEqual((key["id"], key["state"]), ("first", "current"))
        self.assert_rich(subscription, key, minutes)

        for change in changes:
            self.change(2, change, subscription=subscription["id"])
        self.service.wait_idle()
        count = 2 * len(changes)
        for texts in (self.texts(), target.taken):
            self.assert_all_with_data(texts)
            self.assert_secrets_are_kept_from(texts)
        for texts in (self.texts(self.plain), bare_target.taken):
            self.assertEqual(len(texts), count)
            self.assertEqual([text for text in texts if "data" in json.loads(text)], [])
            self.assert_secrets_are_kept_from(texts)
        # What a change is about is the same with and without.
        self.assertEqual(sorted(json.loads(text)["resource"] for text in self.texts(self.plain)),
                         sorted(json.loads(text)["resource"] for text in self.texts()))
        for to in (target, bare_target):
            for text, headers in zip(to.taken, to.headers_taken, strict=True):
                self.assert_signed(text, headers)

        self.service.cli("subscriptions", "renew", "it")
        self.wait_metric("graphhook_renewals_total", 1, outcome="renewed")
        after = self.emulator.subscriptions()[0]
        self.assertEqual(after["id"], subscription["id"])
        self.assert_rich(after, key, minutes)
        self.change(1, changes[0], subscription=subscription["id"])
        self.service.wait_idle()
        self.assert_all_with_data()
        self.assertEqual(self.service.cli_json("keys", "list")[0]["subscriptions"], 1)

        self.service.config["subscriptions"] = {}
        self.reload()
        stack.wait_until(lambda: not self.emulator.subscriptions(), 60, "no subscription left",
                         self.service.check_running)
        self.assertEqual(self.service.cli_json("quarantine", "list"), [])

    def assert_rich(self, subscription, key, minutes):
        self.assertTrue(subscription["includeResourceData"])
        self.assertEqual(subscription["encryptionCertificateId"], key["id"])
        self.assertEqual(subscription["encryptionCertificateThumbprint"], key["thumbprint"])
        ends = datetime.datetime.fromisoformat(subscription["expirationDateTime"].replace("Z", "+00:00")).timestamp()
        left = (ends - time.time()) / 60
        self.assertLessEqual(left, minutes)
        self.assertGreater(left, minutes - 10)

    def assert_signed(self, text, headers):
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{text}"
        mac = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest()
        self.assertEqual(headers["webhook-signature"], "v1," + base64.b64encode(mac).decode())

    def test_messages(self):
        self.whole_life(MESSAGES, ALL, 1440)
        data = json.loads(self.texts()[0])["data"]
        self.assertEqual({name for name in data if "@" not in name}, {"id", "subject", "from"})

    def test_events(self):
        self.whole_life(f"users/{USER}/events?$select=subject,start,end", ALL, 1440)

    def test_contacts(self):
        self.whole_life(f"users/{USER}/contacts?$select=displayName", ALL, 1440)

    def test_chat_messages(self):
        self.whole_life(CHAT, ALL, 4320)

    def test_call_transcripts(self):
        self.whole_life("communications/onlineMeetings/getAllTranscripts", ["created"], 4320)

    def test_meetings_of_the_beta(self):
        join = "https%253A%252F%252Fteams.microsoft.com%252Fl%252Fmeetup-join%252Fx"
        self.whole_life(f"communications/onlineMeetings(joinWebUrl='{join}')/meetingCallEvents", ["updated"], 4320,
                        beta=True)

    def test_presence_for_a_signed_in_user(self):
        self.whole_life(f"communications/presences/{USER}", ["updated"], 60, credential={
            "refresh_token_file": os.path.join(self.folder, "sign-in.json"), "scopes": ["Presence.Read.All"],
        })

    def test_a_handler_that_asks_later_gets_what_was_stored_by_a_replay(self):
        handler = {"type": "file", "path": self.output}
        self.begin({"chat": self.rich(CHAT)}, handlers={"audit": handler})
        self.change(5, kind="chatMessage")
        self.service.wait_idle()
        self.assertEqual([text for text in self.texts() if "data" in json.loads(text)], [])
        handler["resource_data"] = True
        self.reload()
        stack.wait_until(lambda: "configuration reloaded" in self.service.log_tail(1000), 30, "reloaded")
        self.service.cli("replay", "--since", "1h", "--handler", "audit")
        self.wait_texts(10)
        self.assert_all_with_data(self.texts()[5:])

    def test_a_batch_has_the_data_of_each(self):
        target = self.serve_target()
        self.begin({"chat": self.rich(CHAT, handlers=["hook"])}, handlers={
            "hook": {"type": "http", "url": target.url, "resource_data": True, "secret": SECRET, "batch": 20},
        })
        self.service.cli("handlers", "pause", "hook")
        self.change(50, kind="chatMessage")
        self.service.cli("handlers", "resume", "hook")
        self.service.wait_idle()
        self.assertLess(len(target.taken), 50)
        for text, headers in zip(target.taken, target.headers_taken, strict=True):
            self.assert_signed(text, headers)
        lines = [line for text in target.taken for line in json.loads(text)["value"]]
        sent = {(change["resource"], item["plaintext"]) for change in self.emulator.control(
            "GET", "/changes?plaintext=1")["changes"] for item in change["items"]}
        self.assertEqual(len(lines), 50)
        self.assertEqual({(line["resource"], json.dumps(line["data"], separators=(",", ":"), ensure_ascii=False))
                          for line in lines}, sent)

    def test_what_has_no_rich_form_is_refused_with_line_and_column(self):
        self.prepare({
            "presence": {"tenant": "contoso", "resource": f"communications/presences/{USER}", "changes": ["updated"],
                         "handlers": ["audit"]},
            "drive": self.rich("drives/b!4f0d2c9a/root", ["updated"]),
            "messages": self.rich(f"users/{USER}/messages"),
            "users": self.rich("users", ["updated"]),
            "sound": self.rich(MESSAGES),
        }, handlers={
            "audit": {"type": "file", "path": self.output, "resource_data": True},
            "lines": {"type": "log", "resource_data": True},
        })
        done = self.service.cli("check", check=False)
        self.assertEqual(done.returncode, 3)
        with open(self.service.config_file, encoding="utf-8") as file:
            config = file.read().splitlines()
        for key, words in (
            ("subscriptions.presence", "resource_data"), ("subscriptions.drive", "drive"),
            ("subscriptions.messages", "$select"), ("subscriptions.users", "user"), ("handlers.lines", "log"),
        ):
            said = [line for line in done.stderr.splitlines() if f"'{key}" in line and words in line]
            self.assertTrue(said, f"{key}: {done.stderr}")
            name, line, column = said[0].split(":")[:3]
            self.assertEqual(name, self.service.config_file)
            entry = next(i for i, text in enumerate(config, 1) if f'"{key.split(".")[1]}": {{' in text)
            end = next(i for i, text in enumerate(config[entry:], entry + 1) if text.strip().startswith("}"))
            self.assertTrue(entry <= int(line) <= end and int(column) > 0, said[0])
        self.assertNotIn("subscriptions.sound", done.stderr)

    # Tokens, tenants, and POSTs that mix them.

    def two_tenants(self, *emulator_options, **more):
        """Of each tenant, which has an application of its own, one rich subscription and one that is basic."""
        basic = {"tenant": "contoso", "resource": f"users/{USER}/events", "changes": ["created"], "handlers": ["audit"]}
        self.prepare({
            "ours": self.rich(MESSAGES), "ours-basic": basic,
            "theirs": self.rich(MESSAGES, tenant="fabrikam"), "theirs-basic": {**basic, "tenant": "fabrikam"},
        }, *emulator_options, **more)
        self.service.config["tenants"]["fabrikam"] = {
            "tenant_id": FABRIKAM, "client_id": FABRIKAM_APP, "cloud": self.emulator.cloud,
            "credential": {"client_secret": stack.CLIENT_SECRET},
        }
        self.service.write_config()

    def assert_proved_each(self, rich, basic):
        """So many of each tenant's rich and basic items were handed over."""
        lines = [json.loads(text) for text in self.texts()]
        counts = collections.Counter((line["subscription"], line["data"] is not None) for line in lines)
        self.assertEqual(counts, {("ours", True): rich, ("ours-basic", False): basic,
                                  ("theirs", True): rich, ("theirs-basic", False): basic})

    def assert_two_tenants_prove(self, *versions):
        self.two_tenants(*versions)
        recorder = self.record()
        self.service.start()
        self.wait_active(4)
        jobs = [self.emulator.change(150, "created", kind=kind) for kind in ("message", "event")]
        for job in jobs:
            report = self.emulator.wait_job(job)
            self.assertEqual(report["accepted"], report["items"], report)
        self.service.wait_idle()
        lines = [json.loads(text) for text in self.texts()]
        self.assertEqual(len(lines), sum(len(change["items"]) for change in self.emulator.ledger()))
        self.assert_all_with_data([text for text in self.texts() if json.loads(text)["data"] is not None])
        self.assertEqual(self.metric("graphhook_items_unproved_total"), 0)
        self.assertEqual(self.metric("graphhook_items_disproved_total"), 0)
        proofs = {json.dumps(posted.json["validationTokens"]) for posted in recorder.posts
                  if posted.json.get("validationTokens")}
        self.assertEqual(len(self.store_verdicts()), len(proofs))  # once, however often they came
        self.assertLess(len(proofs), len(recorder.posts))
        seen = set()
        for posted in recorder.posts:
            for token in posted.json.get("validationTokens") or []:
                claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
                seen.add((claims["tid"], claims["aud"], claims["ver"]))
        return seen

    def test_tokens_of_version_1_prove_each_tenant_and_application(self):
        self.assertEqual(self.assert_two_tenants_prove("--token-version", "1"),
                         {(stack.TENANT_ID, stack.CLIENT_ID, "1.0"), (FABRIKAM, FABRIKAM_APP, "1.0")})

    def test_tokens_of_version_2_prove_each_tenant_and_application(self):
        self.assertEqual(self.assert_two_tenants_prove("--token-version", "2"),
                         {(stack.TENANT_ID, stack.CLIENT_ID, "2.0"), (FABRIKAM, FABRIKAM_APP, "2.0")})

    def test_tokens_of_both_versions_in_turn_prove(self):
        seen = self.assert_two_tenants_prove("--token-version", "mixed")
        self.assertEqual({version for _, _, version in seen}, {"1.0", "2.0"})

    def test_a_post_that_mixes_tenants_rich_and_basic_items_proves_each_item_by_its_own_token(self):
        self.two_tenants()
        recorder = self.record()
        self.service.start()
        ids = {row["name"]: row["graph_id"] for row in self.wait_active(4) and
               self.service.cli_json("subscriptions", "list")}
        recorder.hold()

        def collect():
            """One item of each subscription, in one POST, the tokens of the other tenant first."""
            recorder.posts.clear()
            for name in ("theirs-basic", "ours", "ours-basic", "theirs"):
                self.change(1, subscription=ids[name])
            tokens = {token for posted in recorder.posts for token in posted.json.get("validationTokens") or []}
            by_tenant = {json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))["tid"]: token
                         for token in tokens}
            self.assertEqual(set(by_tenant), {stack.TENANT_ID, FABRIKAM})
            items = [item for posted in recorder.posts for item in posted.items]
            self.assertEqual(len(items), 4)
            return items, by_tenant

        def post(items, tokens):
            body = {"value": items, "validationTokens": tokens}
            self.assertEqual(recorder.send("/graph/notifications", json.dumps(body).encode())[0], 202)

        items, tokens = collect()
        post(items, [tokens[FABRIKAM], tokens[stack.TENANT_ID]])
        self.service.wait_idle()
        self.assert_proved_each(1, 1)
        self.assert_all_with_data([text for text in self.texts() if json.loads(text)["data"] is not None])

        # One tenant's token is not there: its rich item is nobody's, and costs no neighbour.
        items, tokens = collect()
        post(items, [tokens[stack.TENANT_ID]])
        self.service.wait_idle()
        counts = collections.Counter(json.loads(text)["subscription"] for text in self.texts())
        self.assertEqual(counts, {"ours": 2, "ours-basic": 2, "theirs": 1, "theirs-basic": 2})
        quarantined = self.service.cli_json("quarantine", "list")
        self.assertEqual([(row["subscription"], row["reason"].partition(":")[0]) for row in quarantined],
                         [("theirs", "token_coverage")])

    # What nobody may see.

    def admin(self, path):
        """What the API answers over its Unix socket."""
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.service.socket)
        connection.request("GET", path)
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        self.assertEqual(reply.status, 200, body)
        return body

    def said(self):
        """Everything that the service says to anybody, by where it says it."""
        said = {path: self.admin(f"/api/v1/{path}") for path in (
            "status", "subscriptions?retired=1", "plan?all=1", "progress", "deliveries?limit=1000", "dead-letters",
            "quarantine", "keys", "handlers", "refused", "sweeps", "templates",
        )}
        ids = {row["id"] for row in json.loads(said["deliveries?limit=1000"])}
        for number in ids:
            said[f"notification {number}"] = self.admin(f"/api/v1/notifications/{number}")
            said[f"deliveries show {number}"] = self.service.cli("deliveries", "show", number).encode()
        for command in (("deliveries", "list"), ("dead-letters", "list"), ("quarantine", "list"), ("keys", "list"),
                        ("subscriptions", "show", "chat"), ("check",)):
            said[" ".join(command)] = self.service.cli(*command).encode()
        said["doctor"] = self.service.cli("doctor", check=False).stdout.encode()
        said["metrics"] = self.service.get("/metrics")[1].encode()
        with open(self.service.log_file, "rb") as file:
            said["log"] = file.read()
        return said, ids

    def stored(self):
        stored = {}
        for path in glob.glob(self.service.store_file + "*"):
            with open(path, "rb") as file:
                stored[os.path.basename(path)] = file.read()
        return stored

    def private_texts(self):
        """What of a private key could be found somewhere, in each form that it has."""
        with open(os.path.join(self.folder, "keys", "first.pem"), encoding="ascii") as file:
            lines = re.search(r"PRIVATE KEY-----\n(.*?)-----END", file.read(), re.DOTALL).group(1).split()
        der = base64.b64decode("".join(lines))
        # The modulus comes first, and is in the certificate.
        return [b"PRIVATE KEY", *[line.encode() for line in lines[12:]], der[-150:-110], der[-300:-260], der[-450:-410]]

    def assert_in_none_of(self, texts, contents):
        found = [(name, text[:12]) for name, content in contents.items() for text in texts if text in content]
        self.assertEqual(found, [])

    @staticmethod
    def in_base64(text):
        """Its middle as base64 shows it, wherever it begins."""
        return [base64.b64encode(b"\0" * shift + text)[4:-4] for shift in range(3)]

    def test_content_tokens_client_states_and_keys_are_nowhere_but_where_they_belong(self):
        target = self.serve_target(status=lambda line: 422 if line["change"] == "deleted" else 200)
        bare_target = self.serve_target()
        self.prepare({"chat": self.rich(CHAT, ALL, ("hook", "bare-hook", "lines"))}, handlers={
            "hook": {"type": "http", "url": target.url, "resource_data": True, "retry": {"attempts": 1}},
            "bare-hook": {"type": "http", "url": bare_target.url},
            "lines": {"type": "log", "item": True},
        }, log={"level": "debug"})
        recorder = self.record()
        self.service.start()
        self.wait_active(1)
        self.change(20, "created", kind="chatMessage")
        self.change(1, "deleted", kind="chatMessage")  # becomes a dead letter
        self.service.wait_idle()
        self.change(1, "updated", kind="chatMessage", forge="bad-signature")  # into the quarantine
        self.change(1, "updated", kind="chatMessage", forge="wrong-data-signature")
        self.service.wait_idle()
        self.change(1, "updated", kind="chatMessage", forge="tokens-null")  # waits
        self.change(1, "updated", kind="chatMessage", forge="wrong-audience")
        self.wait_unproved("tokens_null", 3)
        self.assertEqual(len(target.taken), 20)
        self.assertEqual(len(bare_target.taken), 22)
        self.wait_metric("graphhook_dead_letters", 1)

        tokens = {token for posted in recorder.posts for token in posted.json.get("validationTokens") or []}
        states = {item["clientState"] for posted in recorder.posts for item in posted.items}
        self.assertTrue(tokens and states)
        markers = [*MARKERS, *[part for marker in MARKERS[:1] for part in self.in_base64(marker)]]
        self.assertTrue(all(any(marker in text.encode() for text in target.taken) for marker in MARKERS))
        secret = [*markers, *self.private_texts(), stack.CLIENT_SECRET.encode()]
        states = [state.encode() for state in states]
        signatures = [token.rpartition(".")[2].encode() for token in tokens]

        said, ids = self.said()
        self.assertEqual(len(ids), 25)
        running = self.stored()
        self.stop_cleanly()
        with open(self.service.log_file, "rb") as file:
            said["log"] = file.read()
        self.assert_in_none_of(secret + states + signatures + [b"encryptedContent"], {"log": said["log"]})
        self.assertIn(b"resourceData", said["log"])  # the items that the log handler writes
        self.assert_in_none_of(secret + states + signatures, said)
        # The store may hold a client state until Graph has confirmed the subscription, tokens as long as what they prove.
        self.assert_in_none_of(secret, running)
        self.assert_in_none_of(secret + states, self.stored())
        # Where they belong: this is how they would have been found.
        self.assertTrue(any(signatures[0] in content for content in running.values()))
        for text in target.taken + bare_target.taken:
            self.assert_secrets_are_kept_from([text])
        self.assertFalse([text for text in bare_target.taken if any(m.decode() in text for m in MARKERS)])


if __name__ == "__main__":
    unittest.main()
