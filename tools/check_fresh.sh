#!/bin/bash
# The two commands of the README on a machine that has nothing: an empty Debian 12 (debootstrap,
# minbase) in DIR/root, what git has (HEAD) in it, tools/run --once and tools/test inside. As root.
# Package sources, proxy settings and certificates are those of this machine.
#
# usage: tools/check_fresh.sh DIR      DIR/root is made anew, DIR/base kept for the next time
set -u
dir=${1:?usage: tools/check_fresh.sh DIR}
project=$(cd "$(dirname "$0")/.." && pwd) || exit 2

. "$project/tools/fresh_root.sh"

[ "$(id -u)" -eq 0 ] || fresh_fail "needs root (chroot)"
"$project/tools/packages.sh" fresh </dev/null || exit 2
# The tree may be somebody else's than root's.
git=(git -c 'safe.directory=*' -C "$project")
head=$("${git[@]}" rev-parse -q --short --verify HEAD) || fresh_fail "no commit to take yet"
mkdir -p "$dir" || fresh_fail "cannot make $dir"
dir=$(cd "$dir" && pwd)
fresh_root "$dir"
clone=$root/srv/lucid
mkdir "$clone" && "${git[@]}" archive "$head" | tar -x --no-same-owner -C "$clone"
[ "${PIPESTATUS[*]}" = "0 0" ] || fresh_fail "git archive failed"
echo "check_fresh: $head in $clone, $(chroot "$root" dpkg-query -W | wc -l) packages installed"

inside() {
    fresh_inside "cd /srv/lucid && $1"
}

passed=0
failed=0
try() {
    echo "check_fresh: $1"
    local begin=$SECONDS
    if inside "$1"; then
        echo "check_fresh: ok: $1 ($((SECONDS - begin)) s)"
        passed=$((passed + 1))
    else
        echo "check_fresh: FAILED: $1 ($((SECONDS - begin)) s)"
        failed=$((failed + 1))
    fi
}
try "./tools/run --once"
try "./tools/run --once" # goes on with the same log
try "./tools/test"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
