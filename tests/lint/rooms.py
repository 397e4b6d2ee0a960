#!/usr/bin/env python3
"""Who may include whom (ARCHITECTURE.md, "Rooms"): the linker does not notice, so we look."""

import os
import re
import sys

import tree

ALLOWED = {
    "core": {"core"},
    "store": {"core", "store"},
    "receiver": {"core", "store", "receiver"},
    "subscriptions": {"core", "store", "subscriptions"},
    "handlers": {"core", "store", "handlers"},
    "authenticity": {"core", "authenticity"},
    "emulator": {"core", "emulator"},
    "app": {"core", "store", "receiver", "subscriptions", "handlers", "authenticity", "app"},
}
# Public headers for authors of handlers: the standard library alone.
STANDARD_ONLY = {"handlers/handler.hpp"}
# One place each may know these.
ONLY_IN = {"sqlite3.h": ("store/", "tests/store/"), "yaml-cpp/yaml.h": ("app/", "tests/app/"),
           "curl/curl.h": ("core/",)}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def main():
    problems = []
    for path in tree.files(".hpp", ".cpp", ".h"):
        room = path.split("/")[0]
        for kind, name in INCLUDE.findall(tree.text(path)):
            other = name.split("/")[0]
            ours = other in ALLOWED or other == "tests"
            if kind == '"' and "/" not in name and not path.startswith("tests/fuzz"):
                problems.append(f'{path}: "{name}": include paths start at the root of the repository')
            if kind == '"' and ours and not os.path.isfile(os.path.join(tree.ROOT, name)):
                problems.append(f'{path}: "{name}" is not there')
            if room in ALLOWED and ours and other not in ALLOWED[room]:
                problems.append(f"{path}: {room} may not include {name}")
            if path in STANDARD_ONLY and (kind == '"' or "/" in name or name.endswith(".h")):
                problems.append(f"{path}: only the standard library here, not {name}")
            if name in ONLY_IN and room in ALLOWED and not path.startswith(ONLY_IN[name]):
                problems.append(f"{path}: {name} belongs in {ONLY_IN[name][0]} only")
    return tree.report(problems, "room rules")


if __name__ == "__main__":
    sys.exit(main())
