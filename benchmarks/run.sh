#!/bin/sh
# Measures what README.md of this folder lists, beside nginx, in one run, and prints a table with the targets.
#
#   benchmarks/run.sh             everything, about 10 minutes
#   benchmarks/run.sh --quick     the same with short rounds: a look, not a figure to quote
#
# Needs two processors, root or sudo only to install what is missing, and an otherwise idle machine: the service is
# pinned to one processor, the load to the other.
set -eu

cd "$(dirname "$0")/.."
deploy/install-packages.sh build benchmark
cmake --preset release -DGRAPHHOOK_BENCHMARKS=ON --log-level=WARNING >/dev/null
cmake --build --preset release --parallel "$(nproc)"
exec python3 benchmarks/measure.py build/release/bin "$@"
