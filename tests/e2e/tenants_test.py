#!/usr/bin/env python3
"""Several tenants and applications on one listener: what is wrong with one delays no other, is said, and heals."""

import time
import unittest

from harness import E2eTest, stack

FABRIKAM = "0f0e0d0c-1111-2222-3333-444455556666"
FABRIKAM_APP = "22222222-3333-4444-5555-666677778888"
FABRIKAM_SECRET = "another throwaway secret"
USER = stack.USER_ID
# What takes a fraction of a second by itself, on a machine that is busy.
AT_ONCE = 10


class Tests(E2eTest):
    def entry(self, tenant, resource, changes=("created",), **more):
        return {"tenant": tenant, "resource": resource, "changes": list(changes), "handlers": ["audit"], **more}

    def begin(self, *emulator_options, secret=FABRIKAM_SECRET):
        """Both configured, one subscription each; serve not started."""
        self.emulator.start("--time-scale", "60", *emulator_options)
        self.emulator.control("POST", "/identity", {"apps": [
            {"clientId": stack.CLIENT_ID, "tenants": [stack.TENANT_ID], "secrets": [{"secret": stack.CLIENT_SECRET}]},
            {"clientId": FABRIKAM_APP, "tenants": [FABRIKAM], "secrets": [{"secret": FABRIKAM_SECRET}]},
        ]})
        self.service.configure(self.emulator.cloud, self.emulator.certificates, subscriptions={},
                               reconcile={"removal_grace": "0s"})
        config = self.service.config
        config["tenants"]["fabrikam"] = {
            "tenant_id": FABRIKAM, "client_id": FABRIKAM_APP, "cloud": self.emulator.cloud,
            "credential": {"client_secret": secret},
        }
        config["subscriptions"] = {
            "ours": self.entry("contoso", f"users/{USER}/mailFolders('inbox')/messages", sync="delta"),
            "theirs": self.entry("fabrikam", f"users/{USER}/mailFolders('inbox')/messages", sync="delta"),
        }
        self.service.write_config()

    def wait_state(self, name, state, seconds=AT_ONCE):
        stack.wait_until(lambda: self.row(name)["state"] == state, seconds,
                         lambda: f"{name} {state}: {self.row(name)}", self.service.check_running)
        return self.row(name)

    def row(self, name):
        return self.service.cli_json("subscriptions", "list", "--name", name)[0]

    def graph_id(self, name):
        return self.wait_state(name, "active")["graph_id"]

    def all_is_well_with(self, name, other):
        """It is handled, renewed and swept, and another one created, all at once."""
        tenant = self.row(name)["tenant"]
        known = self.graph_id(name)
        began = time.monotonic()
        before = len(self.lines())
        job = self.emulator.change(5, "created", subscription=known)
        self.assertEqual(self.emulator.wait_job(job, AT_ONCE)["accepted"], 5)
        stack.wait_until(lambda: len(self.lines()) >= before + 5, AT_ONCE, "handled", self.service.check_running)
        self.assertEqual({line["subscription"] for _, line in self.lines()[before:]}, {name})
        expires = self.row(name)["touched_at"]
        self.service.cli("subscriptions", "renew", name)
        stack.wait_until(lambda: self.row(name)["touched_at"] != expires, AT_ONCE, "renewed",
                         self.service.check_running)
        stack.wait_until(lambda: self.swept(name)["baseline_at"], AT_ONCE, lambda: f"baseline {self.swept(name)}",
                         self.service.check_running)
        self.silently(2, "created", f"users/{USER}/mailFolders('inbox')/messages",
                      tenant=self.service.config["tenants"][tenant]["tenant_id"])
        self.service.cli("subscriptions", "sweep", name)
        stack.wait_until(lambda: len([1 for line in self.of_source("sweep") if line["subscription"] == name]) >= 2,
                         AT_ONCE, lambda: f"found {self.swept(name)}", self.service.check_running)
        self.service.config["subscriptions"][other] = self.entry(tenant, f"users/{USER}/events")
        self.reload()
        stack.wait_until(lambda: self.service.cli_json("subscriptions", "list", "--name", other), AT_ONCE, other)
        self.wait_state(other, "active")
        self.assertLess(time.monotonic() - began, AT_ONCE)

    def swept(self, name):
        return next(row for row in self.sweeps() if row["name"] == name)

    def assert_said(self, cause, waits=True):
        """Doctor fails for that tenant and no other; the list and the plan say why nothing happens."""
        doctor = self.service.cli("doctor", check=False)
        self.assertEqual(doctor.returncode, 1)
        failed = [line for line in doctor.stdout.splitlines() if line.startswith("fail") and "public-url" not in line]
        self.assertTrue(failed, doctor.stdout)
        for line in failed:
            self.assertIn("fabrikam", line)
            self.assertIn(cause, line)
            self.assertIn("What to do", line)
        listed = self.service.cli("subscriptions", "list", check=False)
        wrong = [line for line in (listed.stdout + listed.stderr).splitlines() if cause in line]
        self.assertEqual(len(wrong), 1, listed)
        self.assertIn("fabrikam", wrong[0])
        if waits:
            for said in (listed, self.service.cli("subscriptions", "plan", check=False)):
                self.assertEqual(said.returncode, 0)
                self.assertIn("tenant fabrikam: " + cause, said.stderr)

    def test_each_has_its_own_and_all_arrives_on_one_listener(self):
        self.begin()
        self.service.start()
        self.wait_active(2)
        jobs = [self.emulator.change(3, "created", subscription=self.graph_id(name)) for name in ("ours", "theirs")]
        self.finish(jobs)
        # The resource is the same in both.
        self.assertEqual(sorted((line["tenant"], line["subscription"]) for _, line in self.lines()),
                         [("contoso", "ours")] * 3 + [("fabrikam", "theirs")] * 3)
        self.assert_nothing_lost()

    def test_a_wrong_secret_stops_its_own_tenant_only(self):
        self.begin(secret="a secret that was changed")
        self.service.start()
        self.all_is_well_with("ours", "more")
        self.assert_said("the client secret is wrong (AADSTS7000215)")
        self.service.config["tenants"]["fabrikam"]["credential"]["client_secret"] = FABRIKAM_SECRET
        self.reload()
        self.all_is_well_with("theirs", "more-theirs")

    def test_a_tenant_that_is_throttled_for_ever_delays_no_other(self):
        self.begin()
        self.emulator.fault("throttle", count=0, retryAfterSeconds=2, tenant=FABRIKAM)
        self.service.start()
        self.all_is_well_with("ours", "more")
        self.assert_said("too many requests for now")
        self.emulator.control("DELETE", "/faults")
        self.all_is_well_with("theirs", "more-theirs")

    def test_a_tenant_for_which_graph_is_out_delays_no_other(self):
        self.begin()
        self.service.start()
        self.wait_active(2)
        self.emulator.fault("server-error", count=0, status=503, tenant=FABRIKAM)
        self.service.cli("subscriptions", "renew", "theirs")
        self.all_is_well_with("ours", "more")
        self.assert_said("Graph or the identity platform is in trouble", waits=False)
        self.emulator.control("DELETE", "/faults")
        self.all_is_well_with("theirs", "more-theirs")


if __name__ == "__main__":
    unittest.main()
