#!/bin/sh
# The same with the programs: a passport that lucidd has issued, verified by verify.mjs; one that
# sign.mjs has made, verified by `lucid passport verify`. Usage: service.sh BUILD_DIRECTORY WORK
set -eu
build=$(cd "$1" && pwd)
work=$2
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
lucid=$build/tools/lucid
server=
agent=
finish() {
    for pid in $server $agent; do
        if kill -TERM "$pid" 2>/dev/null; then
            wait "$pid" || true
        fi
    done
}
trap finish EXIT
trap 'exit 1' INT TERM

# The address in a program's line "… http://HOST:PORT…"; 10 s at most.
address() {
    for _ in $(seq 100); do
        url=$(sed -n 's|.*\(http://[0-9.:]*[0-9]\).*|\1|p' "$1" | head -n 1)
        [ -z "$url" ] || break
        sleep 0.1
    done
    echo "$url"
}

cd "$work"
"$lucid" log init --data data --origin interop.example --test >init.out
(umask 077 && "$lucid" keygen >worker.key)
"$build/tools/lucid-mock-agent" --key-dir mock --listen 127.0.0.1:0 >agent.out 2>&1 &
agent=$!
agent_url=$(address agent.out)
"$build/lucidd/lucidd" --data data --listen 127.0.0.1:0 --plugins verifier,passport \
    --plugins-dir "$build/plugins" --verifier-allow-mock true --verifier-mock-roots mock/root.pem \
    --passport-allow-mock true \
    --passport-applications "$root/examples/passport/application.yaml" >server.out 2>server.err &
server=$!
LUCID_URL=$(address server.out)
LUCID_TOKEN=$(cat data/admin.token)
export LUCID_URL LUCID_TOKEN
"$lucid" verifier attest -a https://app.example -k worker.key -T mock --agent "$agent_url" \
    --keep evidence.json >attest.out
"$lucid" verifier appraise --session evidence.json --json >appraisal.json
"$lucid" passport issue -a my-app -A appraisal.json -k worker.key >issue.out
"$lucid" passport show my-app --document >issued.json
node -e 'fetch(process.argv[1]).then((answer) => answer.text()).then(console.log)' \
    "$LUCID_URL/.well-known/jwks.json" >issued.jwks.json
node "$here/verify.mjs" issued.json issued.jwks.json

mkdir made
node "$here/sign.mjs" "$root/tests/vectors/attestation/passport/ok.passport.json" made
"$lucid" passport verify -k made/jwks.json -s made/status.jwt made/passport.json
# And nobody who does not know that key believes it.
status=0
"$lucid" passport verify -k issued.jwks.json -s made/status.jwt made/passport.json >unknown.out ||
    status=$?
[ "$status" -eq 4 ]
