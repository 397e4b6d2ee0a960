#!/usr/bin/env python3
"""Each credential, from the configuration to an active subscription and a handled notification; how it is replaced
while serving, and how a refused one heals."""

import json
import os
import subprocess
import unittest

from harness import E2eTest, stack

APP = stack.CLIENT_ID
ISSUER, SUBJECT = "https://issuer.example", "system:serviceaccount:hooks:graphhook"
# Microsoft's tenant of all personal accounts.
PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"
MESSAGES = f"users/{stack.USER_ID}/messages"
ANN = "ann@contoso.com"


def make_certificate(folder, name):
    """A new RSA pair; the paths of certificate and key."""
    certificate, key = os.path.join(folder, f"{name}.crt"), os.path.join(folder, f"{name}.key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "30", "-subj", f"/CN={name}",
         "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=60,
    )
    return certificate, key


def put(path, text, mode=0o600):
    """As a good citizen replaces a file: whole."""
    with open(f"{path}.new", "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(text)
    os.replace(f"{path}.new", path)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Tests(E2eTest):
    def begin(self, credential, *emulator_options, resource=MESSAGES, env=None, sync="off", names=("it",),
              changes=("created", "updated", "deleted"), **tenant):
        if self.emulator.process is None:
            self.emulator.start("--time-scale", "60", *emulator_options)
        self.service.configure(self.emulator.cloud, self.emulator.certificates, subscriptions={},
                               reconcile={"removal_grace": "0s"})
        self.service.config["tenants"]["contoso"] |= {"credential": credential, **tenant}
        for name in names:
            self.service.config["subscriptions"][name] = {
                "tenant": "contoso", "resource": resource.replace("NAME", name), "handlers": ["audit"],
                "changes": list(changes), "sync": sync,
            }
        self.service.write_config()
        self.service.start(env=env)

    def works(self):
        """From an active subscription to a handled notification."""
        subscription = self.wait_active(1)[0]
        before = len(self.lines())
        self.finish([self.emulator.change(2, "created", subscription=subscription["id"])])
        self.assertEqual(len(self.lines()), before + 2)
        self.assert_nothing_lost()

    def new_token(self, outcome="renewed"):
        """Graph takes no token of before, and the subscription is renewed all the same."""
        self.emulator_cli("revoke", "--tokens", "access")
        before = self.metric("graphhook_renewals_total", outcome=outcome)
        self.service.cli("subscriptions", "renew", "it")
        self.wait_metric("graphhook_renewals_total", before + 1, outcome=outcome)

    def refused(self):
        """No token, none is to be had, and the tenant's error says why."""
        self.emulator_cli("revoke", "--tokens", "access")
        failed = self.metric("graphhook_renewals_total", outcome="failed")
        self.service.cli("subscriptions", "renew", "it")
        self.wait_metric("graphhook_renewals_total", failed + 1, outcome="failed")
        return self.about()

    def about(self):
        return self.service.cli_json("subscriptions", "show", "it")[0]

    def token_requests(self, grant="client_credentials"):
        return sum(row["requests"] for row in self.emulator.status()["tokenRequests"] if row["grant"] == grant)

    def doctor(self):
        done = self.service.cli("doctor", "--output", "json", check=False)
        return [row for row in json.loads(done.stdout) if row["level"] == "fail" and row["check"] != "public-url"]

    def sign_in(self):
        with self.login() as said:
            self.assertIn("Signed in", said)

    def test_a_client_secret_in_a_file(self):
        secret = os.path.join(self.folder, "secret")
        put(secret, stack.CLIENT_SECRET + "\n")
        self.begin({"client_secret_file": secret})
        self.works()
        self.assertNotIn(stack.CLIENT_SECRET, self.service.log_tail(1000) + self.service.cli("check"))

    def test_a_wrong_secret_is_refused_explained_and_heals_by_a_reload(self):
        secret = os.path.join(self.folder, "secret")
        put(secret, "not the secret")
        self.begin({"client_secret_file": secret})
        stack.wait_until(lambda: "AADSTS7000215" in self.service.log_tail(100), 30, "refused")
        asked = self.token_requests()
        self.assertLessEqual(asked, 2)
        rows = self.doctor()
        self.assertIn("token", {row["check"] for row in rows})
        for row in rows:
            self.assertIn("secret", row["what"], row)
            self.assertIn("value", row["remedy"], row)
        self.assertEqual(self.metric("graphhook_subscriptions", state="active"), 0)
        put(secret, stack.CLIENT_SECRET)
        self.reload()
        self.works()
        self.assertEqual(self.doctor(), [])

    def certificate(self, algorithm):
        certificate, key = make_certificate(self.folder, "app")
        self.begin({"certificate": certificate, "private_key": key, **algorithm}, "--app-certificate",
                   f"{APP}={certificate}")
        self.works()
        end = self.metric("graphhook_credential_expiry_timestamp_seconds", which="certificate")
        self.assertGreater(end, 0)
        return certificate, key, end

    def test_a_certificate_by_ps256_replaced_while_serving(self):
        certificate, key, _ = self.certificate({})
        other = make_certificate(self.folder, "other")
        self.emulator.control("POST", "/identity", {"apps": [
            {"clientId": APP, "certificates": [read(other[0])]}]})  # the old one counts no more
        put(key, read(other[1]))
        put(certificate, read(other[0]))
        self.new_token()
        self.works()

    def test_a_certificate_by_rs256(self):
        self.certificate({"algorithm": "RS256"})

    def test_a_certificate_that_is_not_registered_heals_when_the_files_are_replaced(self):
        right, wrong = make_certificate(self.folder, "right"), make_certificate(self.folder, "wrong")
        files = [os.path.join(self.folder, name) for name in ("app.crt", "app.key")]
        for file, source in zip(files, wrong):
            put(file, read(source))
        self.begin({"certificate": files[0], "private_key": files[1]}, "--app-certificate", f"{APP}={right[0]}")
        stack.wait_until(lambda: "AADSTS700027" in self.service.log_tail(100), 30, "refused")
        self.assertIn("certificate", self.doctor()[0]["what"])
        for file, source in zip(reversed(files), reversed(right)):
            put(file, read(source))
        self.works()  # without a reload

    def federated_token(self, path, subject=SUBJECT):
        self.emulator_cli("federated-token", "--certificates-dir", self.emulator.certificates_folder, "--issuer", ISSUER,
                          "--subject", subject, "--out", f"{path}.made")
        os.replace(f"{path}.made", path)

    def test_a_federated_token_replaced_while_serving(self):
        token = os.path.join(self.folder, "federated.jwt")
        self.emulator.start("--time-scale", "60", "--federated-app", f"{APP},{ISSUER},{SUBJECT}")
        self.federated_token(token)
        self.begin({"federated_token_file": token})
        self.works()
        first = read(token)
        put(token, "this is no token\n")
        about = self.refused()
        self.assertTrue(about["remedy"], about)
        self.federated_token(token)
        self.assertNotEqual(read(token), first)
        self.wait_metric("graphhook_renewals_total", 1, outcome="renewed")  # without a reload
        self.works()

    def test_a_federated_token_of_another_subject_is_explained(self):
        token = os.path.join(self.folder, "federated.jwt")
        self.emulator.start("--time-scale", "60", "--federated-app", f"{APP},{ISSUER},{SUBJECT}")
        self.federated_token(token, "system:serviceaccount:other:one")
        self.begin({"federated_token_file": token})
        stack.wait_until(lambda: "AADSTS700213" in self.service.log_tail(100), 30, "refused")
        self.assertIn("subject", self.doctor()[0]["what"] + self.doctor()[0]["remedy"])
        self.federated_token(token)
        self.works()

    def managed_identity_port(self, *options, identities=({},)):
        """A machine or App Service of the tenant, with these identities."""
        port_file = os.path.join(self.folder, "managed-identity.port")
        self.emulator.start("--time-scale", "60", "--managed-identity-port", 0, "--managed-identity-port-file", port_file,
                            *options)
        self.emulator.control("POST", "/identity", {"managedIdentities": [
            {"clientId": APP, "objectId": APP, "tenant": stack.TENANT_ID, **identity} for identity in identities]})
        return int(read(port_file))

    def test_a_managed_identity_of_a_machine(self):
        port = self.managed_identity_port()
        self.begin({"managed_identity": {"imds": f"http://127.0.0.1:{port}"}},
                   # The metadata service is never asked through a proxy.
                   env={"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"})
        self.works()

    def test_one_managed_identity_of_several(self):
        mine, other = "22222222-3333-4444-5555-666677778888", "33333333-4444-5555-6666-777788889999"
        port = self.managed_identity_port(identities=[
            {"clientId": one, "objectId": one, "resourceId": f"/subscriptions/{one}"} for one in (mine, other)])
        self.begin({"managed_identity": {"imds": f"http://127.0.0.1:{port}", "client_id": mine}})
        self.works()
        self.assertEqual({row["clientId"] for row in self.emulator.status()["tokenRequests"]}, {mine})

    def test_a_managed_identity_of_an_app_service(self):
        port = self.managed_identity_port("--identity-header", "a header of the platform")
        self.begin({"managed_identity": {}}, env={
            "IDENTITY_ENDPOINT": f"http://127.0.0.1:{port}/msi/token", "IDENTITY_HEADER": "a header of the platform",
        })
        self.works()
        self.assertNotIn("a header of the platform", self.service.log_tail(1000))

    def user(self, resource="me/messages", scopes=("Mail.Read",), **more):
        self.sign_in_file = os.path.join(self.folder, "sign-in.json")
        self.begin({"refresh_token_file": self.sign_in_file, "scopes": list(scopes)}, "--device-code-interval", "0s",
                   resource=resource, **more)

    def test_a_signed_in_user_by_device_code_while_serving(self):
        self.user()
        stack.wait_until(lambda: "graphhook login" in self.service.log_tail(100), 30, "nobody has signed in")
        self.assertEqual(self.token_requests("refresh_token"), 0)
        about = self.doctor()
        self.assertIn("nobody has signed in", about[0]["what"])
        self.assertEqual(about[0]["remedy"], "run 'graphhook login contoso'")
        self.sign_in()
        self.works()  # a running `serve` takes it up by itself
        self.assertEqual(os.stat(self.sign_in_file).st_mode & 0o777, 0o600)
        self.assertEqual(self.doctor(), [])

    def test_a_refresh_token_is_replaced_on_each_use(self):
        self.user()
        self.sign_in()
        self.works()
        first = json.loads(read(self.sign_in_file))["refresh_token"]
        self.new_token()
        self.works()
        second = json.loads(read(self.sign_in_file))["refresh_token"]
        self.assertNotEqual(first, second)
        self.assertEqual(os.stat(self.sign_in_file).st_mode & 0o777, 0o600)
        log = self.service.log_tail(1000)
        self.assertNotIn(first, log)
        self.assertNotIn(second, log)
        # What is in the file works after a restart.
        self.stop_cleanly()
        self.service.start()
        self.works()
        stack.wait_until(lambda: json.loads(read(self.sign_in_file))["refresh_token"] != second, 30, "used again")

    def test_a_revoked_sign_in_says_login_and_heals_after_it_without_a_restart(self):
        self.user()
        self.sign_in()
        self.works()
        self.emulator_cli("revoke", "--tokens", "refresh", "--user", ANN)
        about = self.refused()
        self.assertIn("revoked", about["cause"])
        self.assertEqual(about["remedy"], "run 'graphhook login contoso'")
        self.assertIn("graphhook login", self.service.log_tail(100))
        self.assertIn("AADSTS50173", self.service.cli("subscriptions", "list"))
        asked = self.token_requests("refresh_token")
        for row in self.doctor():
            self.assertEqual(row["remedy"], "run 'graphhook login contoso'", row)
        # Doctor asks by itself; serve asks nobody any more.
        self.assertLessEqual(self.token_requests("refresh_token"), asked + 1)
        self.assertEqual(len(self.emulator.subscriptions()), 1)
        self.sign_in()
        self.wait_metric("graphhook_renewals_total", 1, outcome="renewed")
        self.works()
        self.assertEqual(self.about()["last_error"], "")

    def test_group_conversations_of_a_signed_in_user_their_whole_life(self):
        self.emulator.start("--time-scale", "60", "--device-code-interval", "0s")
        group = self.emulator.control("POST", "/data", {"tenant": stack.TENANT_ID, "groups": 1})["groups"][0]
        resource = f"groups/{group}/conversations"
        self.user(resource, ["Group.Read.All"], sync="delta")
        self.sign_in()
        subscription = self.wait_active(1)[0]
        self.wait_baseline()
        self.works()
        self.assertEqual({line["kind"] for _, line in self.lines()}, {"conversation"})
        self.service.cli("subscriptions", "renew", "it")
        self.wait_metric("graphhook_renewals_total", 1, outcome="renewed")
        self.assertEqual(self.emulator.subscriptions()[0]["id"], subscription["id"])
        # Without etags, what was notified is handed over once more by the next sweep.
        self.sweep()
        before = len(self.lines())
        self.silently(3, "created", resource)
        self.sweep()
        found = self.lines()[before:]
        self.assertEqual([line["source"] for _, line in found], ["sweep"] * 3)
        self.service.config["subscriptions"] = {}
        self.reload()
        stack.wait_until(lambda: not self.emulator.subscriptions(), 30, "deleted")

    def test_a_personal_onedrive_its_whole_life(self):
        self.emulator.start("--time-scale", "60", "--device-code-interval", "0s")
        self.user("me/drive/root", ["Files.Read"], sync="delta", changes=["updated"], tenant_id=PERSONAL)
        self.sign_in()
        subscription = self.wait_active(1)[0]
        self.wait_baseline()
        self.emulator.wait_job(self.emulator.change(2, "created", subscription=subscription["id"]))
        stack.wait_until(lambda: len(self.lines()) >= 2, 30, lambda: f"two items: {self.sweeps()}")
        self.service.cli("subscriptions", "renew", "it")
        self.wait_metric("graphhook_renewals_total", 1, outcome="renewed")
        self.assertEqual(self.emulator.subscriptions()[0]["id"], subscription["id"])
        self.emulator.fault("lose", count=3)
        self.emulator.wait_job(self.emulator.change(3, "created", subscription=subscription["id"]))
        self.sweep()
        lines = [line for _, line in self.lines()]
        self.assertEqual(len({line["resource"] for line in lines}), 5, lines)
        self.assertEqual({(line["kind"], line["source"]) for line in lines}, {("drive", "sweep")})
        self.service.config["subscriptions"] = {}
        self.reload()
        stack.wait_until(lambda: not self.emulator.subscriptions(), 30, "deleted")

    def test_a_claims_challenge_is_answered_with_another_token(self):
        self.begin({"client_secret": stack.CLIENT_SECRET})
        self.works()
        asked = self.token_requests()
        self.new_token()
        self.assertEqual(self.token_requests(), asked + 1)
        self.assertEqual(self.metric("graphhook_renewals_total", outcome="failed"), 0)
        self.works()

    def test_many_subscriptions_and_sweeps_ask_for_one_token(self):
        names = [f"user-{number}" for number in range(40)]
        self.begin({"client_secret": stack.CLIENT_SECRET}, resource="users/NAME/messages", names=names, sync="delta",
                   requests=16, sweeps=8)
        self.wait_active(40)
        stack.wait_until(lambda: all(row["baseline_at"] for row in self.sweeps()), 30, "baselines")
        self.assertEqual(self.token_requests(), 1)

    def test_one_tenants_bad_credential_stops_nothing_of_another(self):
        self.emulator.start("--time-scale", "60")
        self.service.configure(self.emulator.cloud, self.emulator.certificates,
                               subscriptions={"it": (MESSAGES, ["created"])})
        self.service.config["tenants"]["fabrikam"] = self.service.config["tenants"]["contoso"] | {
            "tenant_id": "0f0e0d0c-1111-2222-3333-444455556666", "credential": {"client_secret": "wrong"},
        }
        self.service.config["subscriptions"]["theirs"] = {
            "tenant": "fabrikam", "resource": MESSAGES, "changes": ["created"], "handlers": ["audit"],
        }
        self.service.write_config()
        self.service.start()
        self.works()
        stack.wait_until(lambda: "AADSTS7000215" in self.service.log_tail(100), 30, "refused")
        self.assertEqual({row["subject"].split("/")[0] for row in self.doctor()}, {"fabrikam"})
        self.new_token()
        self.works()


if __name__ == "__main__":
    unittest.main()
