# An empty Debian 12 (debootstrap, minbase) in DIR/root, for the checks that need one; sourced by
# them. DIR/base is made once and kept. Package sources, proxy settings and certificates are those
# of this machine. As root.
# shellcheck shell=bash

fresh_fail() {
    echo "${0##*/}: $*" >&2
    exit 2
}

# debootstrap wants the mirror's address: the one that apt here would fetch Debian from.
fresh_mirror() {
    apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Identifier: Packages' |
        awk '$1 == "bookworm" && $2 == "main" { print $3; exit }'
}

fresh_umount() {
    local at
    for at in dev/shm dev/pts dev proc; do
        if mountpoint -q "$root/$at"; then
            umount "$root/$at" 2>/dev/null || umount -l "$root/$at"
        fi
    done
}

# Makes $root anew in the directory given and mounts what programs need; unmounted at exit.
fresh_root() {
    local base=$1/base address part
    root=$1/root
    [ "$(id -u)" -eq 0 ] || fresh_fail "needs root (chroot)"
    if [ ! -e "$base/.made" ]; then
        rm -rf "$base"
        address=$(fresh_mirror)
        [ -n "$address" ] || fresh_fail "apt's configuration names no source of bookworm main"
        echo "${0##*/}: making an empty Debian 12 in $base"
        debootstrap --variant=minbase bookworm "$base" "$address" >"$1/debootstrap.log" 2>&1 ||
            { tail -n 5 "$1/debootstrap.log" >&2; fresh_fail "debootstrap failed"; }
        touch "$base/.made"
    fi
    fresh_umount
    rm -rf --one-file-system "$root" || fresh_fail "cannot remove $root"
    cp -a "$base" "$root" || fresh_fail "cannot copy $base"

    # How this machine reaches its package sources, whatever that is.
    rm -rf "$root/etc/apt/sources.list" "$root/etc/apt/sources.list.d"
    for part in sources.list sources.list.d apt.conf apt.conf.d auth.conf.d keyrings \
        trusted.gpg.d; do
        if [ -e "/etc/apt/$part" ]; then
            mkdir -p "$root/etc/apt"
            cp -rL "/etc/apt/$part" "$root/etc/apt/"
        fi
    done
    mkdir -p "$root/usr/share/keyrings" "$root/usr/local/share/ca-certificates"
    cp -L /usr/share/keyrings/*.gpg "$root/usr/share/keyrings/" 2>/dev/null
    cp -rL /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/" 2>/dev/null
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/"

    trap fresh_umount EXIT
    trap 'exit 130' INT TERM
    mount -t proc proc "$root/proc" || fresh_fail "cannot mount /proc"
    # Private: else what is mounted in it would be mounted in this machine's /dev as well.
    mount --bind /dev "$root/dev" && mount --make-private "$root/dev" ||
        fresh_fail "cannot bind /dev"
    mount --bind /dev/pts "$root/dev/pts" || fresh_fail "cannot bind /dev/pts"
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm" || fresh_fail "cannot mount /dev/shm"
}

# A bare environment, but for the settings by which this machine reaches the network. An hour at
# most.
fresh_inside() {
    local network=() name
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
        if [ -n "${!name:-}" ]; then
            network+=("$name=${!name}")
        fi
    done
    env -i HOME=/root LANG=C PATH=/usr/sbin:/usr/bin:/sbin:/bin "${network[@]}" \
        timeout --kill-after=60 3600 chroot "$root" /bin/bash -c "$1" </dev/null
}
