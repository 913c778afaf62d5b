#!/bin/sh
# The page of a passport in Debian's Chromium, driven by playwright-core, looked at by axe-core.
# Usage: run.sh BUILD_DIRECTORY. Exit status 0 all as it should be, 1 not, 77 it cannot run here.
# What npm brings is pinned by package-lock.json; the pictures stay in
# BUILD_DIRECTORY/interop_passport_page/screenshots.
set -eu
build=${1:?usage: run.sh BUILD_DIRECTORY}
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/interop/npm.sh
. "$here/../npm.sh"
npm_need
if [ "$(node -p 'parseInt(process.versions.node)')" -lt 20 ]; then
    skip "playwright-core needs node 20, this is $(node --version)"
fi
chromium=$(command -v chromium || true)
if [ -z "$chromium" ]; then
    skip "no chromium (Debian's package of that name)"
fi
work=$build/interop_passport_page
npm_install "$here" "$work" 120 "playwright-core and axe-core"
# Beside node_modules, from where node resolves what it imports.
cp "$here/check.mjs" "$here/conformance.mjs" "$here/live.mjs" "$here/world.mjs" "$work/"
render=$build/tests/interop/passport_page/passport_page_render
cases=$(node "$work/check.mjs" "$render" "$work" "$chromium") || {
    echo "$cases"
    exit 1
}
echo "$cases"
# What a browser finds on the pages for extensions.
node "$work/conformance.mjs" "$chromium" "$here/../../../examples/passport/conformance"
# And a service of ours with passports that it has issued.
LUCID_BUILD=$build PYTHONDONTWRITEBYTECODE=1 python3 "$here/live.py" "$chromium" "$work"
echo "$cases" | tail -n 1
