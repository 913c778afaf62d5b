#!/bin/sh
# Passports verified and signed by a few lines of Node (WebCrypto, no packages), and the other way
# round by plugins/passport.
# Usage: run.sh BUILD_DIRECTORY [CASES]. Exit status 0 all agree, 1 not, 77 it cannot run here.
set -eu
build=${1:?usage: run.sh BUILD_DIRECTORY [CASES]}
here=$(cd "$(dirname "$0")" && pwd)
pipe=$build/tests/interop/passport_node/passport_pipe
vectors=$here/../../vectors/attestation/passport
if ! command -v node >/dev/null 2>&1; then
    echo "SKIP: no node"
    exit 77
fi
if ! node -e 'crypto.subtle.generateKey("Ed25519", true, ["sign"]).catch(() => process.exit(1))'
then
    echo "SKIP: this node's WebCrypto has no Ed25519"
    exit 77
fi
if [ ! -x "$pipe" ]; then
    echo "SKIP: $build has no passport_pipe (built with -Dtests=true)"
    exit 77
fi
node "$here/verify.mjs" "$vectors/ok.passport.json" "$vectors/jwks.json"
work=$(mktemp -d "$build/passport_node.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
"$here/service.sh" "$build" "$work"
node "$here/compare.mjs" "$pipe" "$vectors" "${2:-500}"
