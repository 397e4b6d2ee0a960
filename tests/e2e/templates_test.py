#!/usr/bin/env python3
"""A template stands for one subscription for each element of a collection: whoever comes gets one, whoever goes loses
it, and whom Graph refuses is in nobody's way."""

import datetime
import time
import unittest

from harness import E2eTest, stack

TENANT = stack.TENANT_ID


class Tests(E2eTest):
    def begin(self, *emulator_options):
        self.emulator.start("--time-scale", "60", *emulator_options)

    def populate(self, **what):
        return self.emulator.control("POST", "/data", {"tenant": TENANT, **what})

    def group_of(self, members, **what):
        """A group with so many new users; its id, and theirs."""
        made = self.populate(users=members, groups=1, groupMembers="all", **what)
        return made["groups"][0], made["users"]

    def serve(self, for_each, resource="users/{id}/events", reconcile=None, **entry):
        self.service.configure(self.emulator.cloud, self.emulator.certificates, subscriptions={},
                               reconcile={"removal_grace": "0s", **(reconcile or {})})
        self.service.config["subscriptions"]["each"] = {
            "tenant": "contoso", "for_each": for_each, "resource": resource, "changes": ["created"],
            "handlers": ["audit"], **entry,
        }
        self.service.write_config()
        self.service.start()

    def join(self, group, user):
        return self.members(group, "created", object=user)

    def leave(self, group, user=None, count=1):
        return self.members(group, "deleted", **({"object": user} if user else {"existing": True, "count": count}))

    def members(self, group, change, silent=False, **what):
        return self.emulator.control("POST", "/changes", {
            "tenant": TENANT, "resource": f"groups/{group}/members", "change": change, "silent": silent, **what,
        })["job"]

    def refuse(self, user, why):
        self.emulator.control("POST", "/users", {"tenant": TENANT, "user": user, "refuse": why})

    def permit(self, *roles):
        self.emulator.control("POST", "/identity", {"permissions": [{
            "tenant": TENANT, "clientId": stack.CLIENT_ID, "roles": ["User.Read.All", "Group.Read.All", *roles]}]})

    def template(self):
        return self.service.cli_json("subscriptions", "templates")[0]

    def expand(self):
        """Reads the collection now, and waits until that is done or failed."""
        before = self.template()
        self.service.cli("subscriptions", "templates", "--expand", "each")
        return stack.wait_until(
            lambda: (now := self.template()) and not now["running"] and
            (now["expanded_at"] != before["expanded_at"] or now["failures"] != before["failures"]) and now,
            60, lambda: f"read: {self.template()}", self.service.check_running,
        )

    def elements(self, state="active"):
        """Element to row, without the collection's own."""
        rows = self.service.cli_json("subscriptions", "list", "--name", "each", "--state", state)
        return {row["element"]: row for row in rows if row["element"] != "*"}

    def wait_elements(self, expected, state="active", seconds=60):
        expected = set(expected)
        stack.wait_until(lambda: set(self.elements(state)) == expected, seconds,
                         lambda: f"{len(expected)} elements {state}, not {self.service.cli('subscriptions', 'list')}",
                         self.service.check_running)
        return self.elements(state)

    def at_graph(self):
        """The resources that are subscribed to, without the collection's own; each once."""
        found = [one["resource"] for one in self.emulator.subscriptions() if one["resource"].startswith("users/")]
        self.assertEqual(len(found), len(set(found)), found)
        return set(found)

    def assert_at_graph(self, users):
        self.assertEqual(self.at_graph(), {f"users/{user}/events" for user in users})

    def creates(self):
        return self.metric("graphhook_graph_requests_total", operation="create")

    def ids_at_graph(self):
        return {one["id"] for one in self.emulator.subscriptions()}

    def seconds_to_next_reading(self):
        if not (at := self.template()["next_at"]):
            return 0
        return (datetime.datetime.fromisoformat(at) - datetime.datetime.now(datetime.timezone.utc)).total_seconds()

    def test_each_user_whom_the_filter_lets_through_gets_one(self):
        self.begin()
        self.populate(users=6, disabled=2)
        self.serve("users", resource="users/{userPrincipalName}/events", filter="accountEnabled eq true")
        stack.wait_until(lambda: len(self.elements()) == 4, 60, "four elements", self.service.check_running)
        resources = self.at_graph()
        self.assertEqual(len(resources), 4)
        for resource in resources:
            self.assertRegex(resource, r"^users/user[0-9]+@emulated\.example/events$")
        self.finish([self.emulator.change(2, "created", resource=resource) for resource in resources])
        self.assertEqual(len(self.lines()), 8)
        self.assert_nothing_lost()

    def test_members_are_read_page_by_page_and_what_is_no_user_is_left_out(self):
        self.begin("--most-in-page", "7")
        group, users = self.group_of(25, devices=2)
        self.serve(f"groups/{group}/transitiveMembers")
        self.wait_elements(users)
        self.assert_at_graph(users)
        template = self.template()
        self.assertEqual((template["elements"], template["skipped"]), (25, 2), template)
        self.assertEqual(template["last_error"], "")
        self.assertGreaterEqual(self.metric("graphhook_graph_requests_total", operation="expand"), 4)
        self.assertEqual(self.metric("graphhook_template_elements", subscription="each"), 25)
        shown = self.service.cli("subscriptions", "templates")
        self.assertIn(f"groups/{group}/transitiveMembers", shown)

    def test_a_joiner_is_told_and_gets_one(self):
        self.begin()
        group, users = self.group_of(3)
        outsider = self.populate(users=1)["users"][0]
        self.serve(f"groups/{group}/members")
        self.wait_elements(users)
        self.emulator.wait_subscriptions(4)
        self.assertGreater(self.seconds_to_next_reading(), 50 * 60)
        self.join(group, outsider)
        # Readings keep a minute apart; without the word of it the next would come in an hour.
        stack.wait_until(lambda: self.seconds_to_next_reading() <= 60, 20, lambda: f"soon: {self.template()}",
                         self.service.check_running)
        self.expand()
        self.wait_elements([*users, outsider])
        self.assert_at_graph([*users, outsider])
        self.finish([self.emulator.change(1, "created", resource=f"users/{outsider}/events")])
        self.assertEqual(len([line for _, line in self.lines() if line["subscription"] == "each"]), 1)

    def test_a_joiner_that_graph_does_not_tell_of_is_found_by_reading_again(self):
        self.begin()
        self.populate(resource="sites", objects=2)
        self.serve("sites", resource="sites/{id}/lists/tasks", changes=["updated"],
                   reconcile={"expand_every": "10s"})
        stack.wait_until(lambda: len(self.elements()) == 2, 60, "two sites", self.service.check_running)
        joiner = self.populate(resource="sites", objects=1)["objects"][0]
        stack.wait_until(lambda: joiner in self.elements(), 15, lambda: f"found: {self.template()}",
                         self.service.check_running)
        self.assertEqual(len(self.emulator.subscriptions()), 3)

    def test_a_leaver_keeps_it_for_the_grace_and_loses_it_then(self):
        self.begin()
        group, users = self.group_of(4)
        self.serve(f"groups/{group}/members", reconcile={"removal_grace": "3s"})
        self.wait_elements(users)
        self.leave(group, users[0])
        self.expand()
        leaving = self.wait_elements(users[:1], "leaving")
        self.assert_at_graph(users)
        self.assertIsNotNone(leaving[users[0]]["removal_at"])
        stack.wait_until(lambda: len(self.at_graph()) == 3, 30, "removed", self.service.check_running)
        self.assert_at_graph(users[1:])

    def test_a_leaver_who_is_back_within_the_grace_keeps_it(self):
        self.begin()
        group, users = self.group_of(2)
        self.serve(f"groups/{group}/members", reconcile={"removal_grace": "10m"})
        self.wait_elements(users)
        before = self.ids_at_graph()
        self.leave(group, users[0])
        self.expand()
        self.wait_elements(users[:1], "leaving")
        self.join(group, users[0])
        self.expand()
        self.wait_elements(users)
        self.assertLessEqual(before, self.ids_at_graph())

    def test_many_leavers_are_held_back_until_an_operator_lets_them_go(self):
        self.begin()
        group, users = self.group_of(30)
        self.serve(f"groups/{group}/transitiveMembers")
        self.wait_elements(users)
        self.leave(group, count=25)
        self.expand()
        # Ten an hour.
        stack.wait_until(lambda: self.metric("graphhook_subscription_removals_held_back") == 15, 30,
                         lambda: self.service.cli("subscriptions", "plan"), self.service.check_running)
        stack.wait_until(lambda: len(self.at_graph()) == 20, 30, "ten are gone", self.service.check_running)
        plan = self.service.cli("subscriptions", "plan")
        self.assertIn("15 removals held back", plan)
        self.assertIn("--allow-delete", plan)
        self.assertEqual(len(self.at_graph()), 20)
        self.service.cli("subscriptions", "apply", "--allow-delete", "15")
        self.assertEqual(len(self.at_graph()), 5)
        self.assertEqual(len(self.elements()), 5)
        stack.wait_until(lambda: self.metric("graphhook_subscription_removals_held_back") == 0, 30, "none held back")

    def test_elements_that_graph_refuses_are_parked_and_block_nobody(self):
        self.begin()
        group, users = self.group_of(9)
        reasons = {users[0]: "no-mailbox", users[4]: "no-licence", users[8]: "mailbox-quota"}
        words = {"no-mailbox": "no mailbox", "no-licence": "no licence", "mailbox-quota": "quota"}
        for user, why in reasons.items():
            self.refuse(user, why)
        self.serve(f"groups/{group}/members")
        self.wait_elements([user for user in users if user not in reasons])
        parked = self.wait_elements(reasons, "parked")
        for user, why in reasons.items():
            self.assertIn(words[why], parked[user]["last_error"])
        stack.wait_until(lambda: self.metric("graphhook_template_elements_parked", subscription="each") == 3, 10,
                         "three parked", self.service.check_running)
        self.assertEqual(self.metric("graphhook_subscriptions", state="parked"), 3)
        shown = self.service.cli("subscriptions", "list", "--state", "parked")
        self.assertEqual(len(shown.splitlines()), 4, shown)
        for word in words.values():
            self.assertIn(word, shown)
        told = self.service.cli("subscriptions", "apply")
        self.assertIn("3 parked", told)
        self.finish([self.emulator.change(1, "created", resource=f"users/{users[1]}/events")])
        # The licence is assigned, the others stay as they are.
        self.refuse(users[4], "nothing")
        told = self.service.cli("subscriptions", "apply")
        self.assertIn("2 parked", told)
        self.wait_elements([users[0], users[8]], "parked")
        self.wait_elements([user for user in users if user not in (users[0], users[8])])

    def test_a_collection_that_can_not_be_read_to_its_end_removes_nobody(self):
        self.begin("--most-in-page", "5")
        group, users = self.group_of(18)
        self.serve(f"groups/{group}/members")
        self.wait_elements(users)
        before = self.ids_at_graph()
        self.leave(group, users[0])
        self.emulator.fault("page-error", page=3, status=403, count=0, path="members")
        failed = self.expand()
        self.assertGreaterEqual(failed["failures"], 1)
        self.assertIn("403", failed["last_error"])
        self.service.cli("subscriptions", "apply", "--no-wait")
        stack.wait_until(lambda: self.template()["failures"] > failed["failures"], 30, "read again and refused again")
        self.assertEqual(set(self.elements()), set(users))
        self.assertEqual(self.elements("leaving"), {})
        self.assertLessEqual(before, self.ids_at_graph())
        self.emulator.control("DELETE", "/faults")
        self.assertEqual(self.expand()["last_error"], "")
        stack.wait_until(lambda: len(self.at_graph()) == 17, 30, "one is gone", self.service.check_running)

    def test_a_permission_that_is_missing_for_all_costs_few_requests_and_heals(self):
        self.begin()
        group, users = self.group_of(40)
        self.permit()
        self.serve(f"groups/{group}/transitiveMembers")
        held = "0 to create, 0 to renew, 0 to replace, 0 to adopt, 0 to delete, 40 to wait, 1 to keep"
        stack.wait_until(lambda: held in self.service.cli("subscriptions", "plan"), 30,
                         lambda: f"held: {self.service.cli('subscriptions', 'plan')}", self.service.check_running)
        self.assertIn("its template is held", self.service.cli("subscriptions", "plan"))
        # Those that were under way when it was noticed, and no more.
        tried = self.creates()
        self.assertLessEqual(tried, 13)
        self.assertEqual(self.elements("parked"), {})
        applied = self.service.cli("subscriptions", "apply", check=False)
        self.assertEqual(applied.returncode, 1)
        self.assertIn("permission", applied.stderr)
        self.assertLessEqual(self.creates(), tried + 10)
        self.permit("Calendars.Read")
        # Roles are in the token: a new one is asked for when this process begins.
        self.stop_cleanly()
        self.service.start()
        self.service.cli("subscriptions", "apply")
        self.wait_elements(users)
        self.assert_at_graph(users)

    def test_a_restart_keeps_all_and_creates_none(self):
        self.begin()
        group, users = self.group_of(12)
        self.refuse(users[3], "no-mailbox")
        self.serve(f"groups/{group}/members")
        self.wait_elements([user for user in users if user != users[3]])
        self.wait_elements(users[3:4], "parked")
        before = self.emulator.wait_subscriptions(12)
        self.stop_cleanly()
        self.service.start()
        self.service.cli("subscriptions", "plan")
        stack.wait_until(lambda: self.template()["expanded_at"], 30, "read", self.service.check_running)
        plan = self.service.cli_json("subscriptions", "plan", "--all")
        self.assertEqual(plan["steps"] and {step["verb"] for step in plan["steps"]}, {"keep"}, plan)
        self.assertEqual(self.creates(), 0)
        self.assertEqual({one["id"] for one in before}, self.ids_at_graph())
        self.wait_elements(users[3:4], "parked")

    def test_hundreds_are_created_within_the_quotas(self):
        self.begin("--quotas")
        group, _ = self.group_of(200)
        began = time.monotonic()
        self.serve(f"groups/{group}/members")
        stack.wait_until(lambda: len(self.emulator.subscriptions()) == 201, 60,
                         lambda: f"{len(self.emulator.subscriptions())} of 201", self.service.check_running)
        self.assertEqual(len(self.at_graph()), 200)
        windows = self.emulator.status()["quotas"]["windows"]
        self.assertEqual([window for window in windows if window["refused"]], [])
        writes = next(window for window in windows
                      if window["operation"] == "write" and window["scope"] == "app and tenant")
        # 201 creates took about ten seconds: twenty a second, as paced, and nothing else was written.
        self.assertEqual(writes["most"], 201)
        self.assertGreater(time.monotonic() - began, 201 / 25)
        self.assertEqual(self.metric("graphhook_graph_throttled_total"), 0)


if __name__ == "__main__":
    unittest.main()
