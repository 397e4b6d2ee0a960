#!/usr/bin/env python3
"""Sweeps of a drive with 200,000 items and of a mailbox with 100 folders: how much memory, how long.

usage: sweep.py BIN [--items N] [--folders N]

`initial: all` makes the first round hand over everything there is, so every item takes the whole way: delta page,
journal, handler. Exit code 1 if the memory's target is missed or anything is not handed over.
"""

import argparse
import os
import shutil
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "deploy", "demo"))

import stack  # noqa: E402

MOST_RESIDENT = 100 << 20
MESSAGES_EACH = 100


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--folders", type=int, default=100)
    arguments = parser.parse_args()
    folder = os.path.join(ROOT, "build", "benchmarks", "sweep")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    bin_dir = os.path.abspath(arguments.bin)
    emulator = stack.Emulator(bin_dir, os.path.join(folder, "emulator"))
    service = stack.Graphhook(bin_dir, folder)
    try:
        emulator.start()
        emulator.control("POST", "/data", {"tenant": stack.TENANT_ID, "drive": "b!big", "driveItems": arguments.items})
        emulator.control("POST", "/data", {"tenant": stack.TENANT_ID, "user": stack.USER_ID,
                                           "mailFolders": arguments.folders, "messagesPerFolder": MESSAGES_EACH})
        service.configure(emulator.cloud, emulator.certificates, subscriptions={})
        entry = {"tenant": "contoso", "handlers": ["audit"], "sync": "delta", "initial": "all"}
        service.config["subscriptions"] = {
            "drive": {**entry, "resource": "drives/b!big/root", "changes": ["updated"]},
            "mail": {**entry, "resource": f"users/{stack.USER_ID}/messages", "changes": ["created", "updated"]},
        }
        service.write_config()
        began = time.monotonic()
        service.start()
        peak = 0

        def swept():
            nonlocal peak
            with open(f"/proc/{service.pid}/status", encoding="ascii") as status:
                peak = max(peak, *(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:")))
            rows = service.cli_json("subscriptions", "sweeps")
            return len(rows) == 2 and all(row["swept_at"] for row in rows) and rows

        stack.wait_until(swept, 1_200, lambda: f"both swept: {service.cli_json('subscriptions', 'sweeps')}",
                         service.check_running)
        took = time.monotonic() - began
        service.wait_idle(1_200)
        swept()
        handed = stack.metric_sum(service.metrics(), "graphhook_deliveries_total", handler="audit", outcome="done")
        least = arguments.items + arguments.folders * MESSAGES_EACH
        print(f"handed over                {handed:>12,.0f}   at least {least:,}")
        print(f"rounds took                {took:>10.1f} s   {handed / took:,.0f} a second")
        print(f"resident memory, highest   {peak / (1 << 20):>8.0f} MiB   at most {MOST_RESIDENT >> 20} MiB")
        return 0 if peak <= MOST_RESIDENT and handed >= least else 1
    finally:
        service.kill()
        emulator.kill()


if __name__ == "__main__":
    sys.exit(main())
