# SPDX-License-Identifier: MIT
#
# Sourced by the scripts in this folder: an empty folder that goes when the script ends, and packages unpacked
# into it. Nothing is installed on the machine.

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

# Downloads each NAME=VERSION with apt and unpacks it below $root.
unpack() {
    mkdir -p "$work/packages" "$root"
    (cd "$work/packages" && apt-get -qq download "$@" 2>"$work/apt.log") || {
        cat "$work/apt.log" >&2
        echo "apt cannot download these versions here (they are Debian 12's): $*" >&2
        exit 2
    }
    local package
    for package in "$work/packages"/*.deb; do dpkg-deb --extract "$package" "$root"; done
}

# expect WHAT SEEN WANTED: prints both, and ends the script if they differ.
expect() {
    printf '%-60s %s\n' "$1:" "$2"
    [[ $2 == "$3" ]] || { echo "CHANGED: this script was written when it was: $3" >&2; exit 1; }
}
