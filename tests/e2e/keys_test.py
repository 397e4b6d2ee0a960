#!/usr/bin/env python3
"""Keys that Graph encrypts resource data with: made, read, listed, missing, at their end; and what `check`, `doctor`, a reload
and the alerts make of them."""

import datetime
import json
import os
import re
import unittest

from harness import ROOT, accounting, stack
from keys_stack import CHAT, SOON, KeysTest, openssl


class Tests(KeysTest):
    # --- making and listing

    def test_keys_are_made_with_the_options_given_and_openssl_reads_them(self):
        self.configure()
        said = self.service.cli("keys", "create")
        today = datetime.datetime.now(datetime.timezone.utc).date()
        days = [f"key-{today}", f"key-{today - datetime.timedelta(days=1)}"]  # midnight may have come just now
        first = next(day for day in days if os.path.exists(os.path.join(self.keys, f"{day}.pem")))
        self.assertIn(f"made '{first}' (2048 bits, valid until ", said)
        self.assertNotIn("PRIVATE", said)
        self.assertEqual(os.stat(self.keys).st_mode & 0o777, 0o700)
        second = self.service.cli_json("keys", "create")
        self.assertIn(second["id"], [f"{first}-2", days[0]])
        big = self.service.cli_json("keys", "create", "--id", "big", "--bits", "4096", "--days", "90")
        self.assertEqual(set(big), {"id", "bits", "thumbprint", "not_before", "not_after", "file"})
        for made, bits, life in ((second, 2048, 365), (big, 4096, 90)):
            self.assertEqual(made["file"], os.path.join(self.keys, f"{made['id']}.pem"))
            self.assertEqual(os.stat(made["file"]).st_mode & 0o777, 0o600)
            text = openssl("x509", "-in", made["file"], "-noout", "-text", "-fingerprint", "-sha1")
            self.assertIn(f"Public-Key: ({bits} bit)", text)
            self.assertIn(f"Subject: CN = {made['id']}", text)
            self.assertIn("sha256WithRSAEncryption", text)
            self.assertIn(":".join(re.findall("..", made["thumbprint"])), text)
            self.assertIn("RSA key ok", openssl("rsa", "-in", made["file"], "-noout", "-check"))
            self.assertEqual(openssl("x509", "-in", made["file"], "-noout", "-modulus"),
                             openssl("rsa", "-in", made["file"], "-noout", "-modulus"))
            self.assertEqual(openssl("verify", "-CAfile", made["file"], made["file"]).strip(), f"{made['file']}: OK")
            lived = accounting.seconds_of(made["not_after"]) - accounting.seconds_of(made["not_before"])
            self.assertEqual(lived, life * 86400)
        self.assertEqual(len(os.listdir(self.keys)), 3)

    def test_what_is_no_key_is_refused_and_leaves_nothing(self):
        self.configure()
        made = self.service.cli_json("keys", "create", "--id", "mine")
        os.rename(made["file"], made["file"] + ".retired")
        self.service.cli("keys", "create", "--id", "other")
        before = sorted(os.listdir(self.keys))
        for arguments, code, says in (
            (["--id", "other"], 1, "an id is used once"),
            (["--id", "mine"], 1, "an id is used once"),  # be it retired
            (["--id", "../mine"], 1, "an id is 1 to 128 of"),
            (["--id", "a b"], 1, "an id is 1 to 128 of"),
            (["--id", "x" * 129], 1, "an id is 1 to 128 of"),
            (["--bits", "1024"], 2, "--bits"),
            (["--bits", "8192"], 2, "--bits"),
            (["--days", "0"], 2, "--days"),
            (["--days", "soon"], 2, "--days"),
        ):
            with self.subTest(arguments):
                done = self.service.cli("keys", "create", *arguments, check=False)
                self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
                self.assertIn(says, done.stderr)
        os.chmod(self.keys, 0o755)
        for command in (["create"], ["create", "--id", "third"], ["rotate"]):
            done = self.service.cli("keys", *command, check=False)
            self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
            self.assertIn(f"chmod 700 {self.keys}", done.stderr)
        os.chmod(self.keys, 0o750)  # a group of readers is allowed
        self.assertEqual(sorted(os.listdir(self.keys)), before)
        self.service.cli("keys", "create", "--id", "third")

    def test_keys_are_listed_while_serve_is_down_and_up(self):
        self.configure()
        done = self.service.cli("keys", "list", check=False)
        self.assertEqual(done.returncode, 0)
        self.assertIn("'graphhook keys create' makes one", done.stderr)
        self.assertEqual(self.service.cli_json("keys", "list"), [])
        made = self.service.cli_json("keys", "create", "--id", "first", "--days", "100")
        down = self.rows()["first"]
        self.assertEqual({name: down[name] for name in made}, made)
        self.assertEqual((down["state"], down["subscriptions"], down["last_used"], down["retire_at"]),
                         ("current", 0, None, None))
        self.service.start()
        self.wait_active(1)
        up = self.rows()["first"]
        self.assertEqual((up["state"], up["subscriptions"]), ("current", 1))
        self.assertIsNotNone(up["last_used"])
        table = self.service.cli("keys", "list").splitlines()
        self.assertRegex(table[0], r"^ID +STATE +SUBSCRIPTIONS +BITS +FROM +UNTIL +LAST USED +RETIRES +THUMBPRINT")
        self.assertRegex(table[1], rf"^first +current +1 +2048 .* {made['thumbprint']}")
        self.stop_cleanly()
        down = self.rows()["first"]
        self.assertEqual((down["state"], down["subscriptions"]), ("current", 1))

    def test_keys_of_other_makers_are_taken_up_without_a_restart(self):
        self.begin(keys={"passphrase_file": self.secret})
        # Of keys of the same second the last by name is the current one.
        certificate, key = self.pair("key-2-pem")
        self.put(key, "key-2-pem.key")
        self.put(certificate, "key-2-pem.crt")
        # By itself, within ten seconds.
        self.wait_rows(lambda rows: rows.get("key-2-pem", {}).get("state") == "current", "taken up")
        self.uses("key-2-pem", 1)

        certificate, key = self.pair("key-3-der")
        der_certificate, der_key = certificate + ".der", key + ".der"
        openssl("x509", "-in", certificate, "-outform", "DER", "-out", der_certificate)
        openssl("rsa", "-in", key, "-outform", "DER", "-out", der_key)
        self.put(der_key, "key-3-der.key")
        self.put(der_certificate, "key-3-der.cer")
        self.assertEqual(self.look()["key-3-der"]["state"], "current")
        self.uses("key-3-der", 2)

        for number, passphrase in ((4, "another"), (5, "open sesame")):
            certificate, key = self.pair(f"key-{number}-bag")
            bag = os.path.join(self.folder, f"{number}.p12")
            openssl("pkcs12", "-export", "-in", certificate, "-inkey", key, "-out", bag, "-passout", f"pass:{passphrase}")
            self.put(bag, f"key-{number}-bag.p12")
        rows = self.look()
        self.assertEqual(rows["key-5-bag"]["state"], "current")
        self.assertNotIn("key-4-bag", rows)
        self.assertIn("key-4-bag.p12: the passphrase is wrong or missing", self.service.log_tail())
        self.assertNotIn("sesame", self.service.log_tail(1000))
        self.uses("key-5-bag", 3)
        # A warning, and all else goes on.
        self.assertIn("key-4-bag.p12", self.about(self.doctor(0), "keys", "warn")["what"])
        self.assert_all_decrypted_once(3)

    def uses(self, key, number):
        """One more subscription by a reload is made for that key, and what it sends is read."""
        self.service.config["subscriptions"][f"more{number}"] = {
            **self.service.config["subscriptions"]["room0"], "resource": CHAT.format(100 + number)}
        self.reload()
        stack.wait_until(lambda: list(self.certificates().values()).count(key) >= 1, SOON,
                         lambda: f"one with {key}: {self.certificates()}", self.service.check_running)
        new = next(one for one, its in self.certificates().items() if its == key)
        self.finish([self.emulator.change(2, "created", subscription=new)])
        line = next(line for _, line in self.lines() if line["item"]["subscriptionId"] == new)
        self.assertEqual(self.key_used(line), key)

    # --- a key that is missing

    def test_what_a_missing_key_would_open_waits_and_is_handed_over_when_it_is_back(self):
        self.begin()
        self.service.cli("handlers", "pause", "audit")
        job = self.emulator.change(20, "created", kind="chatMessage")
        self.emulator.wait_job(job)
        file = os.path.join(self.keys, "first.pem")
        os.rename(file, os.path.join(self.folder, "away.pem"))
        self.assertEqual(self.look(), {})
        self.service.cli("handlers", "resume", "audit")
        self.wait_metric("graphhook_items_unproved_total", 20, reason="no_private_key")
        waiting = self.service.cli_json("deliveries", "list", "--handler", "audit")
        self.assertEqual(len(waiting), 20)
        self.assertEqual({row["state"] for row in waiting}, {"waiting"})
        self.assertIn("reason=no_private_key: no key 'first'", self.service.log_tail(100))
        self.assertEqual(self.lines(), [])
        rows = [row for row in self.doctor(1) if row["level"] != "ok"]
        said = self.about(rows, "proving", "warn")
        self.assertEqual(said["subject"], "no_private_key")
        self.assertIn("no key 'first' with thumbprint", said["what"])
        self.assertIn("back into keys.folder", said["remedy"])
        self.assertIn("no key is valid now", next(row["what"] for row in rows if row["subject"] == self.keys))
        missing = next(row for row in rows if row["subject"] == "first")
        self.assertEqual((missing["level"], missing["check"]), ("fail", "keys"))
        self.assertIn("its private key is not here", missing["what"])
        self.assertIn("put its file back", missing["remedy"])
        os.rename(os.path.join(self.folder, "away.pem"), file)
        stack.wait_until(lambda: len(self.lines()) == 20, SOON, "handed over", self.service.check_running)
        self.service.wait_idle()
        self.assert_all_decrypted_once(20)
        self.assertEqual({line["attempt"] for _, line in self.lines()}, {1})
        self.doctor(0)

    # --- doctor, metrics, alerts

    def expiries(self):
        name = "graphhook_encryption_certificate_expiry_timestamp_seconds"
        return {key: value for key, value in self.service.metrics().items() if key.startswith(name)}

    def test_a_certificate_that_ends_soon_is_warned_of(self):
        self.configure()
        made = self.service.cli_json("keys", "create", "--id", "short", "--days", "5")
        self.service.start()
        self.wait_active(1)
        said = self.about(self.doctor(0), "keys", "warn")
        self.assertEqual(said["subject"], "short")
        self.assertIn("the certificate ends on", said["what"])
        self.assertIn("in 4 days", said["what"])
        self.assertIn("graphhook keys rotate", said["remedy"])
        ends = accounting.seconds_of(made["not_after"])
        self.assertEqual(self.expiries(), {
            'graphhook_encryption_certificate_expiry_timestamp_seconds{certificate="short"}': ends})
        self.service.cli("keys", "rotate", "--id", "long")
        rows = self.doctor(0)
        self.assertEqual([row["subject"] for row in rows if row["check"] == "keys"], ["long"])
        self.assertEqual({row["level"] for row in rows}, {"ok"}, rows)
        self.look()
        self.assertEqual(len(self.expiries()), 1)
        self.assertNotIn("short", list(self.expiries())[0])

    def test_with_an_expired_certificate_nothing_is_subscribed_and_what_to_do_is_said(self):
        self.configure()
        os.mkdir(self.keys, 0o700)
        certificate, key = self.expired("over")
        self.put(key, "over.key")
        self.put(certificate, "over.crt")
        self.service.start()
        rows = self.doctor(1)
        said = self.about(rows, "keys", "fail")
        self.assertIn("no key is valid now: nothing with resource data can be subscribed", said["what"])
        self.assertIn("graphhook keys create", said["remedy"])
        self.assertEqual(self.emulator.subscriptions(), [])
        self.assertIn("graphhook keys create", self.service.cli("subscriptions", "plan"))
        self.service.cli("keys", "create", "--id", "good")
        self.wait_active(1, SOON)
        self.doctor(0)

    def test_without_any_key_doctor_says_how_to_come_by_one(self):
        self.configure()
        self.service.start()
        said = self.about(self.doctor(1), "keys", "fail")
        self.assertEqual(said["subject"], self.keys)
        self.assertIn("there is no such folder", said["what"])
        self.assertIn("graphhook keys create", said["remedy"])
        os.mkdir(self.keys, 0o700)
        self.assertIn("no key is valid now", self.about(self.doctor(1), "keys", "fail")["what"])
        os.chmod(self.keys, 0o755)
        said = self.about(self.doctor(1), "keys", "fail")
        self.assertIn("open to others", said["what"])
        self.assertIn(f"chmod 700 '{self.keys}'", said["remedy"])
        # And without resource data none of it matters.
        self.configure(rich=False)
        self.assertEqual([row for row in self.doctor(0) if row["check"] == "keys"], [])

    def test_the_alerts_ask_for_metrics_that_are_there(self):
        with open(os.path.join(ROOT, "deploy", "prometheus", "alerts.yaml"), encoding="utf-8") as file:
            rules = file.read()
        part = rules[rules.index("# --- resource data"):]
        part = part[:part.index("\n      # ---", 1)]
        expressions = re.findall(r"expr: (.+)", part)
        self.assertGreaterEqual(len(expressions), 4)
        self.begin()
        self.finish([self.emulator.change(4, "created", kind="chatMessage", forge="bad-signature", forgeEvery=2)])
        self.wait_metric("graphhook_quarantined", 2)
        self.service.cli("handlers", "pause", "audit")
        self.emulator.wait_job(self.emulator.change(1, "created", kind="chatMessage"))
        os.rename(os.path.join(self.keys, "first.pem"), os.path.join(self.keys, "first.pem.retired"))
        self.look()
        self.service.cli("handlers", "resume", "audit")
        self.wait_metric("graphhook_items_unproved_total", 1, reason="no_private_key")
        self.service.cli("keys", "create", "--id", "second")
        self.look()
        metrics = self.service.metrics()
        for expression in expressions:
            names = re.findall(r"graphhook_[a-z_]+", expression)
            self.assertTrue(names, expression)
            for name in names:
                series = [key for key in metrics if key.partition("{")[0] == name]
                self.assertTrue(series, f"{name} is not in /metrics: {expression}")
                for label in re.findall(r"by \(([^)]*)\)", expression):
                    for one in set(label.replace(" ", "").split(",")) - {"instance"}:
                        self.assertTrue(all(f'{one}="' in key for key in series), f"{one} of {name}")
                self.assertGreater(stack.metric_sum(metrics, name), 0, name)
        self.assertEqual(self.metric("graphhook_items_disproved_total", reason="token_signature"), 2)
        self.assertEqual(self.metric("graphhook_quarantined"), 2)

    # --- the configuration

    def check(self):
        done = self.service.cli("check", check=False)
        return done.returncode, done.stdout + done.stderr

    def test_check_refuses_resource_data_that_graph_or_nobody_has(self):
        self.configure()
        self.assertEqual(self.check()[0], 0, self.check()[1])
        entry = self.service.config["subscriptions"]["room0"]
        for change, code, says in (
            ({"resource": "users"}, 3, "Graph has no resource data in notifications of a user"),
            ({"resource": "drives/b!1/root", "changes": ["updated"]}, 3, "no resource data in notifications of a drive"),
            ({"resource": "users/ann@contoso.com/messages"}, 3, "add ?$select="),
            ({"resource": "users/ann@contoso.com/events"}, 3, "add ?$select="),
            ({"resource": "users/ann@contoso.com/messages?$select=subject"}, 0, ""),
            ({"resource": "users/ann@contoso.com/messages?$select=subject", "life": "2d"}, 3,
             "with resource data live 1440 minutes at most"),
            ({"life": "4d"}, 3, "with resource data live 4320 minutes at most"),
            ({"resource": f"communications/presences/{stack.USER_ID}", "changes": ["updated"], "resource_data": False}, 3,
             "only with encrypted resource data: set `resource_data: true`"),
            ({"resource": f"communications/presences/{stack.USER_ID}", "changes": ["updated"]}, 3, "it takes a signed-in user"),
            ({"resource_data": "perhaps"}, 3, "resource_data"),
        ):
            with self.subTest(change):
                self.service.config["subscriptions"]["room0"] = {**entry, **change}
                self.service.write_config()
                got, said = self.check()
                self.assertEqual(got, code, said)
                self.assertIn(says, said)
        self.service.config["subscriptions"]["room0"] = entry
        for section, says in (
            ({"retire_after": "3h"}, "keys.retire_after"),
            ({"threads": 1000}, "keys.threads"),
            ({"folders": "/x"}, "keys.folders"),
            ({"passphrase": "a", "passphrase_file": self.secret}, "are both given"),
            ({"passphrase_file": "/nowhere"}, "/nowhere"),
        ):
            with self.subTest(section):
                self.service.config["keys"] = {"folder": self.keys, **section}
                self.service.write_config()
                got, said = self.check()
                self.assertEqual(got, 3, said)
                self.assertIn(says, said)
        self.service.config["keys"] = {"folder": self.keys}
        self.service.config["handlers"]["audit"]["resource_data"] = False
        self.service.write_config()
        got, said = self.check()
        self.assertEqual(got, 0)
        self.assertIn("nobody reads what Graph encrypts", said)

    def test_a_reload_brings_the_first_rich_subscription_and_takes_it_away(self):
        self.configure(rich=False, reconcile={"removal_grace": "0s"})
        self.service.start()
        self.wait_active(1)
        self.assertNotIn("encryptionCertificateId", self.emulator.subscriptions()[0])
        self.assertEqual(self.metric("graphhook_key_set_fetches_total"), 0)
        self.finish([self.emulator.change(2, "created", kind="chatMessage")])
        self.assertEqual([line["data"] for _, line in self.lines()], [None, None])
        # Only the subscription comes first: it waits, and says for what.
        self.service.config["subscriptions"]["rich"] = {
            **self.service.config["subscriptions"]["room0"], "resource": CHAT.format("rich"), "resource_data": True}
        self.reload()
        stack.wait_until(lambda: any("graphhook keys create" in (row["what"] + row["remedy"]) for row in json.loads(
            self.service.cli("doctor", "--output", "json", check=False).stdout)), SOON, "doctor says what is missing")
        self.wait_metric("graphhook_key_set_fetches_total", 2, outcome="ok")
        self.assertEqual(len(self.emulator.subscriptions()), 1)
        self.service.cli("keys", "create", "--id", "first")
        subscriptions = self.wait_active(2, SOON)
        rich = next(one for one in subscriptions if one["includeResourceData"])
        self.assertEqual(rich["encryptionCertificateId"], "first")
        self.finish([self.emulator.change(2, "created", subscription=rich["id"])])
        self.assertEqual([line["data"] is None for _, line in self.lines()], [True, True, False, False])
        # Rich becomes basic: replaced, and nothing is encrypted any more.
        self.service.config["subscriptions"]["rich"]["resource_data"] = False
        self.reload()
        stack.wait_until(lambda: len(found := self.emulator.subscriptions()) == 2 and not any(
            one.get("includeResourceData") for one in found), SOON, lambda: f"basic: {self.emulator.subscriptions()}",
                         self.service.check_running)
        self.wait_rows(lambda rows: rows["first"]["subscriptions"] == 0, "nobody uses it")
        # And it goes.
        del self.service.config["subscriptions"]["rich"]
        self.reload()
        self.emulator.wait_subscriptions(1)
        self.finish([self.emulator.change(1, "created", kind="chatMessage")])
        self.assertIsNone(self.lines()[-1][1]["data"])
        self.assertEqual(self.doctor(0)[0]["level"], "ok")


if __name__ == "__main__":
    unittest.main()
