#!/usr/bin/env python3
"""Coroutine forms that g++ 12 compiles wrongly and silently (CONTRIBUTING.md): clang's AST finds them.

usage: await.py BUILD_DIR    (needs its compile_commands.json)
"""

import concurrent.futures
import json
import os
import re
import subprocess
import sys

import tree

AWAIT = "anyOf(coawaitExpr(), hasDescendant(coawaitExpr()))"
QUERIES = {
    "switch over co_await": f"switchStmt(isExpansionInMainFile(), hasCondition({AWAIT}))",
    "co_await below ?:": "conditionalOperator(isExpansionInMainFile(), hasDescendant(coawaitExpr()))",
    "closure inside co_await": "coawaitExpr(isExpansionInMainFile(), hasDescendant(lambdaExpr()))",
    "closure beside co_await in one call":
        f"callExpr(isExpansionInMainFile(), hasAnyArgument({AWAIT}), "
        "hasAnyArgument(anyOf(lambdaExpr(), hasDescendant(lambdaExpr()))))",
    "braces inside co_await": "coawaitExpr(isExpansionInMainFile(), hasDescendant(initListExpr()))",
    "co_await inside braces": "initListExpr(isExpansionInMainFile(), hasDescendant(coawaitExpr()))",
}
FOUND = re.compile(r"^(/\S+?):(\d+):\d+: note: \"root\" binds here", re.M)


def check(build, path):
    arguments = ["clang-query-19", "-p", build]
    for query in QUERIES.values():
        arguments += ["-c", f"match {query}"]
    done = subprocess.run(
        [*arguments, path], cwd=tree.ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    if done.returncode:
        return [f"{path}: clang-query: {done.stderr[-300:]}"]
    problems = []
    # One block for each query, each closed by "N matches."
    blocks = re.split(r"^\d+ match(?:es)?\.$", done.stdout, flags=re.M)
    for name, block in zip(QUERIES, blocks):
        for file, line in FOUND.findall(block):
            problems.append(f"{os.path.relpath(file, tree.ROOT)}:{line}: {name}")
    if len(blocks) <= len(QUERIES):
        problems.append(f"{path}: clang-query answered {len(blocks) - 1} of {len(QUERIES)} queries")
    return problems


def main():
    build = os.path.abspath(sys.argv[1])
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        compiled = {os.path.relpath(entry["file"], tree.ROOT) for entry in json.load(file)}
    sources = [p for p in tree.files(".cpp") if p in compiled and "co_await" in tree.text(p)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [line for lines in pool.map(lambda p: check(build, p), sources) for line in lines]
    return tree.report(problems, f"await forms in {len(sources)} coroutine sources")


if __name__ == "__main__":
    sys.exit(main())
