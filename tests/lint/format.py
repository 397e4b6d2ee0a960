#!/usr/bin/env python3
"""clang-format 19 would change nothing."""

import subprocess
import sys

import tree


def main():
    sources = tree.files(".hpp", ".cpp")
    done = subprocess.run(
        ["clang-format-19", "--dry-run", "--Werror", *sources],
        cwd=tree.ROOT, capture_output=True, text=True, check=False,
    )
    first = {}  # of each file
    for line in done.stderr.splitlines():
        if "clang-format-violations" in line:
            first.setdefault(line.split(":")[0], line)
    problems = list(first.values())
    if done.returncode and not problems:
        problems = done.stderr.splitlines()[:20]
    return tree.report(problems, f"format of {len(sources)} files")


if __name__ == "__main__":
    sys.exit(main())
