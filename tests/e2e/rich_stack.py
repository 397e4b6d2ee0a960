"""What the tests of resource data have in common: a rich and a basic subscription of the same messages, one handler that
gets what was decrypted and one that does not, and a recorder between graph-emulator and graphhook."""

import json
import os

from harness import BIN, FAST, accounting, stack
from recorder import Recorder

MESSAGES = "chats/getAllMessages"
RICH = {"tenant": "contoso", "resource": MESSAGES, "changes": ["created"], "resource_data": True}
BASIC = {"tenant": "contoso", "resource": MESSAGES, "changes": ["created", "updated"]}


class RichStack:
    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.emulator = stack.Emulator(BIN, os.path.join(folder, "emulator"))
        self.service = stack.Graphhook(BIN, folder)
        self.recorder = Recorder(self.service, self.emulator.certificates)
        self.opened = accounting.Tail(os.path.join(folder, "opened.jsonl"))
        self.closed = accounting.Tail(os.path.join(folder, "closed.jsonl"))

    def start(self, *emulator_options, basic=True, recorded=True, handlers=("opened", "closed"), **sections):
        self.emulator.start(*FAST, *emulator_options)
        all_handlers = {
            "opened": {"type": "file", "path": self.opened.path, "resource_data": True},
            "closed": {"type": "file", "path": self.closed.path},
        }
        sections = {"keys": {"folder": os.path.join(self.folder, "keys")}} | sections
        self.service.configure(
            self.emulator.cloud, self.emulator.certificates, subscriptions={},
            handlers={name: all_handlers[name] for name in handlers},
            public_url=self.recorder.url if recorded else None, **sections,
        )
        self.service.config["subscriptions"]["rich"] = RICH | {"handlers": list(handlers)}
        if basic:
            self.service.config["subscriptions"]["basic"] = BASIC | {"handlers": ["opened"]}
        self.service.write_config()
        self.service.cli("keys", "create", "--id", "mail")
        self.service.start()
        self.emulator.wait_subscriptions(2 if basic else 1)
        stack.wait_until(
            lambda: self.metric("graphhook_subscriptions", state="active") == (2 if basic else 1), 60,
            "active subscriptions", self.service.check_running,
        )

    def metric(self, name, **labels):
        return stack.metric_sum(self.service.metrics(), name, **labels)

    def graph_id(self, name="rich"):
        return self.service.cli_json("subscriptions", "show", name)[0]["graph_id"]

    def changes(self, after):
        """The emulator's ledger after that number, with what was encrypted."""
        page = self.emulator.control("GET", f"/changes?after={after}&limit=10000&plaintext=1")
        return page["changes"]

    def send(self, count=1, forge=None, **members):
        """A job of new messages; with `forge` the first of them is forged."""
        what = {"kind": "chatMessage"} | members
        if forge:
            what = {"forge": forge, "forgeEvery": count} | what
        return self.emulator.change(count, "created", **what)

    def quarantine(self, *options):
        return self.service.cli_json("quarantine", "list", *options)

    def stop(self):
        """However the test ended: nothing of it is left running."""
        self.service.kill()
        self.emulator.kill()
        self.recorder.stop()
        self.opened.stop()
        self.closed.stop()


def plaintext_of(change):
    """What was encrypted for the rich subscription, and its forgery."""
    for item in change["items"]:
        if "plaintext" in item:
            return json.loads(item["plaintext"])
    return None
