"""What the tests of resource data that need one subscription or two have in common: a configuration with a key, what was
encrypted against what was handed over, and a target for `http` handlers."""

import collections
import hashlib
import http.server
import json
import os
import sqlite3
import threading

from harness import E2eTest, stack
from recorder import Recorder

USER = stack.USER_ID
CHAT = "chats/19:0f0d2c9a@thread.v2/messages"
ALL = ("created", "updated", "deleted")


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Target(http.server.ThreadingHTTPServer):
    """An HTTP handler's target: what it took, as text, with its headers. It answers `status(delivery)`."""

    def __init__(self, status=lambda line: 200):
        self.taken, self.headers_taken, self.status = [], [], status
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                answer = target.status(json.loads(text))
                if answer < 300:
                    target.taken.append(text)
                    target.headers_taken.append(dict(self.headers))
                self.send_response(answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server_address[1]}/graph"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()


class RichTest(E2eTest):
    def setUp(self):
        super().setUp()
        self.plain = os.path.join(self.folder, "plain.jsonl")

    def rich(self, resource, changes=("created",), handlers=("audit",), **more):
        return {"tenant": "contoso", "resource": resource, "changes": list(changes), "handlers": list(handlers),
                "resource_data": True, **more}

    def prepare(self, subscriptions, *emulator_options, handlers=None, key=True, **sections):
        """Emulator started, key made, configuration written; serve not started."""
        if not self.emulator.running():
            self.emulator.start("--time-scale", "60", *emulator_options)
        self.service.configure(
            self.emulator.cloud, self.emulator.certificates, subscriptions={}, reconcile={"removal_grace": "0s"},
            keys={"folder": os.path.join(self.folder, "keys")},
            handlers=handlers or {"audit": {"type": "file", "path": self.output, "resource_data": True}}, **sections,
        )
        self.service.config["subscriptions"] = subscriptions
        self.service.write_config()
        if key:
            self.service.cli("keys", "create", "--id", "first")

    def begin(self, subscriptions, *emulator_options, **more):
        self.prepare(subscriptions, *emulator_options, **more)
        self.service.start()
        return self.wait_active(len(subscriptions))

    def serve_target(self, **more):
        target = Target(**more)
        self.addCleanup(target.stop)
        return target

    def record(self):
        """From now on (serve not started) everything that Graph posts comes by a recorder."""
        recorder = Recorder(self.service, self.emulator.certificates)
        self.addCleanup(recorder.stop)
        self.service.config["receiver"]["public_url"] = recorder.url
        self.service.write_config()
        return recorder

    def change(self, count=1, change="created", **what):
        """Made, and answered 202 by us, whatever becomes of it."""
        report = self.emulator.wait_job(self.emulator.change(count, change, **what))
        self.assertEqual(report["accepted"], report["items"], report)
        self.assertGreaterEqual(report["items"], count)

    def texts(self, path=None):
        """The lines of a file handler, as they are."""
        path = path or self.output
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()

    @staticmethod
    def with_data(texts):
        """Who got which state of what: the data by its very bytes."""
        got = collections.Counter()
        for text in texts:
            line, data = json.loads(text), text.partition(',"data":')[2][:-1]
            got[line["item"]["subscriptionId"], line["resource"], line["change"], sha256(data)] += 1
        return got

    def sent(self):
        """The same of everything that the emulator encrypted and sent."""
        return collections.Counter(
            (item["subscriptionId"], change["resource"], change["change"], item["plaintextSha256"])
            for change in self.emulator.ledger() for item in change["items"] if "plaintextSha256" in item
        )

    def assert_all_with_data(self, texts=None, sent=None):
        """Everything that was sent was handed over, once, with its plaintext, byte for byte."""
        sent = self.sent() if sent is None else sent
        self.assertTrue(sent)
        self.assertEqual(self.with_data(self.texts() if texts is None else texts), sent)

    def assert_secrets_are_kept_from(self, texts):
        for text in texts:
            for word in ("encryptedContent", "dataKey", "validationTokens", "clientState", "eyJ"):
                self.assertNotIn(word, text)

    def wait_texts(self, count, seconds=60, path=None):
        stack.wait_until(lambda: len(self.texts(path)) >= count, seconds,
                         lambda: f"{count} handed over, not {len(self.texts(path))}\n{self.service.log_tail()}",
                         self.service.check_running)

    def wait_unproved(self, reason, least=1):
        self.wait_metric("graphhook_items_unproved_total", least, reason=reason)

    def restart(self):
        self.stop_cleanly()
        self.service.start()

    def store(self, statement, *values):
        """Of the store's file, while the service does not run."""
        store = sqlite3.connect(self.service.store_file)
        with store:
            rows = store.execute(statement, values).fetchall()
        store.close()
        return rows

    def store_verdicts(self):
        """Of all tokens in the store, which may be in use."""
        store = sqlite3.connect(f"file:{self.service.store_file}?mode=ro", uri=True)
        rows = store.execute("SELECT verdict FROM proof").fetchall()
        store.close()
        return [row[0] for row in rows]
