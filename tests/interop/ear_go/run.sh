#!/bin/sh
# Attestation results of ours read by Go's github.com/veraison/ear. Usage: run.sh BUILD_DIRECTORY.
# Exit status 0 all as it should be, 1 not, 77 it cannot run here. Versions are pinned by go.mod and
# go.sum. GO names another go command.
set -eu
build=${1:?usage: run.sh BUILD_DIRECTORY}
build=$(cd "$build" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
go=${GO:-go}
command -v "$go" >/dev/null 2>&1 || go=/usr/local/go/bin/go
skip() {
    echo "SKIP: $1"
    exit 77
}
command -v "$go" >/dev/null 2>&1 || skip "no go command"
minor=$(GOTOOLCHAIN=local "$go" env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
[ "${minor:-0}" -ge 23 ] || skip "go is older than 1.23, which github.com/veraison/ear asks for"
work=$build/interop_ear_go
mkdir -p "$work/tokens"
export GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0
if ! (cd "$here" && timeout 120 "$go" mod download >"$work/download.log" 2>&1); then
    skip "go cannot fetch github.com/veraison/ear (no network?)"
fi
(cd "$here" && "$go" build -buildvcs=false -o "$work/earcheck" .)
PYTHONDONTWRITEBYTECODE=1 python3 "$here/../ear_tokens.py" "$build" "$work/tokens"
"$work/earcheck" "$work/tokens"
