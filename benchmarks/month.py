#!/usr/bin/env python3
"""30 days of 100,000 subscriptions, simulated, against graph-emulator with Graph's quotas on.

usage: month.py BIN [--subscriptions N] [--days N]

graphhook's subscription manager, store and receiver run in one process (graphhook-month serve), the emulator in
another, and both read one clock, which jumps to what is due next. 5 % of all requests are answered 429 or 503, the
service is killed and started anew each day, and Graph is out for six hours of the third day. Exit code 1 if a target is
missed.
"""

import argparse
import json
import mmap
import os
import shutil
import struct
import subprocess
import sys
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "deploy", "demo"))

import stack  # noqa: E402

DAY = 86_400
START = 1_795_248_000  # 2026-11-21T08:00:00Z
OUTAGE_DAY, OUTAGE_FROM, OUTAGE_SECONDS = 2, 6 * 3_600, 6 * 3_600


class Month:
    def __init__(self, bin_dir, count, days, log):
        self.log = log
        self.bin, self.count, self.days = bin_dir, count, days
        self.folder = os.path.join(ROOT, "build", "benchmarks", "month")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.clock_file = os.path.join(self.folder, "clock")
        with open(self.clock_file, "wb") as file:
            file.write(struct.pack("<q", START * 1_000_000))
        with open(self.clock_file, "r+b") as file:
            self.clock = mmap.mmap(file.fileno(), 8)
        self.port = stack.free_port()

    def now(self):
        return struct.unpack("<q", self.clock[:8])[0] / 1_000_000

    def control(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self.graph}/emulator{path}", method=method,
            data=None if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=300) as reply:
            return json.loads(reply.read())

    def start_emulator(self):
        port_file = os.path.join(self.folder, "port")
        with open(os.path.join(self.folder, "emulator.log"), "wb") as log:
            self.emulator = subprocess.Popen(
                [os.path.join(self.bin, "graphhook-month"), "emulate", "--clock", self.clock_file, "--folder",
                 self.folder, "--port-file", port_file], stdout=log, stderr=log)
        stack.wait_until(lambda: os.path.exists(port_file), 30, "the emulator listens")
        with open(port_file, encoding="ascii") as file:
            self.graph = f"http://127.0.0.1:{file.read().strip()}"

    def populate(self):
        """Users, and groups of which each kind of life takes one. Returns the groups' ids."""
        share = lambda part: max(1, round(self.count * part))
        users = share(0.60)
        self.control("POST", "/data", {"tenant": stack.TENANT_ID, "users": users})
        groups = {}
        for name, part in (("month", 0.30), ("days", 0.08), ("day", 0.018), ("hour", 0.002)):
            made = self.control("POST", "/data",
                                {"tenant": stack.TENANT_ID, "groups": 1, "groupMembers": min(users, share(part))})
            groups[name] = made["groups"][0]
        return groups

    def configure(self, groups):
        entry = {"tenant": "contoso", "handlers": ["audit"]}
        self.config_file = os.path.join(self.folder, "graphhook.yaml")
        config = {
            "receiver": {"listen": f"127.0.0.1:{self.port}", "public_url": f"https://127.0.0.1:{self.port}/graph"},
            "admin": {"listen": "", "socket": ""},
            "store": {"url": f"sqlite:{self.folder}/graphhook.db", "reserve": "64MiB"},
            "tenants": {"contoso": {
                "tenant_id": stack.TENANT_ID, "client_id": stack.CLIENT_ID, "requests": 16,
                "cloud": {"graph": "https://127.0.0.1:1", "login": "https://127.0.0.1:1"},
                "credential": {"client_secret": "emulator-secret"},
            }},
            "subscriptions": {
                "mail": {**entry, "for_each": "users", "resource": "users/{id}/messages", "changes": ["created"]},
                "drives": {**entry, "for_each": f"groups/{groups['month']}/members",
                           "resource": "users/{id}/drive/root", "changes": ["updated"]},
                "chats": {**entry, "for_each": f"groups/{groups['days']}/members", "resource": "users/{id}/chats",
                          "changes": ["created"]},
                "day": {**entry, "for_each": f"groups/{groups['day']}/members", "resource": "users/{id}/events",
                        "changes": ["created"], "life": "24h"},
                "hour": {**entry, "for_each": f"groups/{groups['hour']}/members", "resource": "users/{id}/contacts",
                         "changes": ["created"], "life": "60m", "sync": "delta"},
            },
            "handlers": {"audit": {"type": "log"}},
            "reconcile": {"expand_every": "6h"},
        }
        with open(self.config_file, "w", encoding="utf-8") as file:
            json.dump(config, file, indent=2)

    def serve(self, until, *more):
        """A process that lives until then, by the shared clock, and its last words."""
        done = subprocess.run(
            [os.path.join(self.bin, "graphhook-month"), "serve", "--clock", self.clock_file, "--config",
             self.config_file, "--graph", self.graph, "--until", str(int(until)), "--metrics",
             os.path.join(self.folder, "metrics"), "--log", self.log, *more],
            capture_output=True, text=True, check=False, timeout=3_600,
        )
        if done.stderr:
            with open(os.path.join(self.folder, "serve.log"), "a", encoding="utf-8") as log:
                log.write(done.stderr)
        if not done.stdout:
            raise stack.Failed(f"graphhook-month serve: {done.returncode} {done.stderr}")
        return json.loads(done.stdout)

    def faults(self):
        self.control("POST", "/faults", {"fault": "throttle", "share": 0.025, "count": 0, "retryAfterSeconds": 5})
        self.control("POST", "/faults", {"fault": "server-error", "share": 0.025, "count": 0, "status": 503})

    def ids(self):
        """{id: resource} of all that live."""
        found, after = {}, 0
        while True:
            page = self.control("GET", f"/subscriptions?after={after}&limit=10000")
            found.update({one["id"]: one["resource"] for one in page["subscriptions"]})
            if "next" not in page:
                return found
            after = page["next"]

    def run(self):
        began = time.monotonic()
        say = lambda text: print(f"[{time.monotonic() - began:6.0f} s] day {(self.now() - START) / DAY:5.2f}: {text}",
                                 flush=True)
        self.start_emulator()
        self.configure(self.populate())
        self.faults()
        report = {"peak_rss_kib": 0, "plan_ms": 0, "load_ms": 0}
        first = None
        for day in range(self.days):
            stops = [START + (day + 1) * DAY]
            if day == OUTAGE_DAY:
                outage = START + day * DAY + OUTAGE_FROM
                stops = [outage, outage + OUTAGE_SECONDS, outage + OUTAGE_SECONDS + 900, *stops]
            for number, stop in enumerate(stops):
                # After the outage it is measured how long they take to be back.
                words = self.serve(stop, *(["--fine", "yes"] if day == OUTAGE_DAY and number == 2 else []))
                for key in ("peak_rss_kib", "plan_ms", "load_ms"):
                    # Of the first process there is no store to plan from.
                    if day > 0 or key == "peak_rss_kib":
                        report[key] = max(report[key], words[key])
                say(json.dumps(words))
                if day == OUTAGE_DAY and number == 0:
                    self.control("POST", "/faults", {"fault": "outage"})
                elif day == OUTAGE_DAY and number == 1:
                    self.control("DELETE", "/faults")
                    self.faults()
                    report["hourly_before"] = len(self.of(self.ids(), "contacts"))
                elif day == OUTAGE_DAY and number == 2:
                    report["hourly_after"] = len(self.of(self.ids(), "contacts"))
                    report["swept_after"] = words["oldest_sweep"] - stops[1]
            if first is None:
                first = self.ids()
        last = self.ids()
        windows = self.control("GET", "/status")["quotas"]["windows"]
        self.emulator.terminate()
        self.emulator.wait(60)
        return report, first, last, words, windows

    @staticmethod
    def of(ids, end):
        return {id for id, resource in ids.items() if resource.endswith(end)}


def judge(report, first, last, words, windows):
    """Rows of (what, seen, target, whether it is met)."""
    def of(ids, *ends):
        return {id for id, resource in ids.items() if not resource.endswith(ends)}
    # Whoever expired has another id now. Those of an hour may, in six hours without Graph.
    long_lived = of(first, "/contacts")
    expired = len(long_lived - set(last))
    doubles = len(last) - len({resource.lower() for resource in last.values()})
    hour = Month.of(last, "/contacts")
    rows = [
        # The last words count those whose renewal is due just now as not standing.
        ("subscriptions at Graph in the end", f"{len(last)} of {words['wanted']}", "all",
         len(last) == words["wanted"] > 0),
        ("lives over an hour that expired", f"{expired} of {len(long_lived)}", "0", expired == 0),
        ("subscriptions of one resource", f"{doubles} too many", "0", doubles == 0),
        ("of an hour: at the outage's end", str(report["hourly_before"]), "", True),
        ("of an hour: a quarter of an hour later", f"{report['hourly_after']} of {len(hour)}", "all",
         report["hourly_after"] == len(hour)),
        ("of an hour: oldest sweep, since the outage's end", f"{report['swept_after']} s", "above 0 s",
         report["swept_after"] > 0),
        ("resident memory, highest", f"{report['peak_rss_kib'] / 1024:.0f} MiB", "under 300 MiB",
         report["peak_rss_kib"] < 300 * 1024),
        ("opening the store and reading it", f"{report['load_ms']} ms", "", True),
        ("planning from the store alone", f"{report['plan_ms']} ms", "under 1000 ms", report["plan_ms"] < 1_000),
    ]
    for window in windows:
        if window["operation"] in ("write", "reauthorize", "get", "list"):
            rows.append((f"{window['operation']} in {window['seconds']} s, {window['scope']}", str(window["most"]),
                         f"at most {window['quota']}", window["most"] <= window["quota"]))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("--subscriptions", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--log", default="off", help="level of the service's log, kept beside its store")
    arguments = parser.parse_args()
    month = Month(os.path.abspath(arguments.bin), arguments.subscriptions, arguments.days, arguments.log)
    try:
        results = month.run()
    finally:
        if month.emulator.poll() is None:
            month.emulator.kill()
    rows = judge(*results)
    width = max(len(row[0]) for row in rows)
    for name, seen, target, good in rows:
        print(f"{name:{width}}  {seen:>28}  {target:<28} {'ok' if good else 'MISSED'}")
    return 0 if all(row[3] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
