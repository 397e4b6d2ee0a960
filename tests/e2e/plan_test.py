#!/usr/bin/env python3
"""What would be done is shown before it is done, done on an operator's word, and nothing is lost while subscriptions
are replaced, led elsewhere or taken over from another receiver."""

import collections
import datetime
import http.server
import json
import os
import signal
import ssl
import subprocess
import threading
import unittest
import urllib.parse
import urllib.request

from harness import E2eTest, accounting, stack

USER = stack.USER_ID
MESSAGES = f"users/{USER}/mailFolders('inbox')/messages"
SECRET = "another receiver's secret"


class OtherReceiver:
    """What was there before graphhook: takes notifications over TLS and remembers their etags."""

    def __init__(self, certificates):
        self.etags, self.states = [], set()
        other = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                token = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("validationToken")
                reply = token[0].encode() if token else b""
                if not token:
                    for item in json.loads(body)["value"]:
                        other.states.add(item["clientState"])
                        other.etags.append(item["resourceData"]["@odata.etag"])
                self.send_response(200 if token else 202)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.certificate, certificates.private_key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_port}/other"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Tests(E2eTest):
    def entry(self, resource, changes=("created",), **more):
        return {"tenant": "contoso", "resource": resource, "changes": list(changes), "handlers": ["audit"], **more}

    def want(self, **entries):
        self.service.config["subscriptions"] = entries

    def begin(self, *emulator_options, reconcile=None, **entries):
        self.emulator.start("--time-scale", "60", *emulator_options)
        self.service.configure(self.emulator.cloud, self.emulator.certificates, subscriptions={},
                               reconcile={"removal_grace": "0s", **(reconcile or {})})
        self.want(**entries)
        self.service.write_config()
        self.service.start()
        if entries:
            self.wait_active(len(entries))

    def plan(self, *arguments):
        return self.service.cli_json("subscriptions", "plan", *arguments)

    def wait_plan(self, **summary):
        """Until the plan's summary has these counts."""
        stack.wait_until(lambda: summary.items() <= self.plan()["summary"].items(), 30,
                         lambda: f"{summary}: {self.service.cli('subscriptions', 'plan')}", self.service.check_running)
        return self.plan("--all")

    def apply(self, *arguments):
        """`subscriptions apply` begun; its process."""
        process = subprocess.Popen(
            [self.service.program, "-c", self.service.config_file, "subscriptions", "apply", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"},
        )
        self.addCleanup(process.kill)
        return process

    def graph(self, method, path, body=None):
        """Graph, asked by the other receiver, which is the same application."""
        context = ssl.create_default_context(cafile=self.emulator.certificates.ca_file)
        token = urllib.parse.urlencode({
            "client_id": stack.CLIENT_ID, "client_secret": stack.CLIENT_SECRET, "grant_type": "client_credentials",
            "scope": f"{self.emulator.url}/.default"}).encode()
        with urllib.request.urlopen(f"{self.emulator.url}/{stack.TENANT_ID}/oauth2/v2.0/token", token, timeout=30,
                                    context=context) as reply:
            token = json.loads(reply.read())["access_token"]
        request = urllib.request.Request(
            f"{self.emulator.url}/v1.0/{path}", method=method, data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30, context=context) as reply:
            return json.loads(reply.read() or b"{}")

    def handled(self):
        """Etags of the changes that were handed over, as often as they were."""
        return collections.Counter(line["item"]["resourceData"]["@odata.etag"] for _, line in self.lines())

    def changes_all_the_while(self, count=300, rate=100):
        return self.emulator.control("POST", "/changes", {
            "resource": MESSAGES, "tenant": stack.TENANT_ID, "change": "created", "count": count, "rate": rate,
        })["job"]

    def assert_each_change_reached_us(self, job, or_them=()):
        """Every change of the ledger was handled by us, or told to `or_them`."""
        self.finish([job])
        etags = [change["etag"] for change in self.emulator.ledger()]
        handled = self.handled()
        lost = [etag for etag in etags if etag not in handled and etag not in or_them]
        self.assertEqual(lost, [], f"{len(lost)} of {len(etags)} changes lost")
        self.assertEqual(accounting.handed_over_twice(self.lines()), 0)

    def test_a_plan_says_everything_with_its_reason_and_does_nothing(self):
        self.begin(**{
            "kept": self.entry(f"users/{USER}/todo/lists/a/tasks"), "changed": self.entry(MESSAGES),
            "renewed": self.entry(f"users/{USER}/events"), "removed": self.entry(f"users/{USER}/contacts"),
        })
        before = self.emulator.subscriptions()
        # Graph has no time for anybody for now, so what is to be done stays to be done.
        self.emulator.fault("throttle", count=0, retryAfterSeconds=600, path="subscriptions")
        entries = self.service.config["subscriptions"]
        self.service.cli("subscriptions", "renew", "renewed")
        stack.wait_until(lambda: self.metric("graphhook_graph_throttled_total") > 0, 30, "throttled")
        del entries["removed"]
        entries["changed"] = self.entry(MESSAGES, ["created", "deleted"])
        entries["new"] = self.entry("groups", ["updated"])
        self.reload()
        plan = self.wait_plan(create=1, renew=1, replace=1)
        what = {step["name"]: (step["verb"], step["reason"]) for step in plan["steps"] if step["verb"] != "keep"}
        self.assertEqual(what, {
            "new": ("create", "wanted and not there"), "renewed": ("renew", "asked for"),
            "changed": ("replace", "other changes are wanted"),
            "removed": ("look after", "no longer wanted: the grace begins"),
        })
        kept = next(step for step in plan["steps"] if step["name"] == "kept")
        self.assertEqual(kept["verb"], "keep")
        self.assertIn("renewal at", kept["reason"])
        table = self.service.cli("subscriptions", "plan")
        self.assertIn("1 to create, 1 to renew, 1 to replace, 0 to adopt, 0 to delete, 1 to look after", table)
        self.assertNotIn("kept", table)
        self.assertEqual(self.emulator.subscriptions(), before)

    def test_without_serve_a_plan_comes_from_the_store_and_says_so(self):
        self.begin(kept=self.entry(MESSAGES))
        self.stop_cleanly()
        self.service.config["subscriptions"]["new"] = self.entry(f"users/{USER}/events")
        self.service.write_config()
        told = self.service.cli("subscriptions", "plan", check=False)
        self.assertEqual(told.returncode, 0)
        self.assertIn("is not running", told.stderr)
        self.assertIn("1 to create", told.stdout)
        self.assertIn("1 to keep", told.stdout)
        applied = self.service.cli("subscriptions", "apply", check=False)
        self.assertEqual(applied.returncode, 1)
        self.assertTrue(applied.stderr.startswith("graphhook: 'graphhook serve' is not running"), applied.stderr)
        self.assertEqual(len(self.emulator.subscriptions()), 1)

    def test_apply_says_how_long_shows_how_far_and_is_resumed_after_an_interruption(self):
        self.begin()
        self.emulator.fault("slow", count=0, delayMilliseconds=1500, path="subscriptions")
        self.want(**{f"s{i}": self.entry(f"users/user{i}@contoso.com/events") for i in range(20)})
        self.reload()
        self.wait_plan(create=20)
        first = self.apply()
        lines = [first.stdout.readline(), first.stdout.readline(), first.stderr.readline()]
        first.send_signal(signal.SIGINT)
        rest = first.communicate(timeout=20)
        # To look after: Graph's list, if it was not read yet.
        self.assertRegex(lines[0], "^20 to create, 0 to renew, 0 to replace, 0 to adopt, 0 to delete, "
                                   "(1 to look after, )?0 to keep\n$")
        self.assertTrue(lines[1].startswith("takes "), lines)
        # Some may be there already when it begins to count.
        self.assertRegex(lines[2], r"^[0-9]+ of [0-9]+ done")
        self.assertEqual(first.returncode, 1)
        self.assertIn("'graphhook serve' goes on with it", rest[1])
        self.assertLess(len(self.emulator.subscriptions()), 20)
        second = self.apply()
        out, err = second.communicate(timeout=60)
        self.assertRegex(err, r"^[0-9]+ of [0-9]+ done")
        self.assertNotIn("\x1b", out + err)
        self.assertEqual(second.returncode, 0, err)
        self.assertEqual(out.splitlines()[-1], "done")
        self.assertEqual(self.metric("graphhook_subscriptions", state="active"), 20)
        self.assertEqual(len(self.emulator.subscriptions()), 20)

    def test_apply_does_not_say_done_while_a_create_is_under_way(self):
        self.begin()
        self.emulator.fault("slow", count=0, delayMilliseconds=3000, path="subscriptions")
        self.want(one=self.entry(MESSAGES))
        self.reload()
        self.wait_plan(create=1)
        self.assertIn("done", self.service.cli("subscriptions", "apply"))
        self.assertEqual(self.metric("graphhook_subscriptions", state="active"), 1)

    def test_apply_fails_with_what_is_wrong_and_what_to_do(self):
        self.begin(good=self.entry(MESSAGES))
        self.emulator.control("POST", "/identity", {"permissions": [
            {"tenant": stack.TENANT_ID, "clientId": stack.CLIENT_ID, "roles": ["Calendars.Read"]}]})
        self.stop_cleanly()
        self.service.config["subscriptions"]["bad"] = self.entry("drives/b!1/root", ["updated"])
        self.service.write_config()
        self.service.start()
        applied = self.service.cli("subscriptions", "apply", check=False)
        self.assertEqual(applied.returncode, 1)
        self.assertIn("bad", applied.stderr)
        self.assertIn("What to do", applied.stderr)

    def test_a_change_that_no_patch_can_make_is_created_first_and_loses_nothing(self):
        self.begin(it=self.entry(MESSAGES))
        old = self.emulator.subscriptions()[0]["id"]
        job = self.changes_all_the_while()
        self.want(it=self.entry(MESSAGES, ["created", "deleted"]))
        self.reload()
        stack.wait_until(lambda: [one["id"] for one in self.emulator.subscriptions()] not in ([old], []) and
                         len(self.emulator.subscriptions()) == 1, 30, "replaced", self.service.check_running)
        self.assert_each_change_reached_us(job)
        # While both stood Graph told each change for each of them; one tells it once.
        told = collections.Counter((line["item"]["subscriptionId"], line["item"]["resourceData"]["@odata.etag"])
                                   for _, line in self.lines())
        self.assertEqual(set(told.values()), {1})
        self.assertEqual(len({graph_id for graph_id, _ in told}), 2)

    def test_another_public_url_loses_nothing(self):
        self.begin(it=self.entry(MESSAGES))
        old = self.emulator.subscriptions()[0]
        job = self.changes_all_the_while()
        self.stop_cleanly()
        self.service.config["receiver"]["public_url"] = f"https://127.0.0.1:{self.service.port}/graph"
        self.service.write_config()
        self.service.start()
        stack.wait_until(lambda: [one["notificationUrl"].startswith("https://127.0.0.1") for one in
                                  self.emulator.subscriptions()] == [True], 30, "led to the other URL",
                         self.service.check_running)
        # Graph's API changes the one URL and not that of the lifecycle: it is another subscription.
        self.assertNotEqual(self.emulator.subscriptions()[0]["id"], old["id"])
        self.assert_each_change_reached_us(job)

    def take_over(self, **members):
        now = datetime.datetime.now(datetime.timezone.utc)
        other = OtherReceiver(self.emulator.certificates)
        self.addCleanup(other.stop)
        theirs = self.graph("POST", "subscriptions", {
            "changeType": "created", "resource": MESSAGES, "notificationUrl": other.url, "clientState": SECRET,
            "expirationDateTime": (now + datetime.timedelta(days=1)).isoformat(), **members,
        })
        job = self.changes_all_the_while()
        stack.wait_until(lambda: len(other.etags) >= 20, 30, "told to the other receiver")
        state = os.path.join(self.folder, "state")
        with open(state, "w", encoding="utf-8") as file:
            file.write(SECRET + "\n")
        self.want(it=self.entry(MESSAGES, client_state_file=state))
        self.reload()
        stack.wait_until(lambda: self.lines(), 30, "told to us", self.service.check_running)
        self.emulator.wait_job(job)
        self.service.cli("subscriptions", "apply")
        left = self.emulator.wait_subscriptions(1)
        self.assertTrue(left[0]["notificationUrl"].startswith(self.service.config["receiver"]["public_url"]))
        self.assertEqual(other.states, {SECRET})
        self.assert_each_change_reached_us(job, set(other.etags))
        # All later ones are ours alone.
        told = len(other.etags)
        self.finish([self.changes_all_the_while(20, 0)])
        self.assertEqual(len(other.etags), told)
        self.assertEqual(self.plan()["orphans"], [])
        return theirs, left[0]

    def test_another_receivers_subscription_is_taken_over_without_a_gap(self):
        self.begin()
        theirs, ours = self.take_over()
        self.assertNotEqual(theirs["id"], ours["id"])
        self.assertTrue(ours["lifecycleNotificationUrl"])

    def test_one_that_tells_us_of_its_lifecycle_already_is_kept(self):
        self.begin()
        lifecycle = self.service.config["receiver"]["public_url"] + "/lifecycle"
        theirs, ours = self.take_over(lifecycleNotificationUrl=lifecycle)
        self.assertEqual(theirs["id"], ours["id"])


if __name__ == "__main__":
    unittest.main()
