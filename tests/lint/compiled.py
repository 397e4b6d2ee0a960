#!/usr/bin/env python3
"""Every source is compiled by some target: a test that is not built is not a test.

usage: compiled.py BUILD_DIR    (needs its compile_commands.json)
"""

import json
import os
import re
import sys

import tree


def main():
    with open(os.path.join(sys.argv[1], "compile_commands.json"), encoding="utf-8") as file:
        compiled = {os.path.relpath(entry["file"], tree.ROOT) for entry in json.load(file)}
    problems = []
    for path in tree.files(".cpp"):
        if path in compiled:
            continue
        # The fuzz targets are compiled by their own preset; their CMakeLists.txt has to name them.
        lists = os.path.join(os.path.dirname(path), "CMakeLists.txt")
        if path.startswith(("tests/fuzz/", "benchmarks/")) and os.path.isfile(os.path.join(tree.ROOT, lists)):
            if re.search(rf"\b{re.escape(os.path.basename(path)[:-4])}\b", tree.text(lists)):
                continue
        problems.append(f"{path}: no target compiles it")
    return tree.report(problems, "sources compiled")


if __name__ == "__main__":
    sys.exit(main())
