#!/bin/sh
# COSE receipts judged by npm's @auth0/cose: the vectors, and with URL those of a running service.
# Usage: run.sh BUILD_DIRECTORY [URL]. Exit status 0 all as it should be, 1 not, 77 it cannot run
# here. What npm brings is pinned by package-lock.json and stays in BUILD_DIRECTORY; the optional
# packages (native code of a CBOR library) are left out.
set -eu
build=${1:?usage: run.sh BUILD_DIRECTORY [URL]}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    echo "SKIP: no node and npm"
    exit 77
fi
if [ "$(node -p 'parseInt(process.versions.node)')" -lt 18 ]; then
    echo "SKIP: node is older than 18"
    exit 77
fi
work=$build/interop_cose
if ! cmp -s "$here/package-lock.json" "$work/installed.json"; then
    rm -rf "$work"
    mkdir -p "$work"
    cp "$here/package.json" "$here/package-lock.json" "$work/"
    if ! (cd "$work" && timeout 120 npm ci --omit=optional --ignore-scripts --no-audit --no-fund \
        --loglevel=error >npm.log 2>&1); then
        echo "SKIP: npm cannot fetch @auth0/cose (no network?)"
        exit 77
    fi
    cp "$here/package-lock.json" "$work/installed.json"
fi
# Beside node_modules, from where node resolves what it imports.
cp "$here/check.mjs" "$work/"
node "$work/check.mjs" vectors "$root/tests/vectors/merkle/cose_receipts.json"
if [ $# -gt 1 ]; then
    node "$work/check.mjs" server "$2"
fi
