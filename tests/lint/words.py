#!/usr/bin/env python3
"""What has no place in a finished tree: reminders, switched-off tests, silenced warnings without a reason,
paths of somebody's machine, leftovers of a merge, files that outgrew reading."""

import re
import sys

import tree

LONGEST = 600
EVERYWHERE = [
    (re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b"), "a reminder: do it, or open an issue"),
    (re.compile(r"DIS" r"ABLED_\w"), "a test that is switched off"),
    (re.compile(r"^(<{7}|>{7}) ", re.M), "a leftover of a merge"),
    (re.compile(r"(^|[\s\"'=(`])/(wo" r"rk|ho" r"me/[a-z]|ro" r"ot|Use" r"rs)/[\w.-]"), "a path of somebody's machine"),
    (re.compile(r"BEGIN (EC |RSA )?PRIV" r"ATE KEY-----\n[A-Za-z0-9+/]{40}"), "a private key"),
]
SOURCES = [
    (re.compile(r"NOLI" r"NT(?!NEXTLINE|END|BEGIN)(?!\([\w,.*-]+\):? \S)|NOLI" r"NTNEXTLINE(?!\([\w,.*-]+\):? \S)"),
     "a silenced warning without a reason beside it"),
    (re.compile(r"\bsleep_for\("), "a sleep: wait on a condition"),
]
TEXT = (".hpp", ".cpp", ".py", ".sh", ".md", ".yaml", ".yml", ".json", ".txt", ".cmake", ".cfg", ".conf",
        ".service", "Dockerfile", ".ci/run")
# Long by nature: what is generated, data, and the licence.
MAY_BE_LONG = (".json", ".md", ".txt", ".yaml", ".yml")


def main():
    problems = []
    for path in tree.files(*TEXT):
        content = tree.text(path)
        rules = EVERYWHERE + (SOURCES if path.endswith((".hpp", ".cpp")) and path.startswith("tests/") else [])
        for pattern, what in rules:
            for found in pattern.finditer(content):
                line = content.count("\n", 0, found.start()) + 1
                problems.append(f"{path}:{line}: {what}: {found.group(0).strip()}")
        lines = content.count("\n")
        if lines > LONGEST and not path.endswith(MAY_BE_LONG):
            problems.append(f"{path}: {lines} lines, more than {LONGEST}")
        if content and not content.endswith("\n"):
            problems.append(f"{path}: no newline at its end")
    return tree.report(problems, "words")


if __name__ == "__main__":
    sys.exit(main())
