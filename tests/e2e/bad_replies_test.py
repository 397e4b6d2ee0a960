#!/usr/bin/env python3
"""Replies of Graph that are not what they should be: what was known stays as it is, the log says which request it was,
and it heals."""

import json
import unittest

from harness import E2eTest, stack

MAILBOX = f"users/{stack.USER_ID}"
INBOX = f"{MAILBOX}/mailFolders('inbox')/messages"
DRIVE = "drives/b!4f0d2c9a/root"
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class Tests(E2eTest):
    def begin(self, resource=INBOX, options=(), **entry):
        self.emulator.start("--time-scale", "60", *options)
        self.service.configure(self.emulator.cloud, self.emulator.certificates, subscriptions={})
        self.service.config["subscriptions"]["it"] = {
            "tenant": "contoso", "resource": resource, "changes": ["updated"] if resource == DRIVE else
            ["created", "updated", "deleted"], "handlers": ["audit"], "sync": "delta", **entry,
        }
        self.service.write_config()

    def ready(self, *arguments, **entry):
        self.begin(*arguments, **entry)
        self.service.start()
        self.known = self.wait_active(1)[0]
        self.wait_baseline()

    def logged(self):
        with open(self.service.log_file, encoding="utf-8") as log:
            return [entry for entry in map(json.loads, log) if entry["level"] in ("warning", "error")]

    def trouble(self, skip=0):
        """The first bad line of the log after so many; it names the request."""
        line = stack.wait_until(lambda: self.logged()[skip:], 30, "an error in the log", self.service.check_running)[0]
        self.assertRegex(line["message"], rf"request-id {UUID}")
        return line["message"]

    def clear(self):
        self.emulator.control("DELETE", "/faults")

    def untouched(self):
        """The subscription of before is the only one, and its notifications are handled."""
        self.assertEqual([one["id"] for one in self.emulator.subscriptions()], [self.known["id"]])
        self.assertEqual(self.metric("graphhook_subscriptions", state="active"), 1)
        before = len(self.lines())
        self.finish([self.emulator.change(3, "created", kind=self.known["kind"])])
        self.assertEqual(len(self.lines()), before + 3)

    def renewal_heals(self, fault, **members):
        self.ready()
        self.emulator.fault(fault, path="subscriptions", count=members.pop("count", 1), **members)
        self.service.cli("subscriptions", "renew", "it")
        said = self.trouble()
        self.untouched()
        self.clear()
        self.service.cli("subscriptions", "renew", "it")
        self.wait_metric("graphhook_renewals_total", 1, outcome="renewed")
        self.untouched()
        self.assertEqual(self.service.cli_json("subscriptions", "show", "it")[0]["last_error"], "")
        return said

    def test_a_renewal_answered_without_its_expiry(self):
        self.renewal_heals("missing-field", field="expirationDateTime")

    def test_a_renewal_answered_with_a_page_for_people(self):
        self.renewal_heals("html")

    def test_a_renewal_answered_with_half_of_it(self):
        self.renewal_heals("truncated")

    def test_a_renewal_answered_with_a_life_that_is_over(self):
        self.renewal_heals("past-expiry")

    def test_a_renewal_answered_with_a_redirect(self):
        said = self.renewal_heals("redirect", location="https://127.0.0.1:9/elsewhere")
        self.assertIn("302", said)

    def test_a_renewal_answered_with_another_claims_challenge_each_time(self):
        self.renewal_heals("claims", count=0)

    def test_a_renewal_that_is_challenged_once_goes_on_by_itself(self):
        self.ready()
        self.emulator.fault("claims", path="subscriptions", count=1)
        self.service.cli("subscriptions", "renew", "it")
        self.wait_metric("graphhook_renewals_total", 1, outcome="renewed")
        self.assertEqual(self.metric("graphhook_renewals_total", outcome="failed"), 0)
        self.untouched()

    def test_creates_whose_answers_are_no_use_leave_exactly_one_each(self):
        """What became of them is only known from Graph's list, some 30 s later."""
        self.ready()
        wanted = {"missing-field": "events", "truncated": "contacts", "past-expiry": "mailFolders('a')/messages",
                  "html": "mailFolders('b')/messages"}
        for number, (fault, resource) in enumerate(wanted.items()):
            before = len(self.logged())
            self.emulator.fault(fault, path="subscriptions", count=1)
            self.service.config["subscriptions"][fault] = {
                "tenant": "contoso", "resource": f"{MAILBOX}/{resource}", "changes": ["created"], "handlers": ["audit"],
            }
            self.reload()
            self.assertIn(f"name={fault} ", self.trouble(before), number)
            self.clear()
        found = self.wait_active(5, 120)
        self.assertEqual(len({one["resource"] for one in found}), 5)
        for kind in ("event", "contact"):
            before = len(self.lines())
            self.finish([self.emulator.change(3, "created", kind=kind)])
            self.assertEqual(len(self.lines()), before + 3)

    def list_heals(self, fault, **members):
        """A list that can not be understood never means that there is nothing."""
        self.ready()
        self.emulator.fault(fault, path="subscriptions", count=0, **members)
        self.stop_cleanly()
        before = len(self.logged())
        self.service.start()
        self.trouble(before)
        self.untouched()
        self.clear()
        self.service.cli("subscriptions", "apply")
        self.untouched()

    def test_a_list_without_its_value(self):
        self.list_heals("missing-field")

    def test_a_list_whose_elements_lack_their_id(self):
        self.list_heals("missing-field", field="id")

    def test_a_list_cut_off(self):
        self.list_heals("truncated")

    def test_a_list_that_is_a_page_for_people(self):
        self.list_heals("html")

    def sweep_heals(self, fault, resource=DRIVE, count=250, page=False, **members):
        """All of it is found once the replies are right again, each once; nothing is lost on the way."""
        self.ready(resource)
        self.silently(count, "created", resource)
        self.emulator.fault(fault, path="delta", count=0, **members)
        self.service.cli("subscriptions", "sweep", "it")
        said = self.trouble()
        stack.wait_until(lambda: self.sweeps()[0]["state"] == "failing", 30, lambda: f"failing: {self.sweeps()}")
        self.assertTrue(self.sweeps()[0]["last_error"])
        self.assertEqual([one["id"] for one in self.emulator.subscriptions()], [self.known["id"]])
        self.clear()
        self.sweep()
        found = self.of_source("sweep")
        self.assertEqual(len({line["resource"] for line in found}), count)
        self.assertEqual(len(found), count)
        self.assertEqual(self.sweeps()[0]["state"], "waiting")
        self.assertEqual(self.sweeps()[0]["last_error"], "")
        return said

    def test_a_page_without_its_value(self):
        self.sweep_heals("missing-field")

    def test_a_page_without_a_link(self):
        self.sweep_heals("missing-field", field="@odata.deltaLink")

    def test_a_page_for_people_instead_of_a_page(self):
        self.sweep_heals("html")

    def test_a_page_cut_off(self):
        self.sweep_heals("truncated")

    def test_a_page_that_redirects(self):
        self.sweep_heals("redirect", location="https://127.0.0.1:9/elsewhere")

    def test_a_link_to_another_host_is_not_followed(self):
        other = stack.free_port()
        said = self.sweep_heals("foreign-link", location=f"https://localhost:{other}")
        self.assertNotIn("access_token", said)

    def test_a_page_in_the_middle_that_is_refused(self):
        self.sweep_heals("page-error", page=3, status=403, count=900)

    def test_pages_of_messages_whose_elements_lack_their_id(self):
        self.sweep_heals("missing-field", resource=INBOX, field="id", count=30)

    def collection_heals(self, fault, **members):
        """A template's collection that can not be read removes nobody's subscription."""
        self.begin(INBOX, options=("--most-in-page", 100))
        self.emulator.control("POST", "/data", {"tenant": stack.TENANT_ID, "users": 230})
        self.service.config["subscriptions"] = {"everyone": {
            "tenant": "contoso", "for_each": "users", "resource": "users/{id}/events", "changes": ["created"],
            "handlers": ["audit"],
        }}
        self.service.write_config()
        self.service.start()
        stack.wait_until(lambda: self.metric("graphhook_template_elements", subscription="everyone") == 230, 60, "read")
        # And one for the collection itself.
        known = {one["id"] for one in self.wait_active(231)}
        self.emulator.fault(fault, path="/users", count=0, **members)
        self.service.cli("subscriptions", "templates", "--expand", "everyone")
        self.trouble()
        self.assertEqual({one["id"] for one in self.emulator.subscriptions()}, known)
        self.assertEqual(self.metric("graphhook_template_elements", subscription="everyone"), 230)
        self.assertEqual(self.metric("graphhook_subscription_removals_held_back"), 0)
        self.clear()
        self.service.cli("subscriptions", "templates", "--expand", "everyone")
        self.wait_metric("graphhook_expansions_total", 2, outcome="done")
        self.assertEqual({one["id"] for one in self.emulator.subscriptions()}, known)

    def test_a_collection_whose_third_page_is_refused(self):
        self.collection_heals("page-error", page=3, status=403)

    def test_a_collection_cut_off(self):
        self.collection_heals("truncated")

    def test_a_collection_that_leads_to_another_host(self):
        self.collection_heals("foreign-link", location=f"https://localhost:{stack.free_port()}")

    def nonsense(self, fault):
        """The first token is not to be had, the second is."""
        self.begin()
        self.emulator.fault(fault, count=1)
        self.service.start()
        self.known = self.wait_active(1)[0]
        self.untouched()

    def test_an_identity_platform_that_answers_a_page_for_people(self):
        self.nonsense("token-html")

    def test_an_identity_platform_whose_answer_is_cut_off(self):
        self.nonsense("token-cut-off")

    def test_a_token_that_does_not_say_how_long_it_lives(self):
        self.nonsense("token-no-expiry")


if __name__ == "__main__":
    unittest.main()
