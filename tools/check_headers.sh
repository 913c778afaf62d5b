#!/bin/sh
# Header self-sufficiency: each header compiles alone, and a second time after itself, under gcc and
# clang. usage: tools/check_headers.sh
set -eu
cd "$(dirname "$0")/.."

for tool in gcc clang pkg-config; do
    if ! command -v "$tool" >/dev/null; then
        echo "check_headers: $tool is missing (tools/packages.sh ci)" >&2
        exit 2
    fi
done
flags="-std=gnu11 -D_GNU_SOURCE -I. -Iplugins/include -Wall -Werror -fsyntax-only"
flags="$flags $(pkg-config --cflags libcrypto libsodium lmdb libevent_core libcurl jansson cmocka \
    libsecp256k1 hiredis)"

headers=$(find . \( -path './build*' -o -path ./.git -o -name node_modules \) -prune -o \
    -name '*.h' -print | sed 's|^\./||' | sort)
failed=0
count=0
for header in $headers; do
    count=$((count + 1))
    for compiler in gcc clang; do
        # shellcheck disable=SC2086 # the flags are words
        if ! printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
            "$compiler" $flags -x c -; then
            echo "check_headers: $header is not self-sufficient under $compiler" >&2
            failed=$((failed + 1))
        fi
    done
done
echo "headers: $count headers, $failed failures"
[ "$failed" -eq 0 ] && [ "$count" -gt 0 ]
