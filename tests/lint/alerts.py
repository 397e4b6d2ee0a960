#!/usr/bin/env python3
"""Alerts, their page and the metrics agree: each alert has its heading in docs/operations.md and the other way
round, and each metric that a rule asks for is one that the sources register."""

import re
import sys

import tree

RULES = "deploy/prometheus/alerts.yaml"
PAGE = "docs/operations.md"


def main():
    rules, page = tree.text(RULES), tree.text(PAGE)
    alerts = re.findall(r"^\s*- alert: (\w+)$", rules, re.M)
    headings = re.findall(r"^### (Graphhook\w+)$", page, re.M)
    problems = [f"{PAGE}: no section on {name}" for name in alerts if name not in headings]
    problems += [f"{RULES}: no alert {name}, which {PAGE} explains" for name in headings if name not in alerts]
    for heading, body in re.findall(r"^### (Graphhook\w+)\n(.*?)(?=^### |\Z)", page, re.M | re.S):
        if len(re.findall(r"^[123]\. ", body, re.M)) != 3:
            problems.append(f"{PAGE}: {heading} needs three things to look at")
    registered = set()
    for path in tree.files(".cpp", ".hpp"):
        if not path.startswith("tests/"):
            registered |= set(re.findall(r'"(graphhook_[a-z_]+)"', tree.text(path)))
    for path, text in ((RULES, rules), (PAGE, page)):
        for name in sorted(set(re.findall(r"\bgraphhook_[a-z_]+", text))):
            if re.sub(r"_(bucket|sum|count)$", "", name) not in registered and name not in registered:
                problems.append(f"{path}: nobody registers {name}")
    return tree.report(problems, f"{len(alerts)} alerts")


if __name__ == "__main__":
    sys.exit(main())
