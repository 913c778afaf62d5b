#!/bin/sh
# Compares jcs_number_format with V8, the engine RFC 8785 takes its number form from.
# Usage: run.sh BUILD_DIRECTORY. Exit status 0 equal, 1 different, 77 no node.
set -eu
build=${1:?usage: run.sh BUILD_DIRECTORY}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
if ! command -v node >/dev/null 2>&1; then
    echo "SKIP: no node"
    exit 77
fi
work=$(mktemp -d "$build/jcs_v8.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
# From source, so that it does not matter whether the build has sanitizers.
"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -I "$root" \
    "$here/numbers.c" "$root/base/jcs/jcs_number_format.c" "$root/base/error.c" \
    -lm -o "$work/numbers"
# A file between the two, so that the status of each counts.
"$work/numbers" >"$work/numbers.csv"
node "$here/compare.js" <"$work/numbers.csv"
