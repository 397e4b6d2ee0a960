#!/usr/bin/env python3
"""`graphhook inspect` over bodies that graph-emulator sent, as docs/inspect.md has it: offline, with a configuration and
what a stopped `serve` left, or with files alone; what it exits with, what it says, and what it never shows. All tests
share what was recorded."""

import datetime
import json
import os
import shutil
import ssl
import subprocess
import unittest
import urllib.request

import harness
from forgeries_test import REASONS
from harness import stack
from rich_stack import RichStack, plaintext_of


def ago(**of):
    moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(**of)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def openssl(*arguments, **options):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60, **options).stdout


class Tests(harness.E2eTest):
    @classmethod
    def setUpClass(cls):
        cls.folder = os.path.join(harness.BUILD, "e2e", f"inspect-{os.getpid()}")
        shutil.rmtree(cls.folder, ignore_errors=True)
        cls.rich = RichStack(cls.folder)
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.addClassCleanup(cls.rich.stop)
        cls.service, cls.emulator = cls.rich.service, cls.rich.emulator
        cls.rich.start("--no-kind-limits")
        stack.wait_until(lambda: cls.rich.metric("graphhook_key_set_fetches_total", outcome="ok") >= 2, 30,
                         "both key sets", cls.service.check_running)
        cls.rich.recorder.hold()
        cls.bodies, cls.changes = {}, {}
        for name in ("genuine", *REASONS):
            number = max((change["number"] for change in cls.changes.values()), default=0)
            cls.emulator.wait_job(cls.rich.send(1, None if name == "genuine" else name))
            change, = cls.rich.changes(number)
            cls.changes[name] = change
            # The item with resource data alone, whatever shared its POST.
            posted = cls.rich.recorder.post_of(change["resource"]).json
            posted["value"] = [item for item in posted["value"] if "encryptedContent" in item]
            cls.bodies[name] = posted
        context = ssl.create_default_context(cafile=cls.emulator.certificates.ca_file)
        cls.jwks = []
        for version in ("discovery/keys", "discovery/v2.0/keys"):
            with urllib.request.urlopen(f"{cls.emulator.url}/common/{version}", timeout=30, context=context) as reply:
                cls.jwks += ["--jwks", cls.write_file(version.replace("/", "-") + ".json", reply.read())]
        cls.key = os.path.join(cls.folder, "keys", "mail.pem")
        cls.service.stop()
        cls.shown = ""  # all that was printed without --reveal

    @classmethod
    def write_file(cls, name, data):
        path = os.path.join(cls.folder, name)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        return path

    def body(self, name="genuine", **members):
        return self.write_file(f"{name}.json", json.dumps(self.bodies[name] | members))

    def setUp(self):
        self.programs = []

    def inspect(self, *arguments, config=True, code=0, **options):
        """What it prints, and on standard error; it has to exit with that code."""
        named = ["-c", self.service.config_file] if config else []
        environment = {name: value for name, value in os.environ.items() if name != "GRAPHHOOK_CONFIG"}
        options.setdefault("stdin", subprocess.DEVNULL)
        if "input" in options:
            del options["stdin"]
        done = subprocess.run([self.service.program, *named, "inspect", *arguments], capture_output=True, text=True,
                              timeout=60, check=False, env=environment, **options)
        self.assertEqual(done.returncode, code, (arguments, done.stdout, done.stderr))
        if "--reveal" not in arguments:
            type(self).shown += done.stdout + done.stderr
        return done

    def inspect_json(self, *arguments, **options):
        return json.loads(self.inspect(*arguments, "--output", "json", **options).stdout)

    def test_with_the_configuration_and_what_serve_left_the_genuine_is_explained(self):
        told = self.inspect_json(self.body())
        self.assertTrue(told["good"])
        self.assertEqual((told["status"], told["tokens_verdict"], told["notes"]), (202, None, []))
        token, = told["tokens"]
        self.assertEqual((token["verdict"], token["alg"], token["tid"], token["aud"]),
                         ("genuine", "RS256", stack.TENANT_ID, stack.CLIENT_ID))
        item, = told["items"]
        self.assertTrue(item["accepted"] and item["good"] and item["known"] and item["resource_data"])
        self.assertEqual((item["subscription"], item["tenant"], item["client_state"], item["refused"], item["proof"]),
                         ("rich", "contoso", "right", None, "genuine"))
        self.assertEqual((item["content"]["key"], item["content"]["verdict"]), ("mail", "decrypted"))
        self.assertNotIn("resource", item["content"])
        self.assertCountEqual(item["handlers"], [{"handler": "opened", "resource": True},
                                                 {"handler": "closed", "resource": False}])
        text = self.inspect(self.body()).stdout
        for line in ("answered 202: 1 of 1 items stored", "token 1: genuine", "  client state   right",
                     "  proof          a token of its tenant and application", "with the key 'mail': ",
                     "  goes to        opened, with the resource", "  goes to        closed\n"):
            self.assertIn(line, text)

    def test_every_forgery_is_told_by_the_step_that_fails(self):
        for name, reason in REASONS.items():
            with self.subTest(forgery=name):
                told = self.inspect_json(self.body(name), *self.jwks, code=0 if reason is None else 1)
                item, = told["items"]
                self.assertEqual(told["good"], reason is None)
                self.assertEqual(told["status"], 202)
                if reason is None:
                    self.assertEqual((item["proof"], item["content"]["verdict"]), ("genuine", "decrypted"))
                elif reason.startswith(("data_", "content_")) or reason == "no_private_key":
                    self.assertEqual((item["proof"], item["content"]["verdict"]), ("genuine", reason))
                else:
                    self.assertEqual(item["proof"], reason)
                    self.assertIn(reason, [told["tokens_verdict"], *(one["verdict"] for one in told["tokens"]),
                                           "token_coverage"])
                if reason:
                    self.assertIn(f"{reason}: ", self.inspect(self.body(name), *self.jwks, code=1).stdout)

    def test_where_it_would_go_is_told_of_what_is_false(self):
        text = self.inspect(self.body("bad-signature"), code=1).stdout
        self.assertIn("it goes to the quarantine: the token's signature is wrong\n", text)
        self.assertIn("  would go to    opened, with the resource\n  would go to    closed\n", text)
        # As in the service, who does not want the resource gets the rest.
        text = self.inspect(self.body("wrong-padding"), code=1).stdout
        self.assertIn("; handed to closed\n", text)
        self.assertIn("  would go to    opened, with the resource\n  goes to        closed\n", text)

    def test_by_files_alone(self):
        given = [*self.jwks, "--key", self.key, "--tenant-id", stack.TENANT_ID, "--client-id", stack.CLIENT_ID]
        body = self.body()
        told = self.inspect_json(body, *given, config=False)
        self.assertEqual(told["items"][0]["client_state"], "not_checked")
        self.assertIsNone(told["items"][0]["known"])
        self.assertEqual(told["items"][0]["content"]["verdict"], "decrypted")
        text = self.inspect(body, *given, config=False).stdout
        self.assertIn("not known here (no store to ask)", text)
        self.assertIn("\n  note ", self.inspect(body, "--key", self.key, config=False, code=1).stdout)
        other = [*given[:-1], "99999999-2222-4333-8444-555555555555"]
        self.assertEqual(self.inspect_json(body, *other, config=False, code=1)["tokens"][0]["verdict"], "token_audience")
        other = [*given[:-3], "99999999-2222-4333-8444-555555555555", *given[-2:]]
        self.assertEqual(self.inspect_json(body, *other, config=False, code=1)["items"][0]["proof"], "token_coverage")
        self.inspect(body, "--tenant-id", stack.TENANT_ID, config=False, code=2)
        self.inspect(body, "--tenant-id", "contoso", "--client-id", stack.CLIENT_ID, config=False, code=2)

    def test_keys_by_hand(self):
        other_name = self.write_file("another-name.pem", open(self.key, "rb").read())
        told = self.inspect_json(self.body(), "--key", other_name)
        self.assertEqual(told["items"][0]["content"]["key"], "another-name")
        with open(self.key, encoding="ascii") as file:
            pem = file.read()
        cut = pem.index("-----BEGIN", 1)
        first, second = pem[:cut], pem[cut:]
        certificate, key = (first, second) if "CERTIFICATE" in first else (second, first)
        beside = self.write_file("beside.crt", certificate)
        self.write_file("beside.key", key)
        self.inspect(self.body(), "--key", beside)
        openssl("pkcs12", "-export", "-in", self.key, "-out", os.path.join(self.folder, "packed.p12"),
                "-passout", "pass:let me in")
        phrase = self.write_file("phrase", "let me in\nnot this\n")
        packed = os.path.join(self.folder, "packed.p12")
        self.inspect(self.body(), "--key", packed, "--passphrase-file", phrase)
        self.inspect(self.body(), "--key", packed, code=2)
        foreign = os.path.join(self.folder, "foreign.pem")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-days", "2", "-keyout", foreign,
                "-out", foreign + ".crt")
        with open(foreign + ".crt", "rb") as certificate, open(foreign, "ab") as both:
            both.write(certificate.read())
        told = self.inspect_json(self.body(), "--key", foreign, code=1)
        self.assertEqual(told["items"][0]["content"]["verdict"], "data_key")
        for bad in (self.write_file("bad.pem", "no key"), self.write_file("empty.pem", ""), beside + ".gone"):
            said = self.inspect(self.body(), "--key", bad, code=2)
            self.assertEqual(said.stdout, "")
            self.assertIn("--key", said.stderr)
        for bad in (self.write_file("bad.jwks", "no json"), self.write_file("empty.jwks", "{}"), beside + ".gone"):
            self.assertIn("--jwks", self.inspect(self.body(), "--jwks", bad, code=2).stderr)

    def test_at_another_time(self):
        self.inspect(self.body(), "--at", ago(minutes=1))
        late = self.inspect_json(self.body(), "--at", ago(days=-2), code=1)
        self.assertEqual(late["items"][0]["proof"], "token_expired")
        early = self.inspect_json(self.body(), "--at", "2h", code=1)
        self.assertEqual(early["items"][0]["proof"], "token_not_yet_valid")
        self.assertIn("valid ", early["items"][0]["proof_detail"])
        # Key sets that old prove nothing; those that are given are as of then.
        old = self.inspect_json(self.body(), "--at", ago(days=-9), code=1)
        self.assertEqual(old["items"][0]["proof"], "keys_missing")
        old = self.inspect_json(self.body(), "--at", ago(days=-9), *self.jwks, code=1)
        self.assertEqual(old["items"][0]["proof"], "token_expired")
        self.inspect(self.body(), "--at", "yesterday", code=2)

    def test_from_standard_input(self):
        text = json.dumps(self.bodies["genuine"])
        for arguments in ([], ["-"]):
            self.assertIn("token 1: genuine", self.inspect(*arguments, input=text).stdout)

    def test_only_reveal_prints_what_was_decrypted(self):
        change = self.changes["genuine"]
        told = self.inspect_json(self.body(), "--reveal")
        self.assertEqual(told["items"][0]["content"]["resource"], plaintext_of(change))
        self.assertIn(plaintext_of(change)["body"]["content"], self.inspect(self.body(), "--reveal").stdout)
        forged = self.inspect(self.body("bad-signature"), "--reveal", code=1).stdout
        self.assertIn("token_signature", forged)

    def test_another_state_and_subscription_are_told(self):
        item = self.bodies["genuine"]["value"][0]
        wrong = self.body(value=[item | {"clientState": "somebody guessed"}])
        told = self.inspect_json(wrong, code=1)
        self.assertEqual((told["items"][0]["client_state"], told["items"][0]["refused"], told["status"]),
                         ("wrong", "client_state", 202))
        unknown = self.body(value=[item | {"subscriptionId": "7f105c7d-2dc5-4530-97cd-4e7ae6534c07",
                                           "clientState": "somebody guessed"}])
        told = self.inspect_json(unknown, code=1)
        self.assertEqual((told["items"][0]["known"], told["items"][0]["refused"]), (False, "unknown_subscription"))
        one_of_two = self.body(value=[item | {"clientState": "somebody guessed"}, item])
        told = self.inspect_json(one_of_two, code=1)
        self.assertEqual([one["good"] for one in told["items"]], [False, True])
        self.assertNotIn("somebody guessed", self.shown)

    def test_what_is_no_body(self):
        for name, data in (("wrong.json", "{\"value\": [}"), ("empty.json", ""), ("list.json", "[]"),
                           ("none.json", '{"value": []}')):
            with self.subTest(body=name):
                told = self.inspect_json(self.write_file(name, data), code=1)
                self.assertFalse(told["good"])
                self.assertEqual(told["items"], [])
        self.assertEqual(self.inspect_json(self.write_file("wrong.json", "{\"value\": [}"), code=1)["status"], 400)
        said = self.inspect(os.path.join(self.folder, "gone.json"), code=2)
        self.assertIn("gone.json", said.stderr)
        self.assertEqual(said.stdout, "")
        self.inspect(self.folder, code=2)

    def test_a_very_long_body(self):
        item = self.bodies["genuine"]["value"][0]
        items = [item | {"resource": f"chats('1')/messages('{number}')"} for number in range(3000)]
        told = self.inspect_json(self.body(value=items), *self.jwks, code=1)
        self.assertEqual(told["status"], 413)
        basic = [{name: value for name, value in one.items() if name != "encryptedContent"} for one in items]
        self.assertIn(self.inspect_json(self.body(value=basic), code=1)["status"], (400, 413))

    def test_without_a_store_it_says_so(self):
        config = os.path.join(self.folder, "elsewhere.json")
        with open(config, "w", encoding="utf-8") as file:
            json.dump(self.service.config | {"store": {"url": f"sqlite:{self.folder}/none.db"}}, file)
        done = subprocess.run([self.service.program, "-c", config, "inspect", self.body(), *self.jwks, "--output", "json"],
                              capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        told = json.loads(done.stdout)
        self.assertEqual(told["items"][0]["client_state"], "not_checked")
        self.assertTrue(any("store" in note for note in told["notes"]), told["notes"])
        self.assertFalse(os.path.exists(os.path.join(self.folder, "none.db")))
        with open(config, "w", encoding="utf-8") as file:
            file.write("receiver: [")
        done = subprocess.run([self.service.program, "-c", config, "inspect", self.body()], capture_output=True,
                              text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 3)

    def test_zz_nothing_secret_was_shown(self):
        self.assertGreater(len(self.shown), 10_000)
        secrets = set()
        for body in self.bodies.values():
            secrets.update(item["clientState"] for item in body["value"])
            tokens = body.get("validationTokens") or []
            for token in [tokens] if isinstance(tokens, str) else tokens:
                secrets.update(part for part in (token or "").split(".") if len(part) > 20)
        with open(self.key, encoding="ascii") as file:
            secrets.update(line.strip() for line in file if not line.startswith("-----") and len(line) > 20)
        for change in self.changes.values():
            secrets.add(plaintext_of(change)["body"]["content"])
        secrets.add(stack.CLIENT_SECRET)
        for secret in secrets:
            self.assertNotIn(secret, self.shown)


if __name__ == "__main__":
    unittest.main()
