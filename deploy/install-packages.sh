#!/bin/sh
# Installs what is missing of some sections of deploy/packages.txt.
#
#   deploy/install-packages.sh build            to build and run graphhook
#   deploy/install-packages.sh build test       to run the tests too
#   deploy/install-packages.sh --list benchmark only says what is missing (exit code 1 if anything is)
#
# Needs root or sudo, but only when something is missing. Several may run at once: they wait for one
# another. Daemons that come with a package (haproxy, nginx) are installed, not started.
set -eu

list="$(dirname "$0")/packages.txt"

usage() {
    sed -n '2,9s/^# \{0,1\}//p' "$0"
    echo "Sections: $(sed -n 's/^# \([a-z]\{1,\}\)$/\1/p' "$list" | tr '\n' ' ')"
}

only_list=no
case "${1:-}" in
    -h|--help) usage; exit 0 ;;
    --list) only_list=yes; shift ;;
esac
if [ $# -eq 0 ]; then
    usage >&2
    exit 2
fi

# The packages of the named sections, one a line.
packages_of() {
    for section in "$@"; do
        if ! grep -qx "# $section" "$list"; then
            echo "install-packages: no section \"$section\" in $list" >&2
            exit 2
        fi
        awk -v want="$section" '
            /^# [a-z]+$/ { section = $2; next }
            /^#/ || /^[ \t]*$/ { next }
            section == want { print $1 }' "$list"
    done
}

# Those of them that dpkg does not know as installed.
missing_of() {
    for package in $1; do
        state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$state" = installed ] || printf '%s ' "$package"
    done
}

wanted=$(packages_of "$@")
missing=$(missing_of "$wanted")
[ -n "$missing" ] || exit 0
if [ "$only_list" = yes ]; then
    echo "$missing"
    exit 1
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "install-packages: these packages are missing, and there is neither root nor sudo: $missing" >&2
        exit 1
    fi
    as_root=sudo
fi

echo "Installing: $missing"
# apt waits for others at its own lock; "update" needs to be told how long as well.
apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0"

# A Debian habit is to start every daemon on installing it. Nobody asked for those.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '$as_root rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
fi

tries=0
until $apt update; do
    tries=$((tries + 1))
    if [ "$tries" -ge 5 ]; then
        echo "install-packages: apt-get update failed $tries times" >&2
        exit 1
    fi
    sleep 5
done
# shellcheck disable=SC2086  # a list of names
$apt install -y --no-install-recommends $missing
