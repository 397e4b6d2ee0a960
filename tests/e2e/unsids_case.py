"""What the tests of `{public_url}/unsids` have in common: its clients, with access tokens of graph-emulator, and one
service and emulator for all tests of a class."""

import base64
import collections
import contextlib
import datetime
import http.client
import json
import os
import shutil
import ssl
import sys
import threading
import unittest
import urllib.parse

import harness
from harness import stack

APP = "77777777-2222-4333-8444-555555555555"  # the client app that users sign in to
API = f"api://{stack.CLIENT_ID}"
FABRIKAM = "0f0e0d0c-1111-2222-3333-444455556666"
FABRIKAM_APP = "22222222-3333-4444-5555-666677778888"
STRANGERS = "12121212-3434-4565-8787-909090909090"  # a tenant that is not configured
CONTACTS = f"users/{stack.USER_ID}/contacts"

# What each forgery is answered where no scope is asked for. key-unknown: below.
FORGERIES = {
    "expired": (401, "invalid_token"),
    "audience": (401, "invalid_token"),
    "signature": (401, "invalid_token"),
    "alg-none": (401, "invalid_token"),
    "issuer": (401, "invalid_token"),
    "app-only": (403, "insufficient_scope"),
    "id-token": (403, "insufficient_scope"),
}
OUTCOMES = {201: "registered", 200: "renewed", 204: "withdrawn", 400: "bad_request", 413: "bad_request",
            415: "bad_request", 401: "unauthorized", 403: "forbidden", 503: "unavailable"}


def instant(seconds):
    """So far from now, as client apps write it."""
    time_then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return time_then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def form(unsid, platform="windows", seconds=86400, **more):
    return {"unsid": unsid, "platform": platform, "expirationDateTime": instant(seconds), **more}


def part(token, number):
    text = token.split(".")[number]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def coded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


class Reply:
    def __init__(self, reply):
        self.status, self.headers, self.text = reply.status, reply.headers, reply.read().decode()

    def header(self, name):
        return self.headers.get(name)

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.text}"


class Door:
    """The public listener as client apps see it. Remembers what was answered, and what nobody may find anywhere."""

    def __init__(self, service, certificates):
        self.service, self.secrets, self.unsids = service, set(), set()
        self.context = ssl.create_default_context(cafile=certificates.ca_file)
        self.answered, self.lock = collections.Counter(), threading.Lock()

    def connect(self):
        return http.client.HTTPSConnection("localhost", self.service.port, timeout=60, context=self.context)

    def send(self, connection, method, path, token=None, body=None, headers=()):
        """One request, with headers as given (a name may be there twice)."""
        headers = list(headers)
        if token is not None:
            headers.append(("Authorization", f"Bearer {token}"))
        if isinstance(body, dict):
            body = json.dumps(body)
        if body is not None:
            body = body if isinstance(body, bytes) else body.encode()
            if not any(name == "Content-Type" for name, _ in headers):
                headers.append(("Content-Type", "application/json"))
            headers.append(("Content-Length", str(len(body))))
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(body)
        reply = Reply(connection.getresponse())
        if urllib.parse.urlsplit(path).path.startswith("/graph/unsids"):
            with self.lock:
                self.answered[reply.status] += 1
        return reply

    def ask(self, *arguments, **more):
        connection = self.connect()
        try:
            return self.send(connection, *arguments, **more)
        finally:
            connection.close()

    def put(self, token, body, **more):
        if isinstance(body, dict) and isinstance(body.get("unsid"), str):
            self.unsids.add(body["unsid"])
        return self.ask("POST", "/graph/unsids", token, body, **more)

    def withdraw(self, token, unsid, **more):
        self.unsids.add(unsid)
        return self.ask("DELETE", "/graph/unsids/" + urllib.parse.quote(unsid), token, **more)


class DoorTest(unittest.TestCase):
    """Emulator and service that all tests of a class share."""

    emulator_options = ()
    users = 0

    @classmethod
    def setUpClass(cls):
        cls.failed = False
        cls.folder = os.path.join(harness.BUILD, "e2e", f"{os.path.basename(sys.argv[0])[:-8]}-{os.getpid()}")
        shutil.rmtree(cls.folder, ignore_errors=True)
        os.makedirs(cls.folder)
        cls.emulator = stack.Emulator(harness.BIN, os.path.join(cls.folder, "emulator"))
        cls.service = stack.Graphhook(harness.BIN, cls.folder)
        cls.door = Door(cls.service, cls.emulator.certificates)
        cls.addClassCleanup(cls.clean_up)
        os.environ["SSL_CERT_FILE"] = cls.emulator.certificates.ca_file  # for doctor: the public URL
        cls.emulator.start(*harness.FAST, "--device-code-interval", "0s", *cls.emulator_options)
        cls.configure()

    @classmethod
    def configure(cls):
        cls.service.configure(cls.emulator.cloud, cls.emulator.certificates,
                              subscriptions={"contacts": (CONTACTS, ["created"])}, unsids={"enabled": True})
        cls.service.config["tenants"]["fabrikam"] = {
            **cls.service.config["tenants"]["contoso"], "tenant_id": FABRIKAM, "client_id": FABRIKAM_APP,
        }
        cls.service.config["log"] = {"level": "trace"}
        cls.service.write_config()

    @classmethod
    def clean_up(cls):
        for program in (cls.service, cls.emulator):
            if cls.failed and os.path.exists(program.log_file):
                print(f"--- {program.log_file}\n{program.log_tail(40)}", file=sys.stderr)
            program.kill()
        if not cls.failed:
            shutil.rmtree(cls.folder, ignore_errors=True)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        type(self).failed |= len(result.failures) + len(result.errors) > before
        return result

    @classmethod
    def token(cls, user, tenant=stack.TENANT_ID, audience=API, **more):
        """An access token of that user, and the user's id."""
        made = cls.emulator.control("POST", "/identity/user-token", {
            "user": user, "tenant": tenant, "clientId": APP, "audience": audience, **more,
        })
        cls.door.secrets.add(made["accessToken"])
        return made["accessToken"], made["user"]["id"]

    @classmethod
    def somebody(cls, **more):
        """A user whom nobody saw before."""
        DoorTest.users += 1
        return cls.token(f"user{DoorTest.users}@contoso.com", **more)

    def platform(self, path, **fields):
        """What the identity platform says to a form."""
        with contextlib.closing(http.client.HTTPSConnection("localhost", self.emulator.port, timeout=60,
                                                            context=self.door.context)) as link:
            link.request("POST", f"/{stack.TENANT_ID}/oauth2/v2.0/{path}", urllib.parse.urlencode(fields),
                         {"Content-Type": "application/x-www-form-urlencoded"})
            return json.loads(link.getresponse().read())

    def listed(self, *options):
        return self.service.cli_json("unsids", "list", *options)

    def of(self, user, *options):
        """A user's UNSIDs as the service lists them."""
        return {(row["unsid"], row["platform"]) for row in self.listed("--user", user, *options)}

    def metric(self, name, **labels):
        return stack.metric_sum(self.service.metrics(), name, **labels)

    def assert_answer(self, reply, status):
        """With nothing in it that an app did not need."""
        self.assertEqual(reply.status, status, reply)
        if status not in (400, 413, 415):
            self.assertEqual(reply.text, "")
        self.assertFalse([name for name in reply.headers if name.lower().startswith("access-control")])
        for name, wanted in (("WWW-Authenticate", (401, 403)), ("Retry-After", (503,)), ("Allow", (405,))):
            self.assertEqual(name in reply.headers, status in wanted, reply)

    def assert_no_echo(self, reply, *texts):
        """Nothing that the client sent is in the reply."""
        everything = reply.text + "".join(f"{name}: {value}\n" for name, value in reply.headers.items())
        for text in texts:
            self.assertNotIn(text, everything)

    def assert_bad(self, reply, target, status=400):
        """An error of that form; returns its message."""
        self.assert_answer(reply, status)
        self.assertEqual(reply.header("Content-Type"), "application/json")
        error, = json.loads(reply.text).items()
        self.assertEqual(error[0], "error")
        self.assertEqual(error[1]["code"], "InvalidRequest")
        self.assertEqual(error[1].get("target"), target)
        self.assertEqual(set(error[1]) - {"target"}, {"code", "message"})
        return error[1]["message"]

    def doctor(self):
        """It knocks once, without a token."""
        with self.door.lock:
            self.door.answered[401] += 1
        done = self.service.cli("doctor", "--output", "json", check=False)
        return json.loads(done.stdout)
