#!/usr/bin/env python3
"""clang-tidy 19 over our sources (.clang-tidy says which checks), in parallel.

usage: tidy.py BUILD_DIR [--all]    --all: tests, benchmarks and the emulator too, which take as long again

What passed is remembered in BUILD_DIR/tidy/ by the content of everything of ours that was read for it, so that a
second run looks only at what changed.
"""

import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import time

import tree

LEFT_TO_ALL = ("tests/", "benchmarks/", "emulator/")
# It reads sources as they are, which takes it no longer than with a precompiled header.
PRECOMPILED = re.compile(r" -Winvalid-pch| -Xclang -include(-pch)? -Xclang \S+")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def closure(path, seen):
    """`path` and all headers of ours that it includes, directly or not."""
    if path in seen or not os.path.isfile(os.path.join(tree.ROOT, path)):
        return seen
    seen.add(path)
    for name in INCLUDE.findall(tree.text(path)):
        closure(name, seen)
    return seen


def key_of(path, command, basis):
    digest = hashlib.sha256((basis + command).encode())
    for name in sorted(closure(path, set())):
        digest.update(name.encode() + b"\0" + tree.text(name).encode())
    return digest.hexdigest()


def check(database, path):
    started = time.monotonic()
    done = subprocess.run(
        ["clang-tidy-19", "-p", database, "-quiet", path],
        cwd=tree.ROOT, capture_output=True, text=True, check=False, timeout=300,
    )
    return path, done.returncode, done.stdout, time.monotonic() - started


def main():
    build = os.path.abspath(sys.argv[1])
    everything = "--all" in sys.argv[2:]
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = [e | {"command": PRECOMPILED.sub("", e["command"])} for e in json.load(file)]
    commands = {os.path.relpath(e["file"], tree.ROOT): e["command"] for e in entries}
    basis = tree.text(".clang-tidy") + str(os.path.getmtime(os.path.realpath("/usr/bin/clang-tidy-19")))
    passed = os.path.join(build, "tidy")
    os.makedirs(passed, exist_ok=True)
    with open(os.path.join(passed, "compile_commands.json"), "w", encoding="utf-8") as file:
        json.dump(entries, file)
    due = {}
    for path in tree.files(".cpp"):
        if path in commands and (everything or not path.startswith(LEFT_TO_ALL)):
            key = os.path.join(passed, key_of(path, commands[path], basis))
            if not os.path.exists(key):
                due[path] = key
    problems = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(check, passed, path) for path in due]
        for number, job in enumerate(concurrent.futures.as_completed(jobs), 1):
            path, code, output, seconds = job.result()
            print(f"[{number}/{len(due)}] {path} ({seconds:.1f} s)", flush=True)
            if code == 0:
                with open(due[path], "w", encoding="utf-8"):
                    pass
            else:
                print(output, flush=True)
                problems.append(f"{path}: see above")
    return tree.report(problems, f"clang-tidy, {len(due)} files that changed")


if __name__ == "__main__":
    sys.exit(main())
