#!/usr/bin/env python3
"""User notifications, from the sign-in on a device to the notification on all of them: the whole flow, and every reply of
the service. One test of all, which share both programs."""

import datetime
import json
import os
import time
import unittest

from harness import stack
from user_notification_case import StackTest
from user_notification_stack import APP, HOST, NOTIFICATIONS, Refused

PLATFORMS = ("windows", "ios", "android", "webpush")


class Tests(StackTest):
    """One pair of programs for all: each test tells somebody else, or looks at what is its own."""

    @classmethod
    def begin(cls):
        names = ("ann", "ben", "cid", "dora", "eve", "finn", "gus", "hal")
        cls.ann, cls.ben, cls.cid, cls.dora, cls.eve, cls.finn, cls.gus, cls.hal = cls.it.start_emulator(
            *names, options=["--wrapped-notifications"])
        full = {"resource_data": True, "title": "{data.subject:-(no subject)}", "group": "{subscription}",
                "priority": "{data.importance}", "expires_after": "24h", "display_for": "60s",
                "platforms": ["windows", "ios"],
                "raw": '{{"from":{data.from.emailAddress.address!json},"id":{item.resourceData.id!json}}}'}
        cls.it.configure({
            "push": {"title": "Mail", "body": "{change} {kind}", "group": "{subscription}", "priority": "high",
                     "expires_after": "24h", "app_notification_id": "push-{id}-{received_at}"},
            "targeted": full,
            "zipped": {"content_coding": "gzip", "body": "long " * 100},
            "deflated": {"content_coding": "deflate", "body": "long " * 100, "wrapped": True},
            "hasty": {"timeout": "2s"},
            "brief": {"expires_after": "1s"},
            "patient": {"expires_after": "12s"},
            "skipping": {"without_unsid": "skip"},
            "large": {"raw": "x" * 5000, "most_content_bytes": "8KiB"},
            "too-large": {"raw": "{item}" * 10},
        }, {
            "ann": {"resource": cls.ann.mailbox, "handlers": ["push"]},
            "ben": {"resource": f"{cls.ben.mailbox}?$select=subject,from,importance", "handlers": ["targeted"],
                    "resource_data": True},
            "cid": {"resource": cls.cid.mailbox, "handlers": ["zipped", "deflated"]},
            "dora": {"resource": cls.dora.mailbox, "handlers": ["hasty", "brief"]},
            "eve": {"resource": cls.eve.mailbox, "handlers": ["push", "skipping"]},
            "finn": {"resource": cls.finn.mailbox, "handlers": ["large", "too-large"]},
            "gus": {"resource": cls.gus.mailbox, "handlers": ["push"]},
            "hal": {"resource": cls.hal.mailbox, "handlers": ["patient"]},
        }, keys={"folder": os.path.join(cls.folder, "keys")})
        cls.service.cli("keys", "create", "--id", "first")
        cls.service.cli("check")
        cls.it.start()
        # Eve's UNSID is handed in by her own test.
        for person, platforms in ((cls.ann, PLATFORMS), (cls.ben, PLATFORMS), (cls.cid, ("windows",)),
                                  (cls.dora, ("ios",)), (cls.finn, ("android",)), (cls.hal, ("ios",))):
            for platform in platforms:
                assert person.sign_in(platform).hand_in() == 201
        # It is over before the service wants to be asked again.
        cls.emulator.fault("user-notification", status=406, retryAfterSeconds=13)
        cls.it.change(cls.hal.mailbox)
        cls.waiting, = cls.it.numbers("patient")
        cls.it.wait_state(cls.waiting, "patient", "retrying")
        cls.windows, cls.ios, cls.android, cls.web = (cls.ann.devices[platform] for platform in PLATFORMS)

    # The whole flow.

    def test_a_mail_becomes_a_notification_on_every_device_and_what_one_does_the_others_see(self):
        self.assertEqual({device.unsid for device in self.ann.devices.values()}, {self.windows.unsid})
        listed = self.service.cli_json("unsids", "list", "--user", self.ann.id)
        self.assertEqual({(row["unsid"], row["platform"]) for row in listed},
                         {(self.windows.unsid, platform) for platform in PLATFORMS})
        stack.wait_until(lambda: self.metric("graphhook_unsids", platform="webpush") == 2, 30, "counted by platform")
        others = self.ben.feeds()
        for device in self.ann.devices.values():
            device.news()

        delivery = self.tell(self.ann, "push")
        post, = self.posts_of(delivery)
        self.assertEqual((post["status"], post["endpoints"], post["unsid"], post["appId"], post["userId"]),
                         (201, 4, self.windows.unsid, APP, None))
        said = post["notification"]
        received = datetime.datetime.fromisoformat(delivery["received_at"].replace("Z", "+00:00"))
        expires = datetime.datetime.fromisoformat(said["expirationDateTime"].replace("Z", "+00:00"))
        self.assertEqual(expires, received.replace(microsecond=0) + datetime.timedelta(days=1))
        self.assertEqual(said, {
            "targetHostName": HOST, "appNotificationId": f"push-{delivery['id']}-{delivery['received_at']}",
            "groupName": "ann", "priority": "High", "expirationDateTime": said["expirationDateTime"],
            "payload": {"visualContent": {"title": "Mail", "body": "created message"}},
        })

        # The receipt, by which it is found at the service.
        receipt = delivery["receipt"]
        self.assertEqual((receipt["status"], receipt["id"], receipt["clientRequestId"]),
                         (201, post["id"], post["clientRequestId"]))
        self.assertEqual(receipt["location"], f"{self.emulator.url}/beta/me/activities/{post['id']}")
        self.assertTrue(receipt["requestId"])
        self.assertIn(post["id"], self.service.cli("deliveries", "show", delivery["id"]))

        # Each device has it, as it was posted.
        for device in self.ann.devices.values():
            new, = device.news()
            self.assertEqual((new["id"], new["status"], new["readState"], new["userActionState"], new["groupName"]),
                             (post["id"], "Active", "Unread", "NoInteraction", "ann"))
            self.assertEqual(new["visualContent"], said["payload"]["visualContent"])
        # The person reads it on one device and dismisses it on another; browsers are not told.
        self.ios.act(post["id"], readState="Read")
        self.windows.act(post["id"], userActionState="Dismissed")
        for device, told in ((self.android, ("Read", "Dismissed")), (self.ios, ("Read", "Dismissed")),
                             (self.web, ("Unread", "NoInteraction"))):
            now, = self.told(device, delivery)
            self.assertEqual((now["readState"], now["userActionState"]), told, device.platform)
        self.assertEqual(self.web.news(), [])
        self.assertEqual(self.ben.feeds(), others)

    def test_the_decrypted_mail_makes_the_title_and_the_policy_leaves_platforms_out(self):
        others = self.ann.feeds()
        delivery = self.tell(self.ben, "targeted")
        plain = self.emulator.control("GET", "/changes?plaintext=1&limit=10000")["changes"]
        mail = next(json.loads(item["plaintext"]) for change in plain for item in change["items"]
                    if change["resource"].lower() == delivery["resource"].lower() and "plaintext" in item)
        post, = self.posts_of(delivery)
        said = post["notification"]
        self.assertTrue(mail["subject"])
        self.assertEqual(said["payload"]["visualContent"]["title"], mail["subject"])
        self.assertEqual(json.loads(said["payload"]["rawContent"]), {
            "from": mail["from"]["emailAddress"]["address"], "id": mail["id"]})
        self.assertEqual([one.lower() for one in said["targetPolicy"]["platformTypes"]], ["windows", "ios"])
        self.assertEqual((int(said["displayTimeToLive"]), post["endpoints"]), (60, 2))
        for platform, device in self.ben.devices.items():
            got = self.told(device, delivery)
            self.assertEqual(len(got), 1 if platform in ("windows", "ios") else 0, platform)
            for one in got:
                self.assertEqual(one["visualContent"]["title"], mail["subject"])
        self.assertEqual(self.ann.feeds(), others)
        # What a mail says is in no log and no receipt.
        self.assertNotIn(mail["subject"], self.it.log() + json.dumps(delivery))

    def test_gzip_and_deflate_arrive_as_they_were_meant(self):
        for handler, coding in (("zipped", "gzip"), ("deflated", "deflate")):
            with self.subTest(coding=coding):
                delivery = self.tell(self.cid, handler)
                post, = self.posts_of(delivery)
                said = post["notification"].get("notification", post["notification"])
                self.assertEqual((post["status"], post["contentEncoding"]), (201, coding))
                self.assertEqual(said["payload"]["visualContent"]["body"], "long " * 100)
                self.assertLess(post["bytes"], 400)
                self.assertEqual(len(self.told(self.cid.devices["windows"], delivery)), 1)

    # Every reply of the service.

    def retried(self, statuses, reason="", **fault):
        """After these answers it is posted again with the same id, taken, and on each device once."""
        self.emulator.fault(**fault)
        delivery = self.tell(self.ann, "push")
        posts = self.posts_of(delivery)
        self.assertEqual([post["status"] for post in posts], statuses)
        self.assertEqual(len({post["appNotificationId"] for post in posts}), 1)
        self.assertEqual(len({json.dumps(post["notification"]) for post in posts}), 1)
        self.assertEqual(len({post["clientRequestId"] for post in posts}), len(posts))
        for device in self.ann.devices.values():
            self.assertEqual(len(self.told(device, delivery)), 1)
        return delivery

    def retries(self, handler):
        return sum(self.metric("graphhook_deliveries_total", handler=handler, outcome=outcome)
                   for outcome in ("retry_target", "retry_recipient"))

    def fault_of(self, status, count=1, **more):
        return {"fault": "user-notification", "status": status, "count": count, **more}

    def test_406_throttled_is_tried_again_after_the_time_named(self):
        began = time.monotonic()
        delivery = self.retried([406, 406, 201], **self.fault_of(406, 2, retryAfterSeconds=1))
        self.assertGreaterEqual(time.monotonic() - began, 2)
        self.assertIsNone(delivery["attempts"])  # not kept; better than a wrong number
        self.assertEqual(self.metric("graphhook_handler_circuit_open", handler="push"), 0)

    def test_5xx_is_tried_again(self):
        self.emulator.fault("server-error", path=NOTIFICATIONS, status=500)
        self.retried([500, 503, 201], **self.fault_of(503))

    def test_429_is_tried_again(self):
        self.retried([429, 201], fault="throttle", path=NOTIFICATIONS, retryAfterSeconds=1)

    def test_no_answer_at_all_is_tried_again(self):
        before = self.retries("push")
        self.retried([201], fault="outage", path=NOTIFICATIONS, hangUp=True, count=2)
        # On a connection that was kept it is posted once more at once.
        self.assertGreater(self.retries("push"), before)
        self.assertEqual(self.emulator.control("GET", "/faults")["faults"], [])

    def test_a_page_for_people_instead_of_the_service_is_tried_again(self):
        self.retried([200, 201], fault="html", path=NOTIFICATIONS)

    def test_a_redirect_is_tried_again_and_never_followed(self):
        self.retried([302, 201], fault="redirect", path=NOTIFICATIONS, location=f"{self.emulator.url}/elsewhere")

    def test_200_of_the_service_is_done(self):
        delivery = self.retried([200], **self.fault_of(200))
        self.assertEqual(delivery["receipt"]["status"], 200)

    def test_401_about_the_token_takes_a_new_token_at_once(self):
        before, retries = len(self.it.posts()), self.retries("push")
        self.it.emulator_cli("revoke", "--tokens", "access", "--client-id", APP)
        delivery = self.tell(self.ann, "push")
        self.assertEqual(self.retries("push"), retries)
        # The list has no sender of the first: its token counts no more.
        self.assertEqual([post["status"] for post in self.it.posts()[before:]], [401, 201])
        self.assertEqual(len(self.told(self.ios, delivery)), 1)

    def test_401_about_the_new_token_too_is_tried_again_later(self):
        before = self.retries("push")
        self.retried([401, 401, 201], **self.fault_of(401, 2, code="InvalidAuthenticationToken"))
        self.assertEqual(self.retries("push"), before + 1)

    def test_a_token_that_is_not_to_be_had_is_asked_for_again(self):
        before = self.retries("push")
        self.emulator.fault("token-error", count=1)
        self.it.emulator_cli("revoke", "--tokens", "access", "--client-id", APP)
        delivery = self.tell(self.ann, "push")
        self.assertGreater(self.retries("push"), before)
        self.assertEqual([post["status"] for post in self.posts_of(delivery)][-1], 201)
        self.assertEqual(len(self.told(self.ios, delivery)), 1)

    def dead(self, person, handler, *words):
        delivery = self.tell(person, handler, "dead")
        for word in words:
            self.assertIn(word, delivery["reason"])
        row = next(row for row in self.service.cli_json("dead-letters", "list", "--handler", handler)
                   if row["id"] == delivery["id"])
        self.assertEqual(row["reason"], delivery["reason"])
        return delivery

    def test_other_refusals_are_dead_with_status_code_and_message(self):
        for status, words in {
            400: ("HTTP 400 BadRequest: The payload is invalid.",),
            401: ("HTTP 401 InvalidDataTypes", "not about the token: invalid data types"),
            405: ("HTTP 405 MethodNotAllowed", "takes no POST"),
            415: ("HTTP 415 UnsupportedMediaType", "content type or coding"),
        }.items():
            with self.subTest(status=status):
                self.emulator.fault(**self.fault_of(status))
                delivery = self.dead(self.ann, "push", *words)
                self.assertEqual(delivery["attempts"], 1)
                self.assertEqual(delivery["receipt"]["status"], status)
                self.assertEqual(self.told(self.ios, delivery), [])

    def test_400_of_a_host_that_is_not_registered(self):
        self.it.emulator_cli("user-notifications", "register", "--app", APP, "--host", "other.example.com")
        try:
            self.dead(self.ann, "push", "HTTP 400 BadRequest", "targetHostName is not registered for the app")
        finally:
            self.emulator.control("POST", "/user-notifications/apps", {"appId": APP})

    def test_403_of_a_blocked_app_is_dead_and_replayed_when_it_is_unblocked(self):
        self.it.emulator_cli("user-notifications", "block", APP)
        try:
            delivery = self.dead(self.ann, "push", "HTTP 403 Forbidden: The caller is blocked;")
        finally:
            self.it.emulator_cli("user-notifications", "unblock", APP)
        self.assertEqual(delivery["receipt"]["status"], 403)
        self.service.cli("dead-letters", "replay", "--handler", "push", delivery["id"])
        done = self.it.wait_state(delivery["id"], "push", "done")
        self.assertEqual(done["receipt"]["status"], 201)
        first, second = self.posts_of(delivery)
        self.assertEqual(first["notification"], second["notification"])
        self.assertEqual(len(self.told(self.android, delivery)), 1)

    def test_403_of_an_unsid_that_the_service_does_not_know(self):
        device = self.gus.sign_in("windows")
        self.assertEqual(device.hand_in("never-heard-of"), 201)
        delivery = self.dead(self.gus, "push", "HTTP 403 Forbidden", "may not notify this user")
        self.assertNotIn("never-heard-of", delivery["reason"] + self.it.log())
        # The right one, handed in later, is the one that is used.
        self.assertEqual(device.hand_in(), 201)
        self.service.cli("dead-letters", "replay", "--handler", "push", delivery["id"])
        self.it.wait_state(delivery["id"], "push", "done")
        self.assertEqual(len(self.told(device, delivery)), 1)

    def test_a_lost_reply_shows_the_person_one_notification(self):
        self.service.cli("handlers", "pause", "brief")
        self.addCleanup(self.service.cli, "handlers", "resume", "brief")
        self.emulator.fault("create-late", path=NOTIFICATIONS, delayMilliseconds=6000)
        delivery = self.tell(self.dora, "hasty")
        posts = self.posts_of(delivery)
        self.assertGreaterEqual(len(posts), 2)
        self.assertEqual({(post["status"], post["appNotificationId"], post["id"]) for post in posts},
                         {(201, posts[0]["appNotificationId"], posts[0]["id"])})
        self.assertEqual(delivery["receipt"]["id"], posts[0]["id"])
        self.assertEqual(len(self.told(self.dora.devices["ios"], delivery)), 1)

    def test_what_is_over_before_it_is_sent_is_dead(self):
        self.service.cli("handlers", "pause", "brief")
        known = set(self.it.numbers("brief"))
        self.it.change(self.dora.mailbox)
        number, = set(self.it.numbers("brief")) - known
        over = time.time() + 1.1
        stack.wait_until(lambda: time.time() > over, 30, "a second")
        self.service.cli("handlers", "resume", "brief")
        dead = self.it.wait_state(number, "brief", "dead")
        self.assertIn("expirationDateTime", dead["reason"])
        self.assertEqual(self.posts_of(dead), [])
        self.assertIsNone(dead["receipt"])

    def test_what_is_over_while_it_waits_for_another_try_is_dead(self):
        dead = self.it.wait_state(self.waiting, "patient", "dead")  # since the class began
        self.assertIn("expirationDateTime", dead["reason"])
        self.assertEqual(dead["attempts"], 2)
        self.assertEqual([post["status"] for post in self.posts_of(dead)], [406])
        # What the service said when it was asked.
        self.assertEqual(dead["receipt"]["status"], 406)
        self.assertEqual(self.told(self.hal.devices["ios"], dead), [])

    def test_content_that_is_too_large_is_refused_here_or_there(self):
        delivery = self.dead(self.finn, "large", "HTTP 400 BadRequest: The payload is invalid", "payload.rawContent")
        self.assertEqual([post["status"] for post in self.posts_of(delivery)], [400])
        here = self.it.wait_state(delivery["id"], "too-large", "dead")
        self.assertIn("payload.rawContent", here["reason"])
        self.assertEqual(self.posts_of(here), [])
        self.assertIsNone(here["receipt"])

    def test_a_person_without_unsid_is_a_dead_letter_or_skipped(self):
        device = self.eve.sign_in("ios")
        # One that is over counts no more than none.
        soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)).isoformat()
        self.assertEqual(self.it.hand_in(device.our_token(), device.unsid, "ios", soon), 201)
        stack.wait_until(lambda: not self.service.cli_json("unsids", "list", "--user", self.eve.id), 30, "it is over")
        delivery = self.dead(self.eve, "push", "no_unsid")
        self.assertIsNone(delivery["receipt"])
        skipped = self.it.wait_state(delivery["id"], "skipping", "done")
        self.assertEqual(skipped["receipt"], {"skipped": "no_unsid"})
        self.assertIn(device.hand_in(), (200, 201))
        self.service.cli("dead-letters", "replay", "--handler", "push", delivery["id"])
        self.it.wait_state(delivery["id"], "push", "done")
        self.assertEqual(len(self.told(device, delivery)), 1)
        self.assertEqual(self.posts_of(skipped), [])
        # She signs out: the app withdraws it.
        self.assertEqual(device.withdraw(), 204)
        self.dead(self.eve, "push", "no_unsid")

    def test_one_by_hand_reaches_the_same_devices(self):
        sent = json.loads(self.service.cli("notify-user", "--handler", "push", "--user", self.ann.id, "--title", "By hand",
                                           "--platform", "windows", "--expires-in", "1h", "--output", "json"))
        self.assertEqual((sent["outcome"], sent["status"]), ("done", 201))
        for platform, device in self.ann.devices.items():
            got = [one for one in device.feed() if one["id"] == sent["id"]]
            self.assertEqual(len(got), 1 if platform == "windows" else 0, platform)

    def test_only_a_token_of_our_app_hands_in_an_unsid_and_only_for_its_own_user(self):
        for token in (self.ios.token, "garbage"):
            with self.assertRaises(Refused) as refused:
                self.ios.hand_in("stolen", token)
            self.assertEqual(refused.exception.status, 401)
            self.assertIn("Bearer", refused.exception.headers["WWW-Authenticate"])
        self.assertEqual(self.service.cli_json("unsids", "list", "--unsid", "stolen"), [])

    def test_no_secret_is_logged(self):
        log = self.it.log()
        for device in (*self.ann.devices.values(), *self.ben.devices.values()):
            for secret in (device.unsid, device.token, device.refresh_token):
                self.assertNotIn(secret, log)
        self.assertNotIn("eyJ", log)


if __name__ == "__main__":
    unittest.main()
