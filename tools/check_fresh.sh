#!/bin/bash
# The two commands of the README on a machine that has nothing: an empty Debian 12 (debootstrap,
# minbase) in DIR/root, a clean clone in it, tools/run --once and tools/test inside. As root.
# Package sources, proxy settings and certificates are those of this machine.
#
# usage: tools/check_fresh.sh DIR      DIR/root is made anew, DIR/base kept for the next time
set -u
dir=${1:?usage: tools/check_fresh.sh DIR}
project=$(cd "$(dirname "$0")/.." && pwd) || exit 2

fail() {
    echo "check_fresh: $*" >&2
    exit 2
}

[ "$(id -u)" -eq 0 ] || fail "needs root (chroot)"
"$project/tools/packages.sh" fresh </dev/null || exit 2
git -C "$project" rev-parse -q --verify HEAD >/dev/null || fail "no commit to clone yet"
mkdir -p "$dir" || fail "cannot make $dir"
dir=$(cd "$dir" && pwd)
base=$dir/base
root=$dir/root

# debootstrap wants the mirror's address: the one that apt here would fetch Debian from.
mirror() {
    apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Identifier: Packages' |
        awk '$1 == "bookworm" && $2 == "main" { print $3; exit }'
}

if [ ! -e "$base/.made" ]; then
    rm -rf "$base"
    address=$(mirror)
    [ -n "$address" ] || fail "apt's configuration names no source of bookworm main"
    echo "check_fresh: making an empty Debian 12 in $base"
    debootstrap --variant=minbase bookworm "$base" "$address" >"$dir/debootstrap.log" 2>&1 ||
        { tail -n 5 "$dir/debootstrap.log" >&2; fail "debootstrap failed"; }
    touch "$base/.made"
fi

umount_all() {
    local at
    for at in dev/shm dev proc; do
        if mountpoint -q "$root/$at"; then
            umount "$root/$at" || umount -l "$root/$at"
        fi
    done
}
umount_all
rm -rf --one-file-system "$root" || fail "cannot remove $root"
cp -a "$base" "$root" || fail "cannot copy $base"

# How this machine reaches its package sources, whatever that is.
rm -rf "$root/etc/apt/sources.list" "$root/etc/apt/sources.list.d"
for part in sources.list sources.list.d apt.conf apt.conf.d auth.conf.d keyrings trusted.gpg.d; do
    if [ -e "/etc/apt/$part" ]; then
        mkdir -p "$root/etc/apt"
        cp -rL "/etc/apt/$part" "$root/etc/apt/"
    fi
done
mkdir -p "$root/usr/share/keyrings" "$root/usr/local/share/ca-certificates"
cp -L /usr/share/keyrings/*.gpg "$root/usr/share/keyrings/" 2>/dev/null
cp -rL /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/" 2>/dev/null
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"

git clone -q "$project" "$root/srv/lucid" || fail "git clone failed"
echo "check_fresh: $(git -C "$root/srv/lucid" rev-parse --short HEAD) in $root/srv/lucid," \
    "$(chroot "$root" dpkg-query -W | wc -l) packages installed"

trap umount_all EXIT
trap 'exit 130' INT TERM
mount -t proc proc "$root/proc" || fail "cannot mount /proc"
mount --bind /dev "$root/dev" || fail "cannot bind /dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" || fail "cannot mount /dev/shm"

# A bare environment, but for the settings by which this machine reaches the network.
inside() {
    local network=() name
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
        if [ -n "${!name:-}" ]; then
            network+=("$name=${!name}")
        fi
    done
    env -i HOME=/root LANG=C PATH=/usr/sbin:/usr/bin:/sbin:/bin "${network[@]}" \
        chroot "$root" /bin/bash -c "cd /srv/lucid && $1" </dev/null
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
