#!/bin/sh
# Attestation results of ours read by npm's jose, keys taken out of the service's JWK set as it is
# after a rotation. Usage: run.sh BUILD_DIRECTORY. Exit status 0 all as it should be, 1 not, 77 it
# cannot run here. What npm brings is pinned by package-lock.json and stays in BUILD_DIRECTORY.
set -eu
build=${1:?usage: run.sh BUILD_DIRECTORY}
build=$(cd "$build" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/interop/npm.sh
. "$here/../npm.sh"
work=$build/interop_ear_node
npm_install "$here" "$work" 120 jose
mkdir -p "$work/tokens"
PYTHONDONTWRITEBYTECODE=1 python3 "$here/../ear_tokens.py" "$build" "$work/tokens"
# Beside node_modules, from where node resolves what it imports.
cp "$here/read.mjs" "$work/"
node "$work/read.mjs" "$work/tokens"
