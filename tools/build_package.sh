#!/bin/bash
# Builds the Debian package of what git has (HEAD) in a copy, so that the source tree stays clean.
#
# usage: tools/build_package.sh DIR      the packages and the build log go to DIR
set -euo pipefail
dir=${1:?usage: tools/build_package.sh DIR}
project=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
rm -rf "$dir/source" "$dir"/lucid-ledger*_*
mkdir "$dir/source"
# The tree may be somebody else's where this is root's to do.
git -c safe.directory='*' -C "$project" archive HEAD | tar -x -C "$dir/source"
cd "$dir/source"
if ! dpkg-buildpackage -us -uc -b >"$dir/build.log" 2>&1; then
    tail -n 30 "$dir/build.log" >&2
    echo "build_package: failed; all of it: $dir/build.log" >&2
    exit 1
fi
rm -rf "$dir/source"
ls "$dir"/*.deb
