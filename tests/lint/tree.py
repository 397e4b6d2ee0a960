"""The files of this checkout, as the lints see them."""

import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def files(*suffixes):
    """Paths relative to the root: what git tracks or would add; without git, everything but build/."""
    try:
        listed = subprocess.run(
            ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            check=True, capture_output=True,
        ).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = []
        for folder, folders, names in os.walk(ROOT):
            folders[:] = [f for f in folders if f not in (".git", "build", ".cache")]
            listed += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names]
    return sorted(
        {
            path for path in listed
            if path and os.path.isfile(os.path.join(ROOT, path))
            and (not suffixes or path.endswith(suffixes))
        }
    )


def text(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def report(problems, what):
    """Prints each problem on a line; the exit code to end with."""
    for problem in problems:
        print(problem)
    print(f"{what}: {len(problems)} problem(s)" if problems else f"{what}: ok")
    return 1 if problems else 0
