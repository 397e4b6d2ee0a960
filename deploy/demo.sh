#!/bin/sh
# Builds graphhook and shows it at work beside graph-emulator, its stand-in for Microsoft Graph, on this machine only.
#
#   deploy/demo.sh          runs until Ctrl-C
#   deploy/demo.sh --once   makes 1,000 changes, waits until all are handled, prints a summary; exit code 0 only if
#                           none was lost
#
# Installs what is missing (root or sudo). The programs are left in build/release/bin/, everything else that the demo
# writes in build/demo/. A second run takes seconds.
set -eu

cd "$(dirname "$0")/.."
case "${1:-}" in
    ''|--once) ;;
    -h|--help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

deploy/install-packages.sh build
echo "==> building graphhook and graph-emulator (release)"
export NINJA_STATUS='    [%f/%t, %es] '
[ -e build/release/build.ninja ] || cmake --preset release --log-level=WARNING
cmake --build --preset release --parallel "$(nproc)" --target graphhook graph-emulator
exec python3 deploy/demo/demo.py build/release/bin build/demo "$@"
