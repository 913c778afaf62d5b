#!/bin/sh
# Every C file is as clang-format 14 writes it with .clang-format.
# usage: tools/check_format.sh [--fix]
set -eu
cd "$(dirname "$0")/.."

formatter=clang-format-14
if ! command -v "$formatter" >/dev/null; then
    formatter=clang-format
fi
if ! "$formatter" --version 2>/dev/null | grep -q 'version 14\.'; then
    echo "check_format: clang-format 14 is missing (tools/packages.sh ci)" >&2
    exit 2
fi
mode="--dry-run -Werror"
if [ "${1:-}" = --fix ]; then
    mode=-i
fi
# Generated tables keep the form that their generator gives them.
files=$(find . \( -path './build*' -o -path ./.git -o -name node_modules \) -prune -o \
    \( -name '*.c' -o -name '*.h' \) -not -name '*_table_internal.h' -print | sort)
count=$(printf '%s\n' "$files" | wc -l)
# shellcheck disable=SC2086 # the mode is words
if printf '%s\n' "$files" | xargs "$formatter" $mode; then
    echo "format: $count files ok"
else
    echo "format: not as clang-format writes it; tools/check_format.sh --fix" >&2
    exit 1
fi
