#!/bin/sh
# The payment gate on a real chain with the official x402 client of version 1 (about 600 MB).
# Usage: run.sh BUILD_DIRECTORY. Exit status 0 all as it should be, 1 not, 77 it cannot run here.
# What npm brings is pinned by package-lock.json and stays in BUILD_DIRECTORY; no install script of
# a package is run.
set -eu
build=${1:?usage: run.sh BUILD_DIRECTORY}
here=$(cd "$(dirname "$0")" && pwd)
if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    echo "SKIP: no node and npm"
    exit 77
fi
if [ "$(node -p 'parseInt(process.versions.node)')" -lt 18 ]; then
    echo "SKIP: node is older than 18"
    exit 77
fi
if [ "$(uname -m)" != x86_64 ]; then
    echo "SKIP: the pinned node is for x86_64, this is $(uname -m)"
    exit 77
fi
work=$build/interop_x402_v1
if ! cmp -s "$here/package-lock.json" "$work/installed.json"; then
    rm -rf "$work"
    mkdir -p "$work"
    cp "$here/package.json" "$here/package-lock.json" "$work/"
    if ! (cd "$work" && timeout 240 npm ci --ignore-scripts --no-audit --no-fund \
        --loglevel=error >npm.log 2>&1); then
        echo "SKIP: npm cannot fetch anvil and the x402 client (no network?)"
        exit 77
    fi
    cp "$here/package-lock.json" "$work/installed.json"
fi
cp "$here/client.mjs" "$work/"
anvil=$work/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil
if ! "$anvil" --version >/dev/null 2>&1; then
    echo "SKIP: anvil does not run here"
    exit 77
fi
export LUCID_ANVIL="$anvil" LUCID_BUILD="$build" PYTHONDONTWRITEBYTECODE=1
exec timeout 60 python3 "$here/../x402/buy.py" "$work/client.mjs"
