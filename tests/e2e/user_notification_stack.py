"""What the tests of user notifications have in common: both programs, people who sign in on their devices, and what the
notification service and each device saw."""

import json
import os
import sqlite3
import ssl
import urllib.error
import urllib.parse
import urllib.request

from harness import BIN, FAST, stack

APP = stack.CLIENT_ID  # the app service's, which posts, and whose API takes UNSIDs
CLIENT_APP = "33333333-4444-5555-6666-777788889999"  # on the devices
API_SCOPE = "Unsids.Register"
HOST = "notify.example.com"
# Of the devices' own app (protocol 10.3).
DEVICE_SCOPES = "https://graph.microsoft.com/UserActivity.ReadWrite.CreatedByApp"
NOTIFICATIONS = "/beta/me/notifications"


class Refused(Exception):
    """An answer other than 2xx."""

    def __init__(self, status, headers, text):
        super().__init__(f"{status} {text}")
        self.status, self.headers, self.text = status, headers, text


def send(ca_file, method, url, body=None, form=None, token=None):
    """(status, JSON or text) of an exchange; Refused."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = None
    if form is not None:
        data = urllib.parse.urlencode(form).encode()
    elif body is not None:
        data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    request = urllib.request.Request(url, method=method, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30, context=ssl.create_default_context(cafile=ca_file)) as reply:
            text = reply.read().decode()
            return reply.status, json.loads(text) if text.startswith("{") else text
    except urllib.error.HTTPError as error:
        raise Refused(error.code, error.headers, error.read().decode()) from None


class Person:
    """Somebody of the tenant, with an id that Graph has, too."""

    def __init__(self, it, name):
        self.it, self.name = it, f"{name}@contoso.com"
        about = it.emulator.control("POST", "/identity/user-token", {
            "user": self.name, "tenant": stack.TENANT_ID, "clientId": CLIENT_APP, "audience": f"api://{APP}"})
        self.id = about["user"]["id"]
        self.devices = {}

    @property
    def mailbox(self):
        return f"users/{self.id}/messages"

    def sign_in(self, platform, life=None):
        """On a device: by device code, which registers with the notification service and hands the UNSID to graphhook."""
        device = Device(self.it, self, platform, life)
        self.devices[platform] = device
        return device

    def feeds(self):
        return {platform: device.feed() for platform, device in self.devices.items()}


class Device:
    def __init__(self, it, person, platform, life):
        self.it, self.person, self.platform, self.cursor = it, person, platform, 0
        codes = self.login("devicecode", scope=f"offline_access {DEVICE_SCOPES}")
        it.emulator_cli("approve-device", "--user-code", codes["user_code"], "--user", person.name)
        tokens = self.login("token", grant_type="urn:ietf:params:oauth:grant-type:device_code",
                            device_code=codes["device_code"])
        self.token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]
        wanted = {"platform": platform, "name": f"{person.name}'s {platform}", "appId": APP}
        status, about = self.send("POST", "endpoints", wanted | ({"lifeSeconds": life} if life else {}))
        assert status == 201, about
        self.id, self.unsid = about["endpointId"], about["userNotificationSubscriptionId"]
        self.expires = about["expirationDateTime"]

    def login(self, what, **form):
        url = f"{self.it.emulator.url}/{stack.TENANT_ID}/oauth2/v2.0/{what}"
        return send(self.it.ca_file, "POST", url, form={"client_id": CLIENT_APP, **form})[1]

    def send(self, method, path, body=None):
        """To the notification service, as this device."""
        url = f"{self.it.emulator.url}/emulator/user-notifications/me/{path}"
        return send(self.it.ca_file, method, url, body, token=self.token)

    def our_token(self):
        """An access token of our own app, by the refresh token of the same sign-in."""
        tokens = self.login("token", grant_type="refresh_token", refresh_token=self.refresh_token,
                            scope=f"api://{APP}/{API_SCOPE}")
        self.refresh_token = tokens.get("refresh_token", self.refresh_token)
        return tokens["access_token"]

    def hand_in(self, unsid=None, token=None):
        """Status of the reply to the UNSID."""
        return self.it.hand_in(token or self.our_token(), unsid or self.unsid, self.platform, self.expires)

    def withdraw(self):
        return send(self.it.ca_file, "DELETE", f"{self.it.base}/unsids/{self.unsid}", token=self.our_token())[0]

    def feed(self):
        """Everything that it knows, active or deleted."""
        return self.send("GET", f"endpoints/{self.id}/feed")[1]["notifications"]

    def news(self):
        """What is new since the last call."""
        page = self.send("GET", f"endpoints/{self.id}/feed?after={self.cursor}")[1]
        self.cursor = page["cursor"]
        return page["notifications"]

    def act(self, notification, **states):
        self.send("PATCH", f"endpoints/{self.id}/notifications/{notification}", states)


class NotificationStack:
    """Both programs; `handlers` of the type user_notification get what they all say added."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.emulator = stack.Emulator(BIN, os.path.join(folder, "emulator"))
        self.service = stack.Graphhook(BIN, folder)
        self.programs = [self.emulator, self.service]
        self.ca_file = self.emulator.certificates.ca_file

    def start_emulator(self, *people, options=()):
        self.emulator.start(*FAST, "--device-code-interval", "0s", "--no-kind-limits", *options)
        self.emulator.control("POST", "/identity", {
            "apps": [
                {"clientId": APP, "secrets": [{"secret": stack.CLIENT_SECRET}], "apiScopes": [API_SCOPE]},
                {"clientId": CLIENT_APP, "public": True},
            ],
            "users": [{"userPrincipalName": f"{name}@contoso.com", "tenant": stack.TENANT_ID} for name in people],
        })
        return [Person(self, name) for name in people]

    def configure(self, handlers, subscriptions, **sections):
        usual = {"type": "user_notification", "target_host_name": HOST, "title": "News",
                 "url": f"{self.emulator.url}{NOTIFICATIONS}/",
                 "retry": {"first": "100ms", "longest": "1s"}}
        self.service.configure(
            self.emulator.cloud, self.emulator.certificates, subscriptions={},
            handlers={name: usual | handler for name, handler in handlers.items()},
            **{"unsids": {"enabled": True, "scope": API_SCOPE}, **sections},
        )
        self.service.config["subscriptions"] = {
            name: {"tenant": "contoso", "changes": ["created"], **entry} for name, entry in subscriptions.items()}
        self.service.write_config()

    def start(self):
        self.service.start()
        count = len(self.service.config["subscriptions"])
        stack.wait_until(
            lambda: stack.metric_sum(self.service.metrics(), "graphhook_subscriptions", state="active") == count, 60,
            lambda: f"{count} active subscriptions\n{self.service.log_tail()}", self.service.check_running,
        )

    def emulator_cli(self, *arguments):
        """What a command of graph-emulator prints."""
        done = stack.subprocess.run(
            [self.emulator.program, *arguments], capture_output=True, text=True, check=False, timeout=60,
            env={**os.environ, "GRAPH_EMULATOR_URL": self.emulator.url, "GRAPH_EMULATOR_CA": self.ca_file},
        )
        if done.returncode:
            raise stack.Failed(f"graph-emulator {arguments}: {done.stderr}")
        return done.stdout

    @property
    def base(self):
        return self.service.config["receiver"]["public_url"]

    def hand_in(self, token, unsid, platform, expires):
        return send(self.ca_file, "POST", f"{self.base}/unsids", token=token, body={
            "unsid": unsid, "platform": platform, "expirationDateTime": expires})[0]

    def posts(self, **members):
        """What the notification service got, as its list has it; of these members' values."""
        rows = json.loads(self.emulator_cli("user-notifications", "list", "-o", "json"))
        return [row for row in rows if all(row[name] == value for name, value in members.items())]

    def change(self, resource, count=1, **members):
        """Made by the program's user, and accepted by us."""
        options = [word for name, value in members.items() for word in (f"--{name}", str(value))]
        self.emulator_cli("change", "--resource", resource, "--change", "created", "--count", str(count), "--wait",
                          *options)

    def numbers(self, handler):
        """Of all notifications for the handler that are stored."""
        return [row["id"] for row in self.service.cli_json("deliveries", "list", "--handler", handler,
                                                           "--limit", "10000")]

    def delivery(self, number, handler):
        """As `deliveries show` has it."""
        shown = self.service.cli_json("deliveries", "show", str(number))
        return next(row for row in shown["deliveries"] if row["handler"] == handler)

    def wait_state(self, number, handler, state, seconds=60):
        def is_so():
            row = self.delivery(number, handler)
            return row["state"] == state and row
        return stack.wait_until(is_so, seconds, lambda: f"{state}: {self.delivery(number, handler)}\n"
                                                        f"{self.service.log_tail()}", self.service.check_running)

    def make_due(self):
        """What waits for another try waits no longer; while the service does not run."""
        store = sqlite3.connect(self.service.store_file)
        with store:
            store.execute("UPDATE delivery SET next_at = updated_at WHERE next_at > updated_at")
        store.close()

    def log(self):
        return self.service.log_tail(100_000)
