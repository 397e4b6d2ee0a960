#!/usr/bin/env python3
"""Links of the documentation to files and headings of this repository lead somewhere."""

import os
import re
import sys

import tree

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)


def anchors(path):
    """The anchors that GitHub makes of a page's headings."""
    found, seen = set(), {}
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", FENCE.sub("", tree.text(path)), re.M):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        count = seen.get(anchor, 0)
        seen[anchor] = count + 1
        found.add(f"{anchor}-{count}" if count else anchor)
    return found


def main():
    problems = []
    for path in tree.files(".md"):
        for target in LINK.findall(FENCE.sub("", tree.text(path))):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            full = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
            if not os.path.exists(os.path.join(tree.ROOT, full)):
                problems.append(f"{path}: {target} leads nowhere")
            elif anchor and full.endswith(".md") and anchor not in anchors(full):
                problems.append(f"{path}: {target}: no such heading")
    return tree.report(problems, "links")


if __name__ == "__main__":
    sys.exit(main())
