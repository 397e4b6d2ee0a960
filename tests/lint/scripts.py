#!/usr/bin/env python3
"""Scripts: shellcheck for those of a shell, compiling for those of Python, the executable bit for both."""

import os
import subprocess
import sys

import tree


def main():
    problems, shells = [], []
    for path in tree.files():
        full = os.path.join(tree.ROOT, path)
        with open(full, "rb") as file:
            first = file.readline(100)
        if path.endswith(".py"):
            try:
                compile(tree.text(path), path, "exec")
            except SyntaxError as error:
                problems.append(f"{path}:{error.lineno}: {error.msg}")
        elif path.endswith((".sh", ".bash")) or (first.startswith(b"#!") and b"sh" in first):
            shells.append(path)
        if first.startswith(b"#!") and not os.access(full, os.X_OK):
            problems.append(f"{path}: begins with #! but is not executable")
    if shells:
        done = subprocess.run(
            ["shellcheck", "--format=gcc", "--severity=style", *shells],
            cwd=tree.ROOT, capture_output=True, text=True, check=False,
        )
        problems += (done.stdout + done.stderr).splitlines()
    return tree.report(problems, f"{len(shells)} shell scripts")


if __name__ == "__main__":
    sys.exit(main())
