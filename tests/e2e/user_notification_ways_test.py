#!/usr/bin/env python3
"""User notifications: bursts beyond a user's limits, a kill between post and settlement, and a signed-in user's own way.
One test of all; each class has its own programs."""

import os
import unittest

from harness import stack
from user_notification_case import StackTest
from user_notification_stack import APP, NOTIFICATIONS, Refused


class Bursts(StackTest):
    """The service obeys its limits: 100 posts about one user in 5 minutes."""

    @classmethod
    def begin(cls):
        cls.people = cls.it.start_emulator("ann", "ben", "cid", options=["--quotas"])
        cls.it.configure({"push": {"workers": 4}}, {
            person.name.split("@")[0]: {"resource": person.mailbox, "handlers": ["push"]} for person in cls.people})
        cls.it.start()
        for person in cls.people:
            assert person.sign_in("android").hand_in() == 201

    def rows(self, **members):
        rows = self.service.cli_json("deliveries", "list", "--handler", "push", "--limit", "1000")
        return [row for row in rows if all(row[name] == value for name, value in members.items())]

    def test_of_300_changes_none_is_lost_or_told_twice_and_who_is_throttled_delays_nobody_else(self):
        for person, count in zip(self.people, (180, 60, 60), strict=True):
            self.it.change(person.mailbox, count)
        # The others are done while she still waits for her limit: minutes.
        stack.wait_until(
            lambda: not self.rows(state="waiting") and not self.rows(state="leased") and
            len(self.rows(state="done")) == 300 - len(self.rows(state="retrying")), 60,
            lambda: f"each tried\n{self.service.log_tail()}", self.service.check_running)
        for name in ("ben", "cid"):
            self.assertEqual(len(self.rows(subscription=name, state="done")), 60, name)
        done, throttled = self.rows(subscription="ann", state="done"), self.rows(subscription="ann", state="retrying")
        self.assertEqual(len(done) + len(throttled), 180)
        self.assertTrue(90 <= len(done) <= 100, len(done))
        for row in throttled:
            self.assertIn("HTTP 406 NotAcceptable: There were too many requests about this user;", row["reason"])
            self.assertTrue(row["next_at"])
        self.assertEqual(self.service.cli_json("dead-letters", "list"), [])
        self.assertEqual(self.metric("graphhook_handler_circuit_open", handler="push"), 0)
        self.assertEqual(self.metric("graphhook_deliveries_total", handler="push", outcome="retry_recipient"),
                         len(throttled))
        posts = self.it.posts()
        # Nobody hammers a service that said when to come again.
        self.assertEqual(len(posts), 300)
        self.assertEqual(len([post for post in posts if post["status"] == 406]), len(throttled))

        # As if the five minutes were over: here, and for the service.
        self.assertEqual(self.service.stop(), 0)
        self.it.make_due()
        self.emulator.control("POST", "/reset", {"keepSubscriptions": True, "keepData": True})
        self.service.start()
        stack.wait_until(lambda: len(self.rows(state="done")) == 300, 60, lambda: f"all done\n{self.service.log_tail()}",
                         self.service.check_running)
        posts += self.it.posts()
        taken = [post["appNotificationId"] for post in posts if post["status"] == 201]
        self.assertEqual(len(taken), 300)
        self.assertEqual(len(set(taken)), 300)
        self.assertEqual({post["status"] for post in posts}, {201, 406})
        self.assertEqual({row["receipt"]["status"] for row in map(self.shown, self.rows()[::25])}, {201})

    def shown(self, row):
        return self.it.delivery(row["id"], "push")


class Kills(StackTest):
    @classmethod
    def begin(cls):
        cls.ann, = cls.it.start_emulator("ann")
        cls.it.configure({"push": {"timeout": "60s"}}, {"ann": {"resource": cls.ann.mailbox, "handlers": ["push"]}})
        cls.it.start()
        assert cls.ann.sign_in("windows").hand_in() == 201

    def test_a_kill_between_post_and_settlement_tells_the_person_once(self):
        self.emulator.fault("create-late", path=NOTIFICATIONS, delayMilliseconds=50_000)
        self.it.change(self.ann.mailbox)
        stack.wait_until(self.it.posts, 60, "posted", self.service.check_running)
        number, = self.it.numbers("push")
        self.assertNotEqual(self.it.delivery(number, "push")["state"], "done")
        self.service.kill()
        # UNSIDs are as durable as deliveries: nobody hands one in again.
        self.service.start()
        delivery = self.it.wait_state(number, "push", "done")
        posts = self.posts_of(delivery)
        self.assertEqual([post["status"] for post in posts], [201, 201])
        self.assertEqual(posts[0]["notification"], posts[1]["notification"])
        self.assertEqual(posts[0]["id"], posts[1]["id"])
        self.assertEqual(delivery["receipt"]["id"], posts[0]["id"])
        self.assertEqual(len(self.told(self.ann.devices["windows"], delivery)), 1)


class Delegated(StackTest):
    """The old way: the tokens are a signed-in user's, who is the one that is told."""

    @classmethod
    def begin(cls):
        cls.ann, cls.ben = cls.it.start_emulator("ann", "ben")
        cls.it.configure({"push": {}}, {"mine": {"resource": "me/messages", "handlers": ["push"]}}, unsids={
            "enabled": False, "scope": None})
        cls.service.config["tenants"]["contoso"]["credential"] = {
            "client_secret": stack.CLIENT_SECRET, "refresh_token_file": os.path.join(cls.folder, "sign-in.json"),
            "scopes": ["Mail.Read", "Notifications.ReadWrite.CreatedByApp"],
        }
        cls.service.write_config()
        for person in (cls.ann, cls.ben):
            for platform in ("windows", "ios", "android"):
                person.sign_in(platform)

    def test_a_signed_in_users_own_mail_reaches_that_users_devices_without_an_unsid(self):
        with self.login() as said:
            self.assertIn("Signed in", said)
        self.it.start()
        delivery = self.tell(self.ann, "push")
        post, = self.posts_of(delivery)
        self.assertEqual((post["status"], post["unsid"], post["userId"], post["endpoints"]), (201, None, self.ann.id, 3))
        for device in self.ann.devices.values():
            self.assertEqual(len(self.told(device, delivery)), 1)
        self.assertEqual(self.ben.feeds(), {platform: [] for platform in self.ben.devices})
        self.assertEqual(delivery["receipt"]["id"], post["id"])
        with self.assertRaises(Refused) as refused:
            self.ann.devices["ios"].hand_in()
        self.assertEqual(refused.exception.status, 404)

        # A token that counts no more is replaced here, too, by the refresh token.
        self.it.emulator_cli("revoke", "--tokens", "access", "--client-id", APP)
        delivery = self.tell(self.ann, "push")
        self.assertEqual([post["status"] for post in self.it.posts()[1:]], [401, 201])
        self.assertEqual(len(self.told(self.ann.devices["ios"], delivery)), 1)


if __name__ == "__main__":
    unittest.main()
