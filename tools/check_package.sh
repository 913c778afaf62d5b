#!/bin/bash
# The Debian package of HEAD: built, judged, installed in an empty Debian 12 and run there;
# upgraded, removed, purged. As root, for the chroot.
#
# usage: tools/check_package.sh DIR      DIR/root is made anew, DIR/base kept for the next time
set -u
dir=${1:?usage: tools/check_package.sh DIR}
project=$(cd "$(dirname "$0")/.." && pwd) || exit 2
. "$project/tools/fresh_root.sh"

[ "$(id -u)" -eq 0 ] || fresh_fail "needs root (chroot)"
command -v debootstrap >/dev/null || fresh_fail "needs debootstrap (tools/packages.sh fresh)"
mkdir -p "$dir" || fresh_fail "cannot make $dir"
dir=$(cd "$dir" && pwd)
passed=0
failed=0

# try NAME COMMAND…: one check; what it says is shown only when it fails.
try() {
    local name=$1
    shift
    if "$@" >"$dir/said" 2>&1; then
        echo "ok $name"
        passed=$((passed + 1))
    else
        echo "FAILED $name"
        tail -n 20 "$dir/said"
        failed=$((failed + 1))
    fi
}

inside() {
    fresh_inside "set -eu; export DEBIAN_FRONTEND=noninteractive; $1"
}

# --- built and judged -------------------------------------------------------------------------

try "built" "$project/tools/build_package.sh" "$dir/deb"
deb=$(ls "$dir"/deb/lucid-ledger_*.deb 2>/dev/null)
[ -n "$deb" ] || { echo "$passed passed, $failed failed"; exit 1; }
try "lintian has nothing to say" lintian --allow-root --pedantic --fail-on warning,pedantic,error \
    "$dir"/deb/*.changes

fresh_root "$dir"
cp "$deb" "$root/srv/new.deb"
install_new() {
    inside "apt-get update && apt-get install -y --no-install-recommends /srv/new.deb"
}
try "installs" install_new

# As this machine's systemd sees them, which has the targets that an empty root lacks.
verify_units() {
    local unit
    rm -rf "$dir/units" && mkdir "$dir/units" || return 1
    for unit in lucidd.service lucid-witness.service lucid-verifier-fetch@.service \
        lucid-verifier-fetch@.timer; do
        sed "s#=/usr/\\(s\\?bin\\)/#=$root/usr/\\1/#" "$root/lib/systemd/system/$unit" \
            >"$dir/units/$unit"
    done
    systemd-analyze verify --man=no "$dir"/units/* || return 1
    [ ! -s "$dir/said" ]
}
try "systemd-analyze verify takes the units" verify_units
security_of() {
    systemd-analyze security --offline=true --threshold=15 --no-pager \
        "$root/lib/systemd/system/$1"
}
for unit in lucidd.service lucid-witness.service lucid-verifier-fetch@.service; do
    try "systemd-analyze security: $unit at most 1.5" security_of "$unit"
    grep 'Overall exposure' "$dir/said" | sed 's/^[^O]*/    /'
done

# --- without a log ----------------------------------------------------------------------------

owned() {
    inside "test \"\$(stat -c '%U %a' $1)\" = '$2'"
}
try "its user owns its directory" owned /var/lib/lucid "lucid 750"
try "the witness's user owns its directory" owned /var/lib/lucid-witness "lucid-witness 700"
try "the service is enabled, the witness and the timer are not" inside "
    test -e /etc/systemd/system/multi-user.target.wants/lucidd.service
    test ! -e /etc/systemd/system/multi-user.target.wants/lucid-witness.service
    ! ls /etc/systemd/system/timers.target.wants | grep lucid"
try "the packaged configuration is good" inside \
    "lucidd --config /etc/lucid/lucidd.conf --check | grep -q 'configuration ok'"
refuses() {
    inside "runuser -u lucid -- lucidd --config /etc/lucid/lucidd.conf"
    [ $? -eq 2 ]
}
try "no log: the service refuses with 2" refuses
try "completion and pages are where they are looked for" inside "
    test -e /usr/share/man/man8/lucidd.8.gz
    . /usr/share/bash-completion/completions/lucid
    complete -p lucid lucidd lucid-witness lucid-mock-agent
    test -e /usr/share/bash-completion/completions/lucidd"

try "the header, its pkg-config file and the plugins are there" inside "
    test -e /usr/include/lucid/plugin.h
    pc=\$(ls /usr/lib/*/pkgconfig/lucid-plugin.pc)
    test -e \$(sed -n 's/^plugindir *= *//p' \$pc)/verifier.so
    test -e \$(sed -n 's/^plugindir *= *//p' \$pc)/passport.so
    lucidd --config /etc/lucid/lucidd.conf --plugins verifier,passport --check |
        grep -q 'configuration ok'"

# --- with a log -------------------------------------------------------------------------------

# A life: starts the service as its unit does, submits, proves, stops. $1: receipts before.
cat >"$root/srv/life" <<'LIFE'
set -eu
cd /tmp
as="setpriv --reuid=lucid --regid=lucid --init-groups --"
exec_start=$(sed -n 's/^ExecStart=//p' /lib/systemd/system/lucidd.service)
rm -f /tmp/out # of the start before: its port would be read for this one's
$as $exec_start --listen 127.0.0.1:0 >/tmp/out 2>/tmp/err &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
for i in $(seq 100); do
    LUCID_URL=$(sed -n 's/^listening on \(http:.*\)$/\1/p' /tmp/out 2>/dev/null || true)
    [ -z "$LUCID_URL" ] || break
    kill -0 $server
    sleep 0.1
done
export LUCID_URL
data=/var/lib/lucid/log
test -e /var/lib/lucid/key || $as sh -c "umask 077; lucid keygen >/var/lib/lucid/key"
signer=$(grep -oE '[0-9a-f]{128}' /var/lib/lucid/key | tail -c 65)
lucid() {
    $as env LUCID_URL="$LUCID_URL" lucid "$@"
}
lucid signer register "$signer" --name package --data $data
lucid receipt submit --key-file /var/lib/lucid/key --journal /tmp/journal --json \
    /usr/share/doc/lucid-ledger/examples/receipts.ndjson >/tmp/answers
hash=$(grep -oE '"receipt_hash": ?"[0-9a-f]{64}"' /tmp/answers | head -n 1 |
    grep -oE '[0-9a-f]{64}')
lucid receipt proof "$hash" --data $data -o /tmp/proof
LUCID_URL=http://127.0.0.1:1 lucid verify /tmp/proof --vkey-file $data/vkey
lucid log info --json | tr -d ' \n' | grep -q "\"size\":$(($1 + 250))"
test "$(stat -c %U $data/store/data.mdb)" = lucid
kill -TERM $server
wait $server
LIFE
try "log init as the service's user" inside "
    cd /
    runuser -u lucid -- \
        lucid log init --data /var/lib/lucid/log --origin package.example/log"
try "starts, takes 250 receipts, proves one offline, stops" inside "bash /srv/life 0"

# --- plugins ----------------------------------------------------------------------------------

# The same with both plugins, on a log of its own: what the unit starts, settings from the
# environment. $1: `first` appraises mock evidence and issues a passport of it; then, and later,
# what is on the log verifies, replays and is found whole, without the service too.
cat >"$root/srv/passports" <<'LIFE'
set -eu
cd /tmp
home=/var/lib/lucid
as="setpriv --reuid=lucid --regid=lucid --init-groups --"
agent= server=
trap 'kill $agent $server 2>/dev/null || true' EXIT
until_says() {
    for i in $(seq 100); do
        url=$(sed -n 's/^listening on \(http:.*\)$/\1/p' "$1" 2>/dev/null || true)
        [ -z "$url" ] || return 0
        sleep 0.1
    done
    cat "$1" "${1%.out}.err"
    return 1
}
rm -f agent.out server.out
$as lucid-mock-agent --key-dir $home/mock --listen 127.0.0.1:0 >agent.out 2>agent.err &
agent=$!
until_says agent.out
agent_url=$url
applications=/usr/share/doc/lucid-ledger/examples/passport/application.yaml
$as env LUCID_PLUGINS=verifier,passport LUCID_VERIFIER_ALLOW_MOCK=true \
    LUCID_VERIFIER_MOCK_ROOTS=$home/mock/root.pem LUCID_PASSPORT_ALLOW_MOCK=true \
    LUCID_PASSPORT_APPLICATIONS=$applications \
    $(sed -n 's/^ExecStart=//p' /lib/systemd/system/lucidd.service) --data $home/passports \
    --listen 127.0.0.1:0 >server.out 2>server.err &
server=$!
until_says server.out
export LUCID_URL=$url
lucid() {
    $as env HOME=$home lucid "$@"
}
admin="--data $home/passports"
if [ "$1" = first ]; then
    lucid plugin list | grep -q "^passport "
    lucid verifier attest $admin -a https://app.example -k $home/key -T mock --agent $agent_url \
        --keep $home/evidence.json
    lucid verifier appraise $admin --session $home/evidence.json --json >appraisal.json
    lucid passport issue $admin -a my-app -A appraisal.json -k $home/key
fi
lucid passport open $admin my-app | grep "^$LUCID_URL/passport/"
lucid passport show $admin my-app --bundle >package.json
appraisal=$(lucid verifier list $admin --json | grep -oE '"appraisalId": ?"[0-9a-f]{64}"' |
    grep -oE '[0-9a-f]{64}' | head -n 1)
lucid verifier replay $admin $appraisal
for i in $(seq 100); do # until a head covers it
    lucid verifier bundle $admin $appraisal >bundle.json
    grep -q '"proof": *{' bundle.json && break
    sleep 0.1
done
keys=$(lucid plugin list --json | grep -oE '"key": ?"[0-9a-f]{64}"' | grep -oE '[0-9a-f]{64}')
kill -TERM $server
wait $server
export LUCID_URL=http://127.0.0.1:1
set -- $keys
lucid passport verify -k $2 -k $1 -f $home/passports/vkey -m package.json
lucid verifier replay -k $1 --vkey-file $home/passports/vkey --require-logged bundle.json
lucid verifier explain bundle.json | grep -qi mock
lucid log fsck --plugins verifier,passport $admin
rm -rf $home/copy $home/copied
lucid log backup --plugins verifier,passport $admin --to $home/copy
lucid log restore $home/copy --plugins verifier,passport --data $home/copied
rm -rf $home/copy $home/copied
LIFE
try "log init for passports" inside "
    cd /
    runuser -u lucid -- \
        lucid log init --data /var/lib/lucid/passports --origin package.example/passports"
try "both plugins: attested, appraised, issued, opened, verified, replayed; backed up" \
    inside "bash /srv/passports first"

# --- the witness ------------------------------------------------------------------------------

try "a witness is made, starts and stops" inside '
    cd /var/lib/lucid-witness
    as="setpriv --reuid=lucid-witness --regid=lucid-witness --init-groups --"
    $as lucid-witness --init package.example/w1 --key witness.key --state state
    cat /var/lib/lucid/log/vkey >/etc/lucid/witness.logs
    LISTEN=127.0.0.1:0
    start=$(sed -n "s/^ExecStart=//p" /lib/systemd/system/lucid-witness.service)
    $as ${start%% --listen*} --listen $LISTEN >/tmp/witness 2>&1 &
    for i in $(seq 100); do grep -q listening /tmp/witness && break; sleep 0.1; done
    grep -q listening /tmp/witness
    kill -TERM $!
    wait $!'

# --- upgrade, removal, purge ------------------------------------------------------------------

newer() {
    rm -rf "$dir/newer"
    dpkg-deb -R "$deb" "$dir/newer" &&
        sed -i 's/^Version: .*/&+next/' "$dir/newer/DEBIAN/control" &&
        echo '# a line of a later version' >>"$dir/newer/etc/lucid/lucidd.conf" &&
        dpkg-deb --root-owner-group -b "$dir/newer" "$root/srv/newer.deb" &&
        inside "echo 'queue_max = 4096' >>/etc/lucid/lucidd.conf
            dpkg --force-confold -i /srv/newer.deb
            grep -q '^queue_max = 4096' /etc/lucid/lucidd.conf
            dpkg-query -W -f '\${Version}' lucid-ledger | grep -q next"
}
try "upgrades and keeps a changed configuration" newer
try "the log goes on after the upgrade" inside "bash /srv/life 250"
try "passport and appraisal hold after the upgrade" inside "bash /srv/passports again"
try "removed: configuration and log stay" inside "
    apt-get remove -y lucid-ledger
    test ! -e /usr/sbin/lucidd
    test -e /etc/lucid/lucidd.conf
    test -e /var/lib/lucid/log/vkey"
try "purged: configuration goes, the log stays" inside "
    rm /etc/lucid/witness.logs
    apt-get purge -y lucid-ledger
    test ! -e /etc/lucid
    test -e /var/lib/lucid/log/log.key"
try "installed again: the log goes on" inside "dpkg -i /srv/new.deb && bash /srv/life 500"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
