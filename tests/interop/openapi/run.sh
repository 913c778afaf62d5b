#!/bin/sh
# http/api/openapi.json against the OpenAPI 3.1 meta-schema, by openapi-spec-validator.
# Usage: run.sh BUILD_DIRECTORY. Exit status 0 valid, 1 not, 77 the validator cannot be had here.
set -eu
build=${1:?usage: run.sh BUILD_DIRECTORY}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
venv=$build/openapi_venv
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    rm -rf "$venv"
    if ! python3 -m venv "$venv" >/dev/null 2>&1; then
        echo "SKIP: no python3-venv"
        exit 77
    fi
    if ! timeout 120 "$venv/bin/pip" install -q --disable-pip-version-check --no-deps \
        -r "$here/requirements.txt"; then
        echo "SKIP: the validator's packages cannot be had (no network?)"
        exit 77
    fi
    cp "$here/requirements.txt" "$venv/"
fi
exec "$venv/bin/python" "$here/validate.py" "$root/http/api/openapi.json"
