#!/bin/sh
# Runs every fuzz target of a build for some seconds each, as many at once as there are processors.
#
#   tests/fuzz.sh build/fuzz 600
#
# Starts from tests/fuzz/corpus/<target>/ and keeps what it finds in BUILD/corpus/<target>/. An input that crashes
# a target is left in BUILD/crashes/ and makes the run fail: put it into the corpus together with the fix.
set -eu

cd "$(dirname "$0")/.."
if [ $# -lt 2 ]; then
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
build=$1 seconds=$2
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

if [ $# -eq 2 ]; then
    mkdir -p "$build/crashes" "$build/corpus"
    targets=$(find "$build" -name CMakeFiles -prune -o -type f -executable \( -name 'fuzz_*' -o -name '*_fuzz' \) -print)
    if [ -z "$targets" ]; then
        echo "fuzz: no fuzz target in $build" >&2
        exit 1
    fi
    echo "$targets" | sort | xargs -P "$(nproc)" -I '{}' "$0" "$build" "$seconds" '{}'
    exit
fi

# One target. Its corpus is named after it, with or without "fuzz" at either end.
target=$3
name=$(basename "$target")
short=$(echo "$name" | sed 's/^fuzz_//; s/_fuzz$//')
mkdir -p "$build/corpus/$name"
set -- "$build/corpus/$name"
for seeds in "tests/fuzz/corpus/$name" "tests/fuzz/corpus/$short"; do
    [ ! -d "$seeds" ] || set -- "$@" "$seeds"
done
echo "fuzz $name: $seconds s"
if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$build/crashes/$name-" "$@" >"$build/$name.log" 2>&1; then
    grep -E '^Done|stat::peak_rss_mb' "$build/$name.log" | sed "s/^/fuzz $name: /"
else
    tail -n 60 "$build/$name.log"
    echo "fuzz $name: FAILED" >&2
    exit 1
fi
