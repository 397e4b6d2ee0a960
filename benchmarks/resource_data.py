#!/usr/bin/env python3
"""What decrypting resource data takes from intake, both on one processor.

usage: resource_data.py BIN [--quick]

POSTs of one rich item with 2 KiB of plaintext, and of one basic item padded to the same size, over the same
connections. First the basic ones with the decrypting handler paused, then both while a backlog is decrypted that never
ends, in turn; then the rich ones in open loop at half of their rate, with and without decryption. That it was saturated
is shown by its threads: the time they ran and the time they waited for the processor are, together, all the time there
was. Exit code 1 if a target is missed.
"""

import contextlib
import http.client
import json
import os
import shutil
import socket
import statistics
import sys
import time

import machine
import measure
import rich_graph

say, stack = measure.say, measure.stack

PLAINTEXT = 2048
BACKLOG = 20_000
LEAST_OF_UNDISTURBED = 0.5
MOST_P99_MS = 20
SCHED_IDLE = 5


class DecryptionThreads:
    """How long those threads of a process that yield to all others ran, and how long they waited for a processor."""

    def __init__(self, pid):
        self.began = time.monotonic()
        self.threads = []
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8") as file:
                fields = file.read().rpartition(")")[2].split()
            if int(fields[38]) == SCHED_IDLE:  # "policy", the 41st of proc_pid_stat(5)
                self.threads.append(f"/proc/{pid}/task/{thread}/schedstat")
        if not self.threads:
            raise stack.Failed("no thread runs under SCHED_IDLE")
        self.before = self.times()

    def times(self):
        """Seconds: run, waited."""
        sums = [0, 0]
        for name in self.threads:
            with open(name, encoding="ascii") as file:
                for i, nanoseconds in enumerate(file.read().split()[:2]):
                    sums[i] += int(nanoseconds) / 1e9
        return sums

    def shares(self):
        """Since it was made, of one thread's time: run, waited."""
        whole = (time.monotonic() - self.began) * len(self.threads)
        return [(now - before) / whole for now, before in zip(self.times(), self.before)]


class Bench(measure.Bench):
    def __init__(self, bin_dir, folder, quick):
        super().__init__(bin_dir, folder, quick)
        self.graph = rich_graph.RichGraph(self.certificates.certificate, self.certificates.private_key, folder)
        self.handled_file = os.path.join(folder, "handled.jsonl")
        self.least_wanted = 1.0

    def rich_service(self):
        """With two subscriptions: what comes of `rich` is decrypted for `archive`, what comes of `basic` waits for a
        handler that is down."""
        handlers = self.down() | {"archive": {"type": "file", "path": self.handled_file, "resource_data": True}}
        service = self.service("resource-data", handlers)
        resource = stack.FIVE["messages"][0]
        service.config["subscriptions"] = {
            "basic": {"tenant": "contoso", "resource": resource, "changes": ["created"], "handlers": ["down"]},
            "rich": {"tenant": "contoso", "resource": resource + "?$select=subject,body", "changes": ["created"],
                     "handlers": ["archive"], "resource_data": True},
        }
        service.config["keys"] = {"folder": os.path.join(service.folder, "keys")}
        service.write_config()
        service.cli("keys", "create")
        self.start(service, subscriptions=2)
        return service

    def equal_bodies(self):
        """Files with a basic POST and a rich one of the same size. The basic item is padded by what the rich one's content
        takes, and its envelope by the tokens, which the store keeps once."""
        plaintext = json.dumps({"id": "1", "subject": "s", "body": {"content": ""}}, separators=(",", ":"))
        plaintext = plaintext.replace('"content":"', '"content":"' + "x" * (PLAINTEXT - len(plaintext)))
        posts = {}
        for subscription in self.graph.subscriptions.values():
            message = f"users/{stack.USER_ID}/messages/AAMkAGUwNjQ4ZjIxLTQ3Y2YtNDViMi1iZjc4" + "@" * 16
            rich = subscription.get("includeResourceData", False)
            item = {
                "subscriptionId": subscription["id"],
                "subscriptionExpirationDateTime": subscription["expirationDateTime"],
                "tenantId": stack.TENANT_ID,
                "clientState": subscription["clientState"],
                "changeType": "created",
                "resource": message,
                "resourceData": {
                    "@odata.type": "#Microsoft.Graph.Message", "@odata.id": message,
                    "@odata.etag": 'W/"CQAAABYAAAC"', "id": message.rsplit("/", 1)[1],
                },
            }
            post = {"value": [item]}
            if rich:
                item["encryptedContent"] = self.graph.encrypted_content(subscription, plaintext.encode())
                post["validationTokens"] = [self.graph.token(stack.TENANT_ID, stack.CLIENT_ID)]
            posts[rich] = post

        def text(post):
            return json.dumps(post, separators=(",", ":"))
        posts[False]["padding"] = text(posts[True]["validationTokens"])
        posts[False]["value"][0]["resourceData"]["padding"] = ""
        missing = len(text(posts[True])) - len(text(posts[False]))
        posts[False]["value"][0]["resourceData"]["padding"] = "x" * missing
        files = []
        for rich, post in sorted(posts.items()):
            files.append(os.path.join(self.folder, "rich.json" if rich else "basic.json"))
            with open(files[-1], "w", encoding="utf-8") as out:
                out.write(text(post))
        sizes = [os.path.getsize(file) for file in files]
        if sizes[0] != sizes[1]:
            raise stack.Failed(f"bodies of {sizes} bytes")
        say(f"bodies of {sizes[0]:,} bytes, {PLAINTEXT:,} of plaintext in the rich one")
        return files

    def pause(self, service):
        """Once nothing is decrypted any more."""
        service.cli("handlers", "pause", "archive")

        def quiet():
            # By the service itself: the command line reads the file, which knows nothing of leases.
            connection = http.client.HTTPConnection("localhost")
            connection.sock = socket.socket(socket.AF_UNIX)
            with contextlib.closing(connection):
                connection.sock.connect(service.socket)
                connection.request("GET", "/api/v1/handlers")
                rows = json.loads(connection.getresponse().read())
            return all(row["leased"] == 0 for row in rows if row["handler"] == "archive")
        stack.wait_until(quiet, 60, "what was leased is settled", service.check_running)

    def decrypted(self, service):
        return stack.metric_sum(service.metrics(), "graphhook_deliveries_total", handler="archive", outcome="done")

    def saturated(self, service, measurement):
        """What `measurement` returns, decryption having wanted the processor all that time; how many items a second were
        handed over meanwhile."""
        before, threads = self.decrypted(service), DecryptionThreads(service.pid)
        value = measurement()
        ran, waited = threads.shares()
        rate = (self.decrypted(service) - before) / (time.monotonic() - threads.began)
        if service.waiting("archive") == 0:
            raise stack.Failed("the backlog came to its end")
        self.least_wanted = min(self.least_wanted, ran + waited)
        say(f"decryption ran {ran:.1%} of the time and wanted {ran + waited:.1%}; {rate:,.0f} items/s handed over")
        return value, rate

    def beside_intake(self):
        """Intake with and without decryption."""
        service = self.rich_service()
        basic, rich = self.equal_bodies()
        place = (service.port, "/graph/notifications")
        self.load(*place, rich, requests=BACKLOG)
        stack.wait_until(lambda: self.decrypted(service) > 0, 60, "something is decrypted", service.check_running)
        rich_rate = self.rates(service, lambda body: self.top(*place, body), basic, rich)
        self.replies(service, lambda: self.load(*place, rich, rate=rich_rate / 2, seconds=self.seconds, warm_up=2))
        self.row("decryption wanted the processor", "0.9 of the time", f"{self.least_wanted:.2f} or more",
                 self.least_wanted >= 0.9)
        _, alone = self.saturated(service, lambda: time.sleep(self.seconds))
        self.row("items decrypted and handed over, no POSTs", "", f"{alone:,.0f}/s", True)
        with open(self.handled_file, encoding="utf-8") as file:
            if len(json.loads(file.readline())["data"]["body"]["content"]) < PLAINTEXT / 2:
                raise stack.Failed("what was handed over is not what was encrypted")
        service.kill()  # with what is left of the backlog

    def rates(self, service, top, basic, rich):
        """Accepted POSTs in closed loop; the rate of the rich ones. Decryption is running afterwards."""
        figures = {"undisturbed": [], "basic": [], "rich": []}
        for number in range(self.rounds):
            # In turn, so that what else happens on the machine hits all of them.
            self.pause(service)
            figures["undisturbed"].append(top(basic))
            service.cli("handlers", "resume", "archive")
            figures["basic"].append(self.saturated(service, lambda: top(basic))[0])
            figures["rich"].append(self.saturated(service, lambda: top(rich))[0])
            say(f"round {number + 1}: " + ", ".join(f"{k} {v[-1]:,.0f}/s" for k, v in figures.items()))
        undisturbed = statistics.median(figures["undisturbed"])
        self.row("accepted POSTs, basic, no decryption", "", f"{undisturbed:,.0f}/s", True)
        for kind in ("basic", "rich"):
            rate = statistics.median(figures[kind])
            self.row(f"accepted POSTs, {kind}, decryption saturated", f"{LEAST_OF_UNDISTURBED} of these",
                     f"{rate:,.0f}/s = {rate / undisturbed:.2f}", rate >= LEAST_OF_UNDISTURBED * undisturbed)
        return statistics.median(figures["rich"])

    def replies(self, service, half):
        """Times of replies in open loop at half of that rate. Decryption is running afterwards."""
        figures = {"undisturbed": [], "saturated": []}
        decrypted = []
        for number in range(self.rounds):
            self.pause(service)
            figures["undisturbed"].append(half())
            service.cli("handlers", "resume", "archive")
            report, rate = self.saturated(service, half)
            figures["saturated"].append(report)
            decrypted.append(rate)
            say(f"round {number + 1}: p99 " + ", ".join(f"{k} {v[-1]['p99_ms']:.2f} ms" for k, v in figures.items()))
        for kind, reports in figures.items():
            p99, p50 = (statistics.median(report[name] for report in reports) for name in ("p99_ms", "p50_ms"))
            what = "decryption saturated" if kind == "saturated" else "no decryption"
            target = f"under {MOST_P99_MS} ms" if kind == "saturated" else ""
            self.row(f"reply p99 at half of the rich rate, {what}", target, f"{p99:.2f} ms (p50 {p50:.2f})",
                     not target or p99 < MOST_P99_MS)
        self.row("items decrypted and handed over meanwhile", "", f"{statistics.median(decrypted):,.0f}/s", True)


def main():
    bin_dir = os.path.abspath(sys.argv[1])
    # On a disk, as measure.py.
    folder = os.path.join(measure.ROOT, "build", "benchmarks", "resource-data")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for line in machine.lines(folder):
        print(line)
    print(flush=True)
    bench = Bench(bin_dir, folder, "--quick" in sys.argv[2:])
    try:
        bench.beside_intake()
    finally:
        for program in bench.programs:
            program.kill()
    return 0 if bench.table() else 1


if __name__ == "__main__":
    sys.exit(main())
