#!/bin/sh
# The payment gate on a real chain with the official x402 client of version 1 (about 600 MB).
# Usage: run.sh BUILD_DIRECTORY. Exit status 0 all as it should be, 1 not, 77 it cannot run here.
# What npm brings is pinned by package-lock.json and stays in BUILD_DIRECTORY; no install script of
# a package is run.
set -eu
build=${1:?usage: run.sh BUILD_DIRECTORY}
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/interop/npm.sh
. "$here/../npm.sh"
work=$build/interop_x402_v1
npm_install_anvil "$here" "$work" 240
cp "$here/client.mjs" "$work/"
export LUCID_BUILD="$build" PYTHONDONTWRITEBYTECODE=1
exec timeout 60 python3 "$here/../x402/buy.py" "$work/client.mjs"
