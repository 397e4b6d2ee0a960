#!/usr/bin/env python3
"""`graphhook notify-user` and `graphhook unsids` as their user meets them: what is sent, what is refused, what is said. One
test of all; each class has its own programs."""

import datetime
import json
import os
import re
import subprocess
import unittest

from harness import ROOT, stack
from user_notification_case import StackTest
from user_notification_stack import APP, CLIENT_APP, HOST, NOTIFICATIONS

URL_HINT = "check the URL: --url, the handler's, or the tenant's cloud"


class CommandTest(StackTest):
    def notify(self, *arguments, stdin=""):
        return subprocess.run(
            [self.service.program, "-c", self.service.config_file, "notify-user", *arguments], input=stdin,
            capture_output=True, text=True, check=False, timeout=120)

    def sent(self, *arguments, **more):
        """What it prints of one that was taken, and what the service got."""
        before = len(self.it.posts())
        done = self.notify(*arguments, "--output", "json", **more)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        said, posts = json.loads(done.stdout), self.it.posts()[before:]
        self.assertEqual((said["outcome"], said["status"]), ("done", 201))
        self.assertEqual(posts[-1]["appNotificationId"], said["app_notification_id"])
        self.assertEqual(posts[-1]["id"], said["id"])
        self.assertTrue(said["location"].endswith("/beta/me/activities/" + said["id"]))
        # Another token for one that is refused belongs to the same attempt.
        self.assertEqual(said["attempts"], len([post for post in posts if post["status"] != 401]))
        return said, {**posts[-1], "notification": posts[-1]["notification"].get("notification", posts[-1]["notification"])}

    def refused(self, *arguments, **more):
        """What is said of one that is not sent because of what is wrong with it."""
        done = self.notify(*arguments, **more)
        self.assertEqual((done.returncode, done.stdout), (2, ""), f"{arguments}: {done.stderr}")
        return done.stderr

    def not_taken(self, *arguments):
        """What is printed and said of one that was not taken."""
        done = self.notify(*arguments, "--output", "json")
        self.assertEqual(done.returncode, 1, f"{arguments}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout) if done.stdout else None, done.stderr


class ByHand(CommandTest):
    @classmethod
    def begin(cls):
        cls.ann, cls.ben = cls.it.start_emulator("ann", "ben", options=["--wrapped-notifications"])
        cls.it.configure({"phones": {}, "zipped": {"content_coding": "deflate", "wrapped": True}},
                         {"ann": {"resource": cls.ann.mailbox, "handlers": ["phones"]}})
        cls.it.start()
        for platform in ("windows", "ios"):
            assert cls.ann.sign_in(platform).hand_in() == 201
        cls.windows, cls.ios = cls.ann.devices["windows"], cls.ann.devices["ios"]
        cls.to_ann = ("--user", cls.ann.id, "--handler", "phones")

    def shown(self, device, said):
        one, = [one for one in device.feed() if one["id"] == said["id"]]
        return one

    # What is sent.

    def test_by_user_it_reaches_all_devices_and_says_so(self):
        said, post = self.sent("--user", self.ann.id.upper(), "--host", HOST, "--title", "Order shipped")
        self.assertEqual((post["unsid"], post["endpoints"]), (self.windows.unsid, 2))
        for device in (self.windows, self.ios):
            self.assertEqual(self.shown(device, said)["visualContent"]["title"], "Order shipped")
        done = self.notify(*self.to_ann, "--title", "x", "--id", "order-4711")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for line in (r"outcome +done", r"app_notification_id +order-4711", r"status +201", r"request_id +\S+"):
            self.assertRegex(done.stdout, line)
        self.assertNotIn("reason", done.stdout)

    def test_by_unsid_with_everything_that_can_be_said(self):
        next_week = (datetime.date.today() + datetime.timedelta(days=7)).isoformat()
        said, post = self.sent(
            "--unsid", self.windows.unsid, "--host", HOST, "--title", "Order shipped", "--body", "It comes\ntomorrow.",
            "--raw", '{"order": 4711}', "--group", "orders", "--id", "order 4711", "--priority", "HIGH", "--platform",
            "ios", "--platform", "WINDOWS", "--display-for", "1m", "--expires-at", f"{next_week}T00:00:00Z",
            "--fallback-title", "Late", "--fallback-body", "See the app", "--fallback-after", "2m")
        self.assertEqual(post["notification"], {
            "targetHostName": HOST, "appNotificationId": "order 4711", "groupName": "orders", "priority": "High",
            "expirationDateTime": post["notification"]["expirationDateTime"], "displayTimeToLive": 60,
            "payload": {"rawContent": '{"order": 4711}',
                        "visualContent": {"title": "Order shipped", "body": "It comes\ntomorrow."}},
            "targetPolicy": {"platformTypes": ["iOS", "Windows"]},
            "fallbackPolicy": {"endpointFallback": {
                "platformTypes": ["iOS"], "fallbackDelayInSeconds": 120,
                "visualContent": {"title": "Late", "body": "See the app"}}},
        })
        self.assertTrue(post["notification"]["expirationDateTime"].startswith(f"{next_week}T00:00:00"))
        self.assertEqual(self.shown(self.ios, said)["content"], '{"order": 4711}')

    def test_a_file_or_standard_input_has_the_whole_notification_or_the_raw_content(self):
        path = os.path.join(self.folder, "notification.json")
        notification = {"targetHostName": HOST, "appNotificationId": "from-a-file", "priority": "low",
                        "displayTimeToLive": "60", "payload": {"rawContent": "ä\n"}}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(notification, file)
        for arguments in (("--file", path), ("--file", "-")):
            _, post = self.sent("--unsid", self.ios.unsid, *arguments, stdin=json.dumps(notification))
            self.assertEqual(post["notification"], notification | {"priority": "Low", "displayTimeToLive": 60})
        _, post = self.sent(*self.to_ann, "--raw-file", "-", stdin="line one\nline two\n")
        self.assertEqual(post["notification"]["payload"], {"rawContent": "line one\nline two\n"})

    def test_however_it_is_coded_it_arrives_as_it_was_meant(self):
        long = "long " * 700
        for arguments in (("--handler", "phones", "--content-coding", "gzip"), ("--handler", "zipped"),
                          ("--handler", "zipped", "--content-coding", "identity"),
                          ("--handler", "phones", "--wrapped", "--content-coding", "deflate")):
            _, post = self.sent("--user", self.ann.id, *arguments, "--title", "T", "--body", long)
            self.assertEqual(post["notification"]["payload"], {"visualContent": {"title": "T", "body": long}})

    def test_a_dry_run_shows_what_would_be_sent_and_sends_nothing(self):
        before = len(self.it.posts())
        arguments = ("--user", self.ann.id, "--handler", "zipped", "--title", "T", "--id", "dry", "--expires-in", "7d")
        done = self.notify(*arguments, "--dry-run")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        head, _, body = done.stdout.partition("\n\n")
        lines = head.split("\n")
        self.assertEqual(lines[0], f"POST {self.emulator.url}{NOTIFICATIONS}/")
        for line in ("Content-Type: application/json", "Content-Encoding: deflate", f"X-UNS-ID: {self.windows.unsid}"):
            self.assertIn(line, lines)
        self.assertNotIn("eyJ", done.stdout)
        as_json = json.loads(self.notify(*arguments, "--dry-run", "--output", "json").stdout)
        self.assertEqual(as_json["headers"]["Content-Encoding"], "deflate")
        self.assertEqual(as_json["body"].keys(), {"notification"})
        self.assertEqual(len(self.it.posts()), before)
        _, post = self.sent(*arguments)
        shown, got = json.loads(body)["notification"], post["notification"]
        self.assertEqual({**shown, "expirationDateTime": None}, {**got, "expirationDateTime": None})

    # What is not sent.

    def test_bad_input_is_refused_before_anything_is_sent_and_every_field_is_named(self):
        before = len(self.it.posts())
        said = self.refused(
            "--user", "ann@contoso.com", "--host", "https://h", "--title", "", "--raw", "x" * 5000, "--priority", "urgent",
            "--expires-in", "31d", "--display-for", "1500ms", "--platform", "amiga", "--fallback-after", "5s", "--url",
            "ftp://x", "--group", "g" * 300, "--id", "i" * 300)
        for field in ("--user", "--url", "--display-for", "targetHostName (--host)", "appNotificationId (--id)",
                      "groupName (--group)", "expirationDateTime (--expires-in, --expires-at)", "priority (--priority)",
                      "payload.rawContent (--raw, --raw-file)", "payload.visualContent.title (--title)",
                      "targetPolicy.platformTypes[0] (--platform)", "fallbackPolicy (--fallback-...)",
                      "fallbackPolicy.endpointFallback.fallbackDelayInSeconds (--fallback-after)",
                      "fallbackPolicy.endpointFallback.visualContent.title (--fallback-title)"):
            self.assertIn(f"graphhook: {field} ", said)
        self.assertNotIn("x" * 20, said)

        for arguments, words in (
            ((), ("--user, --unsid", "targetHostName (--host) is required", "payload (--title, --raw) needs")),
            (("--body", "b", *self.to_ann), ("payload.visualContent.title (--title) is required",)),
            (("--title", "t", "--expires-at", "2020-01-01T00:00:00Z", *self.to_ann), ("expirationDateTime", "is past")),
            (("--title", "t", "--expires-at", "tomorrow", *self.to_ann), ("--expires-at is not a time such as",)),
            (("--title", "t", "--expires-in", "soon", *self.to_ann), ("--expires-in is not a duration such as",)),
            (("--title", "t", "--display-for", "0s", *self.to_ann), ("displayTimeToLive",)),
            (("--title", "t\xff" * 3000, *self.to_ann), ("payload.visualContent.title", "4096 bytes")),
            (("--title", "t", "--unsid", "a b", "--host", HOST), ("--unsid is not 1 to 128",)),
            (("--title", "t", "--unsid", "u", *self.to_ann), ("--user", "--unsid", "not both")),
            (("--title", "t", "--file", "-", *self.to_ann), ("--file", "--title", "not both")),
            (("--raw", "t", "--raw-file", "-", *self.to_ann), ("--raw", "--raw-file", "not both")),
            (("--title", "t", "--user", self.ann.id, "--handler", "nobody"), ("no handler 'nobody'",)),
            (("--title", "t", "--tenant", "fabrikam", *self.to_ann), ("no tenant 'fabrikam'", "contoso")),
            (("--title", "t", "--url", "http://push.example.com/", *self.to_ann), ("--url is not https",)),
            (("--title", "t", "--content-coding", "br", *self.to_ann), ("--content-coding", "gzip")),
            (("--title", "t", "--retry", "11", *self.to_ann), ("--retry", "not in range 0 to 10")),
            (("--title", "t", "--colour", "red", *self.to_ann), ("--colour", "--help")),
            (("--file", os.path.join(self.folder, "none"), *self.to_ann), ("none", "No such file")),
        ):
            with self.subTest(arguments=arguments[:4]):
                said = self.refused(*arguments)
                for word in words:
                    self.assertIn(word, said)
        self.assertEqual(len(self.it.posts()), before)

    def test_a_bad_file_is_refused_before_anything_is_sent_and_every_field_is_named(self):
        before = len(self.it.posts())
        for notification, words in (
            ('{"targetHostName": 7, "targetHostName": 8, "id": "1", "colour": 1, "displayTimeToLive": "long", '
             '"expirationDateTime": "tomorrow", "payload": {"rawContent": {}, "visualContent": {"title": ["x"], "icon": 1}}, '
             '"targetPolicy": {"platformTypes": [7]}, "fallbackPolicy": {}}',
             ("targetHostName is there twice", "targetHostName must be a string", "id is given by the service",
              "colour is unknown", "displayTimeToLive must be", "expirationDateTime must be a time such as",
              "payload.rawContent must be a string", "payload.visualContent.title must be a string",
              "payload.visualContent.icon is unknown", "targetPolicy.platformTypes[0] must be a string",
              "fallbackPolicy.endpointFallback is required")),
            ('{"payload": {"visualContent": {"body": "b"}}, "priority": "urgent", "expirationDateTime": '
             '"2020-01-01T00:00:00Z", "displayTimeToLive": -1, "targetPolicy": {"platformTypes": ["amiga"]}}',
             ("targetHostName is required", "payload.visualContent.title is required", "priority is unknown",
              "expirationDateTime is past", "displayTimeToLive", "targetPolicy.platformTypes[0] is unknown")),
            ("[{}]", ("notification is an array; one request takes one notification",)),
            ("{", ("notification is not JSON",)), ("", ("notification is not JSON",)), ("7", ("must be an object",)),
        ):
            with self.subTest(notification=notification):
                said = self.refused("--unsid", self.ios.unsid, "--file", "-", stdin=notification)
                for word in words:
                    self.assertIn(word, said)
        self.assertEqual(len(self.it.posts()), before)

    # What is not taken.

    def test_each_reply_leads_to_exit_code_1_and_says_what_to_do(self):
        retry = "retry: the same may be taken later"
        for status, outcome, words in (
            (400, "dead", ("HTTP 400 BadRequest", "--dry-run shows what is sent")),
            (401, "dead", ("HTTP 401 InvalidDataTypes", "--dry-run shows what is sent")),
            (403, "dead", ("HTTP 403 Forbidden", "graphhook unsids list", "who runs the service")),
            (405, "dead", ("HTTP 405 MethodNotAllowed", URL_HINT)),
            (413, "dead", ("HTTP 413", "make it shorter")),
            (415, "dead", ("HTTP 415 UnsupportedMediaType", "--content-coding identity")),
            (406, "retry", ("HTTP 406 NotAcceptable", retry, "in 7s at the earliest", "--id 'reply-406'")),
            (404, "retry", ("HTTP 404", URL_HINT)),
            (429, "retry", ("HTTP 429", retry)),
            (503, "retry", ("HTTP 503", retry)),
        ):
            with self.subTest(status=status):
                more = {"retryAfterSeconds": 7} if status == 406 else {}
                self.emulator.fault("user-notification", path=NOTIFICATIONS, status=status, **more)
                said, words_said = self.not_taken(*self.to_ann, "--title", "t", "--id", f"reply-{status}")
                self.assertEqual((said["outcome"], said["status"], said["attempts"]), (outcome, status, 1))
                self.assertEqual(said["app_notification_id"], f"reply-{status}")
                self.assertEqual(said["retry_after_seconds"], 7 if status == 406 else None)
                self.assertTrue(said["reason"] and said["request_id"])
                for word in (f"graphhook: {outcome}: ", *words):
                    self.assertIn(word, words_said)
                self.assertEqual(self.it.posts()[-1]["status"], status)
        for fault, more in (("html", {}), ("redirect", {"location": f"{self.emulator.url}/elsewhere"})):
            self.emulator.fault(fault, path=NOTIFICATIONS, **more)
            said, words_said = self.not_taken(*self.to_ann, "--title", "t")
            self.assertEqual(said["outcome"], "retry")
            self.assertIn(URL_HINT, words_said)
        self.assertEqual(self.emulator.control("GET", "/faults")["faults"], [])

    def test_who_can_not_be_told_and_who_may_not_tell(self):
        said, words = self.not_taken("--user", self.ben.id, "--handler", "phones", "--title", "t")
        self.assertIsNone(said)
        self.assertIn(f"user {self.ben.id} of tenant 'contoso' has no live UNSID", words)
        self.assertIn(f"graphhook unsids list --user {self.ben.id} --all", words)
        said, words = self.not_taken("--unsid", "of-nobody", "--handler", "phones", "--title", "t")
        self.assertEqual((said["outcome"], said["status"]), ("dead", 403))
        self.it.emulator_cli("user-notifications", "block", APP)
        try:
            said, words = self.not_taken(*self.to_ann, "--title", "t")
        finally:
            self.it.emulator_cli("user-notifications", "unblock", APP)
        self.assertIn("The caller is blocked", words)

    def test_tried_again_it_is_the_same_notification(self):
        before = len(self.it.posts())
        self.emulator.fault("user-notification", path=NOTIFICATIONS, status=406, retryAfterSeconds=1)
        done = self.notify(*self.to_ann, "--title", "t", "--expires-in", "1d", "--retry", "2", "--output", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("once more in 1s", done.stderr)
        first, second = self.it.posts()[before:]
        self.assertEqual([first["status"], second["status"]], [406, 201])
        self.assertEqual(first["appNotificationId"], second["appNotificationId"])
        self.assertEqual(json.loads(done.stdout)["attempts"], 2)

    def test_a_token_that_is_not_given_is_explained(self):
        credential = self.service.config["tenants"]["contoso"]["credential"]
        self.service.config["tenants"]["contoso"]["credential"] = {"client_secret": "not the right one"}
        self.service.write_config()
        try:
            said, words = self.not_taken("--unsid", self.ios.unsid, "--handler", "phones", "--title", "t", "--retry", "3")
        finally:
            self.service.config["tenants"]["contoso"]["credential"] = credential
            self.service.write_config()
        self.assertEqual((said["outcome"], said["status"], said["attempts"]), ("retry", None, 1))
        self.assertIn("secret", words)
        self.assertNotIn("not the right one", words)
        self.emulator.fault("outage", hangUp=True)
        try:
            said, words = self.not_taken("--unsid", self.ios.unsid, "--handler", "phones", "--title", "t")
        finally:
            self.emulator.control("DELETE", "/faults")
        self.assertIn("out of reach", words)
        self.assertIn("run it again", words)

    # Without serve.

    def test_it_works_while_serve_is_down_and_what_needs_serve_says_so(self):
        self.assertEqual(self.service.stop(), 0)
        try:
            _, post = self.sent(*self.to_ann, "--title", "from the store")
            self.assertEqual((post["unsid"], post["endpoints"]), (self.windows.unsid, 2))
            self.sent("--unsid", self.ios.unsid, "--handler", "phones", "--title", "by its name")
            self.assertEqual(len(self.service.cli_json("unsids", "list", "--user", self.ann.id)), 2)
            done = self.service.cli("unsids", "drop", "--user", self.ann.id, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("'graphhook serve' is not running", done.stderr)
        finally:
            self.service.start()
        self.sent(*self.to_ann, "--title", "serve is back")

    # What there is to read.

    def test_help_and_documents_have_the_same_options(self):
        said = self.notify("--help").stdout
        options = set(re.findall(r"^ +(?:-h,)?(--[a-z-]+)", said, re.MULTILINE)) - {"--help"}
        self.assertGreater(len(options), 20)
        with open(os.path.join(ROOT, "docs", "cli.md"), encoding="utf-8") as file:
            page = file.read()
        self.assertEqual({option for option in options if f"{option}`" not in page and f"{option} " not in page}, set())
        page = page.partition("**Notifying a user by hand.**")[2].partition("\n**Long lists**")[0]
        self.assertEqual(set(re.findall(r"--[a-z][a-z-]+", page)) - options, set())
        for words in ("Microsoft retired this service in January 2022", "Examples:", "graph-emulator", "Exits 2"):
            self.assertIn(words, said)
        self.assertIn("Microsoft retired the service", self.service.cli("unsids", "--help"))

    def test_microsofts_own_service_is_warned_of(self):
        done = self.notify(*self.to_ann, "--title", "t", "--dry-run", "--url",
                           "https://graph.microsoft.com/beta/me/notifications/")
        self.assertEqual(done.returncode, 0)
        self.assertIn("retired in January 2022", done.stderr)

    def test_unsids_are_listed_and_dropped(self):
        ben = self.ben
        for platform in ("android", "webpush"):
            self.assertEqual(ben.sign_in(platform).hand_in(), 201)
        unsid = ben.devices["android"].unsid
        rows = self.service.cli_json("unsids", "list", "--user", ben.id)
        self.assertEqual([(row["tenant"], row["tenant_id"], row["user_id"], row["platform"], row["unsid"], row["client_id"],
                           row["live"]) for row in rows],
                         [("contoso", stack.TENANT_ID, ben.id, platform, unsid, CLIENT_APP, True)
                          for platform in ("webpush", "android")])
        table = self.service.cli("unsids", "list", "--tenant", "contoso", "--unsid", unsid).splitlines()
        self.assertEqual(table[0].split(), ["TENANT", "USER", "PLATFORM", "UNSID", "CLIENT", "EXPIRES", "REGISTERED"])
        self.assertEqual([line.split()[:5] for line in table[1:]],
                         [["contoso", ben.id, platform, unsid, CLIENT_APP] for platform in ("webpush", "android")])
        cut = self.service.cli("unsids", "list", "--limit", "1", check=False)
        self.assertEqual((cut.returncode, len(cut.stdout.splitlines())), (0, 2))
        self.assertIn("there are more", cut.stderr)
        for arguments, words in ((("drop",), "say which"), (("drop", "--all"), "say which"),
                                 (("drop", "--user", "ben"), "--user is not an object id"),
                                 (("list", "--user", "ben"), "--user is not an object id"),
                                 (("list", "--unsid", "a b"), "--unsid is not 1 to 128"),
                                 (("list", "--tenant", "nobody"), "no tenant 'nobody'")):
            done = self.service.cli("unsids", *arguments, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(words, done.stderr)
        self.assertEqual(self.service.cli_json("unsids", "drop", "--user", ben.id), {"dropped": 2})
        self.assertRegex(self.service.cli("unsids", "drop", "--unsid", unsid), r"dropped +0")
        self.assertEqual(self.service.cli_json("unsids", "list", "--user", ben.id, "--all"), [])
        self.assertEqual(len(self.service.cli_json("unsids", "list", "--user", self.ann.id)), 2)


class SignedIn(CommandTest):
    """The tokens are a signed-in user's; the platform takes a refresh token that was replaced for theft."""

    @classmethod
    def begin(cls):
        cls.ann, = cls.it.start_emulator("ann", options=["--refresh-reuse", "refuse"])
        cls.it.configure({"push": {}}, {"mine": {"resource": "me/messages", "handlers": ["push"]}}, unsids={
            "enabled": False, "scope": None})
        cls.sign_in_file = os.path.join(cls.folder, "sign-in.json")
        cls.service.config["tenants"]["contoso"]["credential"] = {
            "client_secret": stack.CLIENT_SECRET, "refresh_token_file": cls.sign_in_file,
            "scopes": ["Mail.Read", "Notifications.ReadWrite.CreatedByApp"],
        }
        cls.service.write_config()
        for platform in ("windows", "ios", "android"):
            cls.ann.sign_in(platform)

    def signed_in_with(self):
        with open(self.sign_in_file, encoding="utf-8") as file:
            return file.read()

    def test_serve_and_command_share_one_sign_in(self):
        said, words = self.not_taken("--handler", "push", "--title", "nobody is signed in")
        self.assertEqual(said["outcome"], "retry")
        self.assertIn("graphhook login", words)
        with self.login():
            pass
        # While serve is down, and then beside it.
        _, post = self.sent("--handler", "push", "--title", "before serve")
        self.assertEqual((post["unsid"], post["userId"], post["endpoints"]), (None, self.ann.id, 3))
        self.it.start()
        self.tell(self.ann, "push")
        for option in ("--user", "--unsid"):
            self.assertIn(f"{option} is not taken", self.refused(option, self.ann.id, "--handler", "push", "--title", "t"))

        # Serve's tokens count no more: it needs the refresh token that commands replaced meanwhile.
        before = self.signed_in_with()
        commands = [subprocess.Popen(
            [self.service.program, "-c", self.service.config_file, "notify-user", "--handler", "push", "--title", "t"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(4)]
        self.it.emulator_cli("revoke", "--tokens", "access", "--client-id", APP)
        self.tell(self.ann, "push")
        for command in commands:
            out = command.communicate(timeout=120)[0]
            self.assertEqual(command.returncode, 0, out)
        self.assertNotEqual(self.signed_in_with(), before)
        self.it.emulator_cli("revoke", "--tokens", "access", "--client-id", APP)
        self.sent("--handler", "push", "--title", "after all that")
        self.tell(self.ann, "push")
        self.assertEqual(self.service.stop(), 0)
        self.sent("--handler", "push", "--title", "serve is down")
        self.service.start()
        self.it.emulator_cli("revoke", "--tokens", "access", "--client-id", APP)
        self.tell(self.ann, "push")
        self.assertEqual(self.service.cli_json("dead-letters", "list"), [])


if __name__ == "__main__":
    unittest.main()
