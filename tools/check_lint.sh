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

# What the build names, but for the tests; a file that it does not name fails tools/check_tidy.py.
mapfile -t files < <(python3 - "$build/compile_commands.json" <<'PYTHON'
import json, os, sys
with open(sys.argv[1], encoding="utf-8") as file:
    commands = json.load(file)
names = {os.path.relpath(os.path.join(c["directory"], c["file"])) for c in commands}
print("\n".join(sorted(n for n in names if not n.startswith(("tests/", "build/", "..")))))
PYTHON
)
all=("${files[@]}")
if [ "${1:-}" = --changed ]; then
    mapfile -t files < <({
        git diff --name-only --diff-filter=d "${2:-HEAD}" -- '*.c'
        git ls-files --others --exclude-standard -- '*.c'
    } | sort -u | grep -Fx -f <(printf '%s\n' "${all[@]}"))
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
    --template='{file}:{line}: {severity}: {message} [{id}]' "${all[@]}"; then
    status=1
fi
echo "cppcheck: ${#all[@]} files"
exit $status
