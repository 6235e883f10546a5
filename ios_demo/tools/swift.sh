#!/bin/sh
# Runs swift with the given arguments in the folder ios_demo: the one on PATH, else Debian 13's, which chroot.sh sets up.
#
#     PYTHON=PATH tools/swift.sh test --package-path EdgeFamily
#
# In there the repository and /tmp have their own paths, and EDGE_HOST_ENGINE starts this machine's Python.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd -P)
engine="$PYTHON $here/tools/host_engine.py"
if command -v swift > /dev/null; then
    cd "$here"
    exec env EDGE_HOST_ENGINE="$engine" swift "$@"
fi

root=$("$here/tools/chroot.sh")
# The mounts are in a namespace of their own and end with it.
exec unshare --mount sh -eu -c '
    root=$1 repository=$2 engine=$3
    shift 3
    mount --rbind / "$root/host"
    mount --rbind /proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount --bind /tmp "$root/tmp"
    mkdir -p "$root$repository"
    mount --bind "$repository" "$root$repository"
    exec chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
        EDGE_HOST_ENGINE="chroot /host $engine" sh -eu -c "cd \"\$1\" && shift && exec swift \"\$@\"" \
        swift "$repository/ios_demo" "$@"
' sh "$root" "$(dirname "$here")" "$engine" "$@"
