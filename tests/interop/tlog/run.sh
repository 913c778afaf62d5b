#!/bin/sh
# Builds tlogcheck with the system's golang.org/x/mod (Debian: golang-golang-x-mod-dev, no network)
# and runs it.
#
#   run.sh dump MMR_DUMP      MMR_DUMP = the built mmr_dump program
#   run.sh server URL         a running service
#   run.sh build OUT          only builds the program, for repeated use
#
# Exits 77 with "SKIP: reason" when go or the package is missing. GO names another go command,
# LUCID_GOPATH another root than /usr/share/gocode, LUCID_GOCACHE a folder that keeps what go has
# compiled (half a minute's worth).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
go=${GO:-go}
root=${LUCID_GOPATH:-/usr/share/gocode}

usage() {
    echo "usage: run.sh dump MMR_DUMP | server URL | build OUT" >&2
    exit 2
}
[ $# -eq 2 ] || usage
case $1 in dump | server | build) ;; *) usage ;; esac
if ! command -v "$go" >/dev/null 2>&1; then
    echo "SKIP: no go command"
    exit 77
fi
if [ ! -f "$root/src/golang.org/x/mod/sumdb/tlog/tlog.go" ]; then
    echo "SKIP: no golang.org/x/mod under $root (Debian: golang-golang-x-mod-dev)"
    exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
# GOPATH mode takes the package as the distribution installed it; nothing is fetched or written
# outside of $work. GOTOOLCHAIN keeps newer go commands from looking for another version.
export GO111MODULE=off GOPATH="$root" GOFLAGS= GOTOOLCHAIN=local GOPROXY=off CGO_ENABLED=0
export GOCACHE="${LUCID_GOCACHE:-$work/cache}"
(cd "$here" && "$go" build -buildvcs=false -o "$work/tlogcheck" .)

case $1 in
build)
    cp "$work/tlogcheck" "$2"
    ;;
dump)
    mkdir "$work/dump"
    "$2" "$work/dump"
    "$work/tlogcheck" check-dump "$work/dump"
    ;;
server)
    "$work/tlogcheck" check-server "$2"
    ;;
esac
