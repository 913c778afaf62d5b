#!/bin/sh
# COSE receipts judged by npm's @auth0/cose: the vectors, and with URL those of a running service.
# Usage: run.sh BUILD_DIRECTORY [URL]. Exit status 0 all as it should be, 1 not, 77 it cannot run
# here. What npm brings is pinned by package-lock.json and stays in BUILD_DIRECTORY; the optional
# packages (native code of a CBOR library) are left out.
set -eu
build=${1:?usage: run.sh BUILD_DIRECTORY [URL]}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
# shellcheck source=tests/interop/npm.sh
. "$here/../npm.sh"
work=$build/interop_cose
npm_install "$here" "$work" 120 @auth0/cose --omit=optional
# Beside node_modules, from where node resolves what it imports.
cp "$here/check.mjs" "$work/"
node "$work/check.mjs" vectors "$root/tests/vectors/merkle/cose_receipts.json"
if [ $# -gt 1 ]; then
    node "$work/check.mjs" server "$2"
fi
