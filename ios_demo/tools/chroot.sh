#!/bin/sh
# Sets up Debian 13 with its Swift in a folder below the cache, and prints that folder. Once: about a minute and 3 GB.
# As root on Debian, with debootstrap. The mirror is that of this machine's apt.
set -eu

cache="${EDGE_EXPORT_CACHE:-$HOME/.cache/edge_export}/swift"
root="$cache/debian-13"

missing() {
    echo "$1" >&2
    exit 2
}

if [ ! -d "$root" ]; then
    wanted="install Swift 5.9 or newer and put swift on PATH"
    [ -f /etc/debian_version ] && [ "$(uname -s)" = Linux ] || missing "swift is missing: $wanted"
    [ "$(id -u)" = 0 ] || missing "swift is missing: $wanted, or run this as root, which sets up Debian's"
    command -v debootstrap > /dev/null || missing "debootstrap is missing: apt-get install debootstrap, or $wanted"
    command -v unshare > /dev/null || missing "unshare is missing: apt-get install util-linux, or $wanted"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
    [ -n "$mirror" ] || missing "apt has no list of Debian's packages: apt-get update, or $wanted"
    mkdir -p "$cache"
    exec 9> "$cache/lock"
    flock 9
    if [ ! -d "$root" ]; then
        echo "setting up Debian 13 with Swift in $root (once; about a minute)" >&2
        rm -rf --one-file-system "$root.part"
        debootstrap --variant=minbase --include=swiftlang,libc6-dev,libstdc++-14-dev,git,ca-certificates \
            trixie "$root.part" "$mirror" > "$cache/setup.log" 2>&1 \
            || missing "Debian 13 with Swift was not set up: $(tail -n 1 "$cache/setup.log"); the log is $cache/setup.log"
        rm -rf "$root.part"/var/cache/apt/archives/*.deb "$root.part"/var/lib/apt/lists/*
        mkdir -p "$root.part/host"
        mv "$root.part" "$root"
    fi
fi
echo "$root"
