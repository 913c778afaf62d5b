#!/bin/sh
# The payment gate on a real chain: anvil, the official client of x402 version 2, plain transfers,
# `lucid pay`; a server of the official kit that settles through us; then the
# end-to-end scripts of the gate, with anvil instead of the stand-in.
# Usage: run.sh BUILD_DIRECTORY. Exit status 0 all as it should be, 1 not, 77 it cannot run here.
# What npm brings is pinned by package-lock.json and stays in BUILD_DIRECTORY; no install script of
# a package is run.
set -eu
build=${1:?usage: run.sh BUILD_DIRECTORY}
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/interop/npm.sh
. "$here/../npm.sh"
work=$build/interop_x402
npm_install_anvil "$here" "$work" 120
cp "$here/client.mjs" "$here/server.mjs" "$work/"
export LUCID_BUILD="$build" PYTHONDONTWRITEBYTECODE=1
status=0
# One name after the other: what a script prints must show which one it was.
for script in x402/parity.py x402/buy.py x402/sell.py ../e2e/32_gate.py ../e2e/35_reorg.py \
    ../e2e/44_facilitate.py; do
    echo "== $(basename "$script")"
    more=
    [ "$script" = x402/buy.py ] && more="$work/client.mjs --ours"
    [ "$script" = x402/sell.py ] && more="$work/server.mjs $work/client.mjs"
    # shellcheck disable=SC2086 # the arguments are words
    timeout 120 python3 "$here/../$script" $more || status=1
done
exit $status
