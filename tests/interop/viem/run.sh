#!/bin/sh
# x402/evm against npm's viem: hashes, recovery, typed data, transactions, call data.
# Usage: run.sh BUILD_DIRECTORY [CASES]. Exit status 0 all agree, 1 not, 77 it cannot run here. What
# npm brings is pinned by package-lock.json and stays in BUILD_DIRECTORY.
set -eu
build=${1:?usage: run.sh BUILD_DIRECTORY [CASES]}
here=$(cd "$(dirname "$0")" && pwd)
if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    echo "SKIP: no node and npm"
    exit 77
fi
if [ "$(node -p 'parseInt(process.versions.node)')" -lt 18 ]; then
    echo "SKIP: node is older than 18"
    exit 77
fi
if [ ! -x "$build/tests/interop/viem/evm_pipe" ]; then
    echo "SKIP: $build has no evm_pipe (built with -Dtests=true)"
    exit 77
fi
work=$build/interop_viem
if ! cmp -s "$here/package-lock.json" "$work/installed.json"; then
    rm -rf "$work"
    mkdir -p "$work"
    cp "$here/package.json" "$here/package-lock.json" "$work/"
    if ! (cd "$work" && timeout 120 npm ci --ignore-scripts --no-audit --no-fund \
        --loglevel=error >npm.log 2>&1); then
        echo "SKIP: npm cannot fetch viem (no network?)"
        exit 77
    fi
    cp "$here/package-lock.json" "$work/installed.json"
fi
# Beside node_modules, from where node resolves what it imports.
cp "$here/compare.mjs" "$work/"
node "$work/compare.mjs" "$build/tests/interop/viem/evm_pipe" "${2:-10000}"
