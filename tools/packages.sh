#!/bin/sh
# The one list of Debian packages (docs/decisions/0004-dependencies.md says why each is there).
#
# usage: tools/packages.sh run|test|ci|fresh      installs what is missing
#        tools/packages.sh --list run|test|ci|fresh
#
# Does nothing, and needs neither root nor a network, when everything is there. LUCID_PACKAGES=skip
# trusts that the tools and libraries came some other way.
set -eu

run="gcc libc6-dev meson ninja-build pkg-config python3 ca-certificates
    liblmdb-dev libsodium-dev libevent-dev libjansson-dev libssl-dev libcurl4-openssl-dev
    zlib1g-dev libsecp256k1-dev libhiredis-dev libyaml-dev"
test="libcmocka-dev openssl hledger redis-server nginx"
ci="clang clang-format clang-tidy cppcheck libclang-rt-14-dev llvm jq wrk strace lmdb-utils
    golang-golang-x-mod-dev mandoc caddy python3-venv chromium fonts-dejavu-core
    debhelper dpkg-dev fakeroot lintian systemd"
fresh="debootstrap"

fail() {
    echo "packages: $*" >&2
    exit 1
}

list() {
    case "$1" in
    run) echo "$run" ;;
    test) echo "$run $test" ;;
    ci)
        echo "$run $test $ci"
        # Any go or node will do: the interop checks use only what Debian 12's have.
        command -v go >/dev/null || echo golang-go
        command -v node >/dev/null || echo nodejs
        ;;
    fresh) echo "$fresh" ;;
    *) fail "usage: tools/packages.sh [--list] run|test|ci|fresh" ;;
    esac
}

if [ "${1:-}" = --list ]; then
    list "${2:-}" | tr -s ' \n' '\n' | sed '/^$/d'
    exit 0
fi
wanted=$(list "${1:-}")
if [ "${LUCID_PACKAGES:-}" = skip ]; then
    exit 0
fi

command -v dpkg-query >/dev/null ||
    fail "this is not Debian. Install the like of these and set LUCID_PACKAGES=skip:" $wanted
missing=
for package in $wanted; do
    case "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" in
    installed) ;;
    *) missing="$missing $package" ;;
    esac
done
if [ -z "$missing" ]; then
    exit 0
fi

system=$(. /etc/os-release && echo "${ID:-} ${VERSION_ID:-}")
[ "$system" = "debian 12" ] ||
    fail "made for Debian 12, this is '$system'. Install these and set LUCID_PACKAGES=skip:" \
        "$missing"
[ "$(id -u)" -eq 0 ] ||
    fail "not root. Run as root: apt-get install --no-install-recommends$missing"

echo "packages: installing$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # the packages are words
if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } \
    >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    fail "apt-get failed (above its last lines)"
fi
