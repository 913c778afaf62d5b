#!/bin/sh
# Sets up a build directory if there is none, and builds it; quiet unless it fails.
# usage: [CC=…] tools/build.sh DIR [MESON SETUP OPTIONS]
set -eu
dir=${1:?usage: tools/build.sh DIR [MESON SETUP OPTIONS]}
shift
case "$dir" in
/*) ;;
*) dir=$PWD/$dir ;;
esac
cd "$(dirname "$0")/.."

mkdir -p "$dir"
log=$dir/build.log
again=
if [ -f "$dir/build.ninja" ]; then
    again=--reconfigure
fi
if ! meson setup $again "$dir" "$@" >"$log" 2>&1 || ! ninja -C "$dir" >>"$log" 2>&1; then
    grep -E 'error|ERROR|warning:|FAILED' "$log" | head -n 40 >&2 || true
    tail -n 20 "$log" >&2
    echo "build: $dir failed; all of it: $log" >&2
    exit 1
fi
