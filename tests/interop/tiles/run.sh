#!/bin/sh
# A tile client on golang.org/x/mod walks a whole log: over HTTP, and as files that were exported
# from the store and from the service. Usage: run.sh BUILD_DIRECTORY. LUCID_TILES_SIZE: entries
# (1400).
# Exits 77 with "SKIP: reason" when go or the package is missing.
set -eu
build=${1:?usage: run.sh BUILD_DIRECTORY}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
"$here/../tlog/run.sh" build "$work/tlogcheck" || exit $?
LUCID_BUILD=$build PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here/../../e2e" \
    python3 "$here/walk.py" "$work/tlogcheck"
