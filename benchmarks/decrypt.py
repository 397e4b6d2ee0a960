#!/usr/bin/env python3
"""Resource data decrypted on one processor, beside the private operations of RSA-2048 that OpenSSL can do there.

usage: decrypt.py BIN [--rounds N] [--seconds N] [--cpu N]

Both take turns on one processor, and both count processor time, so that a busy machine costs them the same; the
medians are compared. Exit code 1 if a target is missed.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys

LEAST_OF_OPENSSL = 0.8
MOST_OF_AN_ITEM = 0.01


def run(cpu, *command):
    done = subprocess.run(["taskset", "-c", str(cpu), *command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout


def private_operations(cpu, seconds):
    """What `openssl speed` calls sign/s."""
    text = run(cpu, "openssl", "speed", "-seconds", str(seconds), "rsa2048")
    found = re.search(r"^rsa\s+2048 bits\s+\S+s\s+\S+s\s+([\d.]+)\s", text, re.M)
    if not found:
        sys.exit(f"openssl speed says nothing of rsa2048:\n{text}")
    return float(found.group(1))


def ours(cpu, seconds, bench):
    text = run(cpu, bench, str(seconds))
    return {name: float(value) for name, value in re.findall(r"^(\w+) ([\d.]+)$", text, re.M)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--cpu", type=int, default=min(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    bench = os.path.join(os.path.abspath(arguments.bin), "graphhook-decrypt-bench")

    limits, rounds = [], []
    for _ in range(arguments.rounds):
        limits.append(private_operations(arguments.cpu, arguments.seconds))
        rounds.append(ours(arguments.cpu, arguments.seconds, bench))
    limit = statistics.median(limits)
    decrypted = statistics.median(one["decrypted"] for one in rounds)
    repeated = statistics.median(one["repeated"] for one in rounds)

    of_openssl = decrypted / limit
    of_an_item = decrypted / repeated
    rows = [
        ("RSA-2048 private operations of openssl speed", "", f"{limit:,.0f}/s"),
        ("items decrypted, 2 KiB each", f"at least {LEAST_OF_OPENSSL} of these", f"{decrypted:,.0f}/s: {of_openssl:.2f}"),
        ("an item proved by tokens judged before", f"at most {MOST_OF_AN_ITEM} of an item",
         f"{1e6 / repeated:.1f} µs: {of_an_item:.4f}"),
    ]
    for what, target, seen in rows:
        print(f"{what:<46} {target:<24} {seen}")
    return 0 if of_openssl >= LEAST_OF_OPENSSL and of_an_item <= MOST_OF_AN_ITEM else 1


if __name__ == "__main__":
    sys.exit(main())
