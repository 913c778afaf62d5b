#!/bin/bash
# clang-tidy (.clang-tidy) and cppcheck (tools/cppcheck.txt) over the code. Tests are left to the
# compilers' warnings and the sanitizers.
# usage: tools/check_lint.sh [--changed [BASE]]      default BASE: HEAD
#        --changed: clang-tidy only on C files that differ from BASE, cppcheck on everything
set -u
cd "$(dirname "$0")/.." || exit 2

for tool in clang clang-tidy cppcheck meson; do
    if ! command -v "$tool" >/dev/null; then
        echo "check_lint: $tool is missing (tools/packages.sh ci)" >&2
        exit 2
    fi
done

folders=()
for folder in base mmr ledger gas x402 http migrations plugins lucidd tools bench; do
    if [ -d "$folder" ]; then
        folders+=("$folder")
    fi
done
if [ "${1:-}" = --changed ]; then
    mapfile -t files < <({
        git diff --name-only --diff-filter=d "${2:-HEAD}" -- '*.c'
        git ls-files --others --exclude-standard -- '*.c'
    } | sort -u | grep -v '^\(tests\|examples\)/')
else
    mapfile -t files < <(find "${folders[@]}" -name '*.c' | sort)
fi

# clang-tidy reads the flags of a clang build; nothing is compiled for it.
build=build/lint
log=$(mktemp)
trap 'rm -f "$log"' EXIT
again=
if [ -f "$build/build.ninja" ]; then
    again=--reconfigure
fi
if ! CC=clang meson setup $again "$build" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "check_lint: meson setup $build failed" >&2
    exit 2
fi

status=0
if [ "${#files[@]}" -gt 0 ]; then
    # Its count of suppressed warnings goes to standard error: noise, unless it fails.
    if ! printf '%s\0' "${files[@]}" |
        xargs -0 -n 1 -P 2 clang-tidy -quiet -p "$build" 2>"$log"; then
        grep -v 'warnings\? \(generated\|treated\)' "$log" >&2
        status=1
    fi
fi
echo "clang-tidy: ${#files[@]} files"

if ! cppcheck --enable=warning,performance,portability --inline-suppr --std=c11 \
    --error-exitcode=1 -j2 --quiet -I. --suppressions-list=tools/cppcheck.txt \
    --template='{file}:{line}: {severity}: {message} [{id}]' "${folders[@]}"; then
    status=1
fi
echo "cppcheck: ${folders[*]}"
exit $status
