#!/bin/sh
# x402/evm against npm's viem: hashes, recovery, typed data, transactions, call data.
# Usage: run.sh BUILD_DIRECTORY [CASES]. Exit status 0 all agree, 1 not, 77 it cannot run here. What
# npm brings is pinned by package-lock.json and stays in BUILD_DIRECTORY.
set -eu
build=${1:?usage: run.sh BUILD_DIRECTORY [CASES]}
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/interop/npm.sh
. "$here/../npm.sh"
if [ ! -x "$build/tests/interop/viem/evm_pipe" ]; then
    skip "$build has no evm_pipe (built with -Dtests=true)"
fi
work=$build/interop_viem
npm_install "$here" "$work" 120 viem
# Beside node_modules, from where node resolves what it imports.
cp "$here/compare.mjs" "$work/"
node "$work/compare.mjs" "$build/tests/interop/viem/evm_pipe" "${2:-10000}"
