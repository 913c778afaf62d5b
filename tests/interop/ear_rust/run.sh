#!/bin/sh
# Attestation results of ours read by Rust's crate `ear`. Usage: run.sh BUILD_DIRECTORY. Exit status
# 0 all as it should be, 1 not, 77 it cannot run here. Versions are pinned by Cargo.lock; the first
# build takes minutes (the crate brings a cryptographic library in C). CARGO names another cargo.
set -eu
build=${1:?usage: run.sh BUILD_DIRECTORY}
build=$(cd "$build" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
cargo=${CARGO:-cargo}
skip() {
    echo "SKIP: $1"
    exit 77
}
command -v "$cargo" >/dev/null 2>&1 || skip "no cargo command"
work=$build/interop_ear_rust
mkdir -p "$work/tokens"
if ! (cd "$here" && timeout 60 "$cargo" fetch --locked >"$work/fetch.log" 2>&1); then
    skip "cargo cannot fetch the crate ear (no network?)"
fi
# Not finished in this time: the next run goes on where this one was.
status=0
(cd "$here" && timeout 240 "$cargo" build --offline --locked --quiet \
    --target-dir "$work/target") >"$work/build.log" 2>&1 || status=$?
case $status in
0) ;;
124) skip "the crate ear is not built within 240 s" ;;
*)
    tail -n 20 "$work/build.log"
    if grep -q "rustc .* is not supported\|requires rustc\|requires the Cargo feature" \
        "$work/build.log"; then
        skip "cargo is too old for the crate ear"
    fi
    exit 1
    ;;
esac
PYTHONDONTWRITEBYTECODE=1 python3 "$here/../ear_tokens.py" "$build" "$work/tokens"
"$work/target/debug/ear_check" "$work/tokens"
