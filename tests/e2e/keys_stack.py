"""What the tests of encryption keys have in common."""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess

from harness import E2eTest, stack

CHAT = "chats/19:room{}@thread.v2/messages"
# As long as a look at the folder may take, many times over: builds and other tests share the machine.
SOON = 120


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True, timeout=120).stdout


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class KeysTest(E2eTest):
    """A folder of keys, chats that are subscribed to with resource data, and one handler that gets what was decrypted."""

    def setUp(self):
        super().setUp()
        self.keys = os.path.join(self.folder, "keys")
        self.secret = os.path.join(self.folder, "passphrase")
        with open(self.secret, "w", encoding="ascii") as file:
            file.write("open sesame\n")
        # The system's authorities, for what doctor finds behind the public URL.
        os.environ["SSL_CERT_FILE"] = self.emulator.certificates.ca_file

    # --- the configuration

    def configure(self, *emulator_options, rooms=1, rich=True, keys=None, **sections):
        """So many chats, each with a subscription to its messages; one handler that wants data."""
        if not self.emulator.running():
            self.emulator.start("--time-scale", "60", *emulator_options)
        self.service.configure(
            self.emulator.cloud, self.emulator.certificates,
            subscriptions={f"room{i}": (CHAT.format(i), ["created", "updated"]) for i in range(rooms)},
            handlers={"audit": {"type": "file", "path": self.output, "resource_data": True}},
            keys={"folder": self.keys, **(keys or {})}, **sections)
        for entry in self.service.config["subscriptions"].values():
            entry["resource_data"] = rich
        self.service.write_config()

    def begin(self, *emulator_options, key="first", rooms=1, **sections):
        """Everything active and encrypted for the key of that name."""
        self.configure(*emulator_options, rooms=rooms, **sections)
        self.service.cli("keys", "create", "--id", key)
        self.service.start()
        self.wait_active(rooms)

    def template_over_users(self, count):
        users = self.emulator.control("POST", "/data", {"tenant": stack.TENANT_ID, "users": count})["users"]
        self.service.config["subscriptions"] = {"each": {
            "tenant": "contoso", "for_each": "users", "resource": "users/{id}/messages?$select=subject,importance",
            "changes": ["created"], "handlers": ["audit"], "resource_data": True,
        }}
        self.service.write_config()
        return users

    # --- keys

    def rows(self):
        return {row["id"]: row for row in self.service.cli_json("keys", "list")}

    def look(self):
        """Has the running service read the folder now."""
        connection = UnixConnection(self.service.socket)
        with contextlib.closing(connection):
            connection.request("POST", "/api/v1/keys/look", "{}", {"Content-Type": "application/json"})
            reply = connection.getresponse()
            text = reply.read().decode()
        self.assertEqual(reply.status, 200, text)
        return {row["id"]: row for row in json.loads(text)}

    def wait_rows(self, condition, what, seconds=SOON):
        stack.wait_until(lambda: condition(self.rows()), seconds, lambda: f"{what}: {self.rows()}",
                         self.service.check_running)
        return self.rows()

    def pair(self, name, days=90):
        """A PEM certificate and key made by openssl, not in the folder yet."""
        certificate, key = (os.path.join(self.folder, f"{name}.{end}") for end in ("crt", "key"))
        openssl("req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", str(days), "-subj", f"/CN={name}",
                "-keyout", key, "-out", certificate)
        return certificate, key

    def expired(self, name):
        """A pair whose certificate was valid for the January of a year that is over."""
        certificate, key = (os.path.join(self.folder, f"{name}.{end}") for end in ("crt", "key"))
        request, settings = os.path.join(self.folder, f"{name}.csr"), os.path.join(self.folder, f"{name}.cnf")
        openssl("req", "-new", "-newkey", "rsa:2048", "-noenc", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        index = os.path.join(self.folder, f"{name}.index")
        for file, text in ((index, ""), (settings, (
                f"[ca]\ndefault_ca=own\n[own]\ndatabase={index}\nrand_serial=yes\nnew_certs_dir={self.folder}\n"
                "default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n"))):
            with open(file, "w", encoding="ascii") as out:
                out.write(text)
        openssl("ca", "-config", settings, "-batch", "-notext", "-selfsign", "-keyfile", key, "-in", request, "-out", certificate,
                "-startdate", "20240101000000Z", "-enddate", "20240201000000Z")
        return certificate, key

    def put(self, source, name):
        """Into the folder, whole and for nobody else's eyes."""
        beside = os.path.join(self.keys, f".{name}")
        shutil.copyfile(source, beside)
        os.chmod(beside, 0o600)
        os.rename(beside, os.path.join(self.keys, name))

    # --- what Graph has

    def certificates(self):
        """Subscription ids to the id of the certificate that each has."""
        return {one["id"]: one["encryptionCertificateId"] for one in self.emulator.subscriptions() if one["includeResourceData"]}

    def wait_certificates(self, name, count, seconds=SOON):
        stack.wait_until(lambda: list(self.certificates().values()) == [name] * count, seconds,
                         lambda: f"{count} with {name}: {self.certificates()}", self.service.check_running)

    def plaintexts(self):
        """(subscription id, change, resource, etag) to what the emulator encrypted, of all that was to arrive."""
        found, after = {}, 0
        while True:
            page = self.emulator.control("GET", f"/changes?after={after}&limit=1000&plaintext=1")
            for change in page["changes"]:
                for item in change["items"]:
                    self.assertEqual(item["state"], "accepted", change)
                    data = json.loads(item["plaintext"])
                    found[item["subscriptionId"], change["change"], change["resource"], data["@odata.etag"]] = data
            if "next" not in page:
                return found
            after = page["next"]

    def handed_over(self):
        """The same of what the handler got, each in a list."""
        found = {}
        for _, line in self.lines():
            key = (line["item"]["subscriptionId"], line["change"], line["resource"], (line["data"] or {}).get("@odata.etag"))
            self.assertNotIn("encryptedContent", line["item"])
            found.setdefault(key, []).append(line["data"])
        return found

    def assert_all_decrypted_once(self, least=1):
        """Whatever was sent is there as it was before encryption, and nothing twice."""
        sent, got = self.plaintexts(), self.handed_over()
        self.assertGreaterEqual(len(sent), least)
        self.assertEqual(len(set(sent) - set(got)), 0, f"lost: {list(set(sent) - set(got))[:3]}")
        self.assertEqual(set(got) - set(sent), set())
        twice = [key for key, all_of in got.items() if len(all_of) > 1]
        self.assertEqual(twice, [])
        self.assertEqual([key for key in sent if got[key][0] != sent[key]], [])

    def key_used(self, line):
        """The key that a handled notification was encrypted for."""
        shown = self.service.cli_json("deliveries", "show", line["id"])
        return shown["item"]["encryptedContent"]["encryptionCertificateId"]

    def doctor(self, code):
        done = self.service.cli("doctor", "--output", "json", check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        rows = json.loads(done.stdout)
        for row in rows:
            self.assertEqual(row["level"] != "ok", bool(row["remedy"]), row)
        return rows

    def about(self, rows, check, level):
        found = [row for row in rows if row["check"] == check and row["level"] == level]
        self.assertEqual(len(found), 1, rows)
        return found[0]
