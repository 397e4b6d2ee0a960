#!/usr/bin/env python3
"""What deploy/demo.sh shows once the programs are built.

usage: demo.py BIN_DIR FOLDER [--once]
"""

import os
import shutil
import signal
import sys
import threading
import time

import accounting
import stack

# 200 changes of each of the five kinds: what, change, how many, to how many objects (0: each to another one).
CHANGES = (
    ("message", "created", 120, 0), ("message", "updated", 60, 20), ("message", "deleted", 20, 0),
    ("event", "created", 80, 0), ("event", "updated", 120, 12),
    ("contact", "created", 150, 0), ("contact", "updated", 50, 10),
    ("drive", "updated", 200, 0),
    ("alert", "updated", 200, 40),
)
MADE = sum(count for _, _, count, _ in CHANGES)


class Demo:
    def __init__(self, bin_dir, folder):
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(folder):
            if name != "emulator":  # its certificates are worth keeping
                path = os.path.join(folder, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
        self.output = os.path.join(folder, "handled.jsonl")
        self.emulator = stack.Emulator(bin_dir, os.path.join(folder, "emulator"))
        self.service = stack.Graphhook(bin_dir, folder)
        self.tail = None
        self.show = False
        self.handled = set()

    def start(self):
        say("starting graph-emulator, a stand-in for Microsoft Graph and its identity platform")
        self.emulator.start()
        say("starting graphhook serve")
        self.service.configure(
            self.emulator.cloud, self.emulator.certificates,
            handlers={"audit": {"type": "file", "path": self.output}, "console": {"type": "log"}},
        )
        self.service.start()
        say(f"creating {len(stack.FIVE)} subscriptions: {', '.join(stack.FIVE)}")
        self.emulator.wait_subscriptions(len(stack.FIVE))
        stack.wait_until(
            lambda: stack.metric_sum(self.service.metrics(), "graphhook_subscriptions", state="active") == len(stack.FIVE),
            60, "all subscriptions active", self.service.check_running,
        )
        self.tail = accounting.Tail(self.output, self.on_line)
        self.show = True

    def on_line(self, seen, line):
        self.handled.add(line["id"])
        if self.show:
            took = max(seen - accounting.seconds_of(line["received_at"]), 0) * 1000
            resource = line["resource"]
            if len(resource) > 60:
                resource = f"{resource[:28]}…{resource[-31:]}"
            print(f"  {line['kind']:8} {line['change']:8} {resource:60} handled {took:4.0f} ms after it was accepted", flush=True)

    def where(self):
        print(f"""
  metrics    http://127.0.0.1:{self.service.admin_port}/metrics
  output     {self.output}
  logs       {self.service.log_file}
             {self.emulator.log_file}
  settings   {self.service.config_file}

  Try, in another terminal:
    export GRAPHHOOK_CONFIG={self.service.config_file}
    {self.service.program} subscriptions list
    {self.service.program} handlers list
    {self.emulator.program} change --kind message --count 5 \\
        --url {self.emulator.url} --ca {self.emulator.certificates.ca_file}
""", flush=True)

    def make(self, rate):
        return [
            self.emulator.change(count, change, rate=rate * count / MADE, objects=objects, kind=kind)
            for kind, change, count, objects in CHANGES
        ]

    # --- both ways to run

    def forever(self):
        """Changes at a pace that can be read, until Ctrl-C."""
        say("notifications arrive; Ctrl-C ends it")
        while True:
            for kind, change, _, _ in CHANGES:
                self.emulator.change(1, change, kind=kind)
                time.sleep(0.7)
                self.service.check_running()
                self.emulator.check_running()

    def once(self):
        say(f"making {MADE:,} changes over {len(stack.FIVE)} kinds")
        self.show = False
        jobs = self.make(rate=500)
        shown = [0.0]

        def all_handled():
            status, waiting = self.emulator.status(), self.service.waiting("audit")
            if time.monotonic() - shown[0] > 1:
                shown[0] = time.monotonic()
                print(f"  made {status['changesMade']:4}, accepted {status['itemsAccepted']:4}, "
                      f"waiting {waiting:4}, handled {len(self.handled):4}", flush=True)
            return (all(self.emulator.control("GET", f"/jobs/{job}")["done"] for job in jobs)
                    and self.service.waiting() == 0)

        stack.wait_until(all_handled, 300, "all changes handled", self.service.check_running)
        self.tail.stop()
        return self.summary()

    def summary(self):
        status, metrics = self.emulator.status(), self.service.metrics()
        changes, lines = self.emulator.ledger(), self.tail.lines
        lost = accounting.lost(changes, lines)
        lag = stack.quantile(metrics, "graphhook_delivery_lag_seconds", 0.99, handler="audit")
        rows = (
            ("made", f"{status['changesMade']:,} changes"),
            ("posted", f"{status['itemsPosted']:,} notifications in {status['postsSent']:,} POSTs"),
            ("accepted", f"{status['itemsAccepted']:,}"),
            ("folded", f"{stack.metric_sum(metrics, 'graphhook_items_folded_total'):,.0f} into an equal one that still waited"),
            ("handled", f"{len({line['id'] for _, line in lines}):,}"),
            ("lost", f"{len(lost):,}"),
            ("handed over twice", f"{accounting.handed_over_twice(lines):,}"),
            ("reply p99", f"{status['replyTimeP99Microseconds'] / 1000:.1f} ms"),
            ("accepted to handled p99", "unknown" if lag is None else f"at most {lag * 1000:g} ms"),
        )
        print()
        for name, value in rows:
            print(f"  {name:24} {value}")
        for change, subscription in lost[:10]:
            print(f"  LOST: {change['change']} {change['resource']} (change {change['number']}, subscription {subscription})")
        print(flush=True)
        complete = status["changesMade"] == MADE and len(changes) == MADE
        if not complete:
            print(f"  INCOMPLETE: {status['changesMade']} of {MADE} changes made, {len(changes)} in the ledger")
        return 0 if complete and not lost else 1

    def stop(self):
        self.show = False
        if self.tail:
            self.tail.stop()
        for program in (self.service, self.emulator):
            try:
                program.stop(30)
            except stack.Failed as failed:
                print(failed, file=sys.stderr)


def say(text):
    print(f"==> {text}", flush=True)


def main():
    bin_dir, folder = map(os.path.abspath, sys.argv[1:3])
    assert threading.current_thread() is threading.main_thread()
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    demo = Demo(bin_dir, folder)
    code = 1
    try:
        demo.start()
        demo.where()
        if "--once" in sys.argv[3:]:
            code = demo.once()
        else:
            demo.forever()
    except KeyboardInterrupt:
        print()
        say(f"stopping; what was handled stays in {demo.output}")
        code = 130 if "--once" in sys.argv[3:] else 0
    except stack.Failed as failed:
        print(f"demo: {failed}", file=sys.stderr)
    finally:
        demo.stop()
    return code


if __name__ == "__main__":
    sys.exit(main())
