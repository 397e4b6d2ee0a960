#!/bin/sh
# Builds and runs all tests and lints.
#
#   tests/run.sh              install what is missing, build with address and undefined-behaviour sanitizers
#                             (preset asan), lints, tests
#   tests/run.sh --plain      the same tests without sanitizers (preset dev)
#   tests/run.sh --full       all of that and: g++ 12, thread sanitizer, the long crash tests, ten minutes
#                             of each fuzz target
#
# JOBS says how many compilers run at once (default: one for each processor); tests, which mostly wait, run half as
# many again. Ends with the test runner's own lines; exit code 0 only if every step passed, and the first that fails
# ends the run.
set -eu

cd "$(dirname "$0")/.."

mode=default
case "${1:-}" in
    '') ;;
    --plain) mode=plain ;;
    --full) mode=full ;;
    -h|--help) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

jobs=${JOBS:-$(nproc)}
test_jobs=$((jobs + (jobs + 1) / 2))
began=$(date +%s)
export NINJA_STATUS='[%f/%t %es] '
export CTEST_OUTPUT_ON_FAILURE=1
export GTEST_BRIEF=1
export CLICOLOR_FORCE=0

# step LIMIT TITLE COMMAND...: runs it for at most LIMIT; a step that fails is named last and ends the run.
step() {
    limit=$1 title=$2
    shift 2
    printf '\n==> %s (%d s since start)\n' "$title" "$(($(date +%s) - began))"
    code=0
    timeout --kill-after=30s "$limit" "$@" || code=$?
    if [ "$code" -ne 0 ]; then
        why="exit code $code"
        [ "$code" -ne 124 ] || why="not done after $limit"
        printf '\nFAILED: %s: %s\n' "$title" "$why" >&2
        exit 1
    fi
}

build() {  # PRESET
    step 5m "configure $1" cmake --preset "$1" --log-level=WARNING
    step 40m "build $1" cmake --build --preset "$1" --parallel "$jobs"
}

check() {  # PRESET LIMIT [CTEST OPTION...]
    preset=$1 limit=$2
    shift 2
    step "$limit" "tests $preset" ctest --preset "$preset" --parallel "$test_jobs" --no-tests=error --timeout 300 "$@"
}

export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:check_initialization_order=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export LSAN_OPTIONS=print_suppressions=0
ASAN_SYMBOLIZER_PATH=$(command -v llvm-symbolizer-19 || true)
export ASAN_SYMBOLIZER_PATH

case $mode in
    default)
        step 15m "install packages" deploy/install-packages.sh build test
        build asan
        step 30m "clang-tidy" python3 tests/lint/tidy.py build/asan
        check asan 25m
        ;;
    plain)
        step 15m "install packages" deploy/install-packages.sh build test
        build dev
        check dev 20m
        ;;
    full)
        step 15m "install packages" deploy/install-packages.sh build test full
        build asan
        step 60m "clang-tidy" python3 tests/lint/tidy.py build/asan --all
        step 20m "await forms" python3 tests/lint/await.py build/asan
        check asan 25m
        build dev
        check dev 20m
        build gcc
        check gcc 25m
        export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
        TSAN_OPTIONS="$TSAN_OPTIONS:external_symbolizer_path=$(command -v llvm-symbolizer-19)"
        export TSAN_OPTIONS
        build tsan
        check tsan 40m
        build fuzz
        step 10h "fuzz targets" ./tests/fuzz.sh build/fuzz 600
        export GRAPHHOOK_FULL=1
        step 4h "long tests" ctest --preset dev --no-tests=error --label-regex long --timeout 10000
        ;;
esac
