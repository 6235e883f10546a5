#!/bin/sh
# Sets up Debian 13 with its Swift in a folder below the cache, and prints that folder. Once: a minute or two, and 3 GB.
# As root on Debian, with debootstrap. The mirror is that of this machine's apt.
set -eu

cache="${EDGE_EXPORT_CACHE:-$HOME/.cache/edge_export}/swift"
root="$cache/debian-13"
wanted="install Swift 5.9 or newer and put swift on PATH"

stop() {
    echo "$1" >&2
    exit 2
}

set_up() {
    staged="$cache/.debian-13.part" log="$cache/.debian-13.log"
    echo "setting up Debian 13 with Swift in $root (once; a minute or two)" >&2
    rm -rf --one-file-system "$staged"
    # What debootstrap mounts is in a namespace of its own and ends with it.
    unshare --mount debootstrap --variant=minbase --include=swiftlang,libc6-dev,libstdc++-14-dev,git,ca-certificates \
        trixie "$staged" "$1" > "$log" 2>&1 || stop "Debian 13 with Swift was not set up: $(tail -n 1 "$log"); see $log"
    rm -rf "$staged"/var/cache/apt/archives/*.deb "$staged"/var/lib/apt/lists/*
    mkdir "$staged/host"
    mv "$staged" "$root"
}

if [ ! -d "$root" ]; then
    [ -f /etc/debian_version ] || stop "swift is missing: $wanted"
    [ "$(id -u)" = 0 ] || stop "swift is missing: $wanted, or run this as root, which sets up Debian's"
    for tool in debootstrap unshare flock; do
        command -v "$tool" > /dev/null || stop "swift and $tool are missing: apt-get install $tool, or $wanted"
    done
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
    [ -n "$mirror" ] || stop "apt has no list of Debian's packages: apt-get update, or $wanted"
    mkdir -p "$cache"
    exec 9> "$cache/.debian-13.lock"
    flock 9
    [ -d "$root" ] || set_up "$mirror"
fi
echo "$root"
