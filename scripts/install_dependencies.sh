#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Installs what the project needs and this machine lacks; installed things are left alone.
#
#     scripts/install_dependencies.sh [build] [test] [examples] [benchmarks] [site] [pictures]     (default: the first four)
#
# On Debian and its relatives it uses apt, as root or through sudo. Elsewhere it prints what is
# needed and succeeds: CMake then fetches Catch2 and Google Benchmark itself when they are missing.
set -euo pipefail

declare -A packages_of=(
    [build]="g++ cmake ninja-build"
    [test]="python3 gdb meson pkg-config spin catch2 libasio-dev libboost-dev libcereal-dev libopenmpi-dev openmpi-bin libmpich-dev mpich
            libtbb-dev libopenblas-dev libglib2.0-dev qtbase5-dev python3-dev libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0"
    [examples]="python3 libcurl4-openssl-dev libpng-dev libjpeg-dev libasio-dev libcereal-dev"
    [site]="python3 python3-sphinx furo python3-myst-parser python3-linkify-it python3-breathe python3-sphinx-copybutton doxygen plantuml"
    [pictures]="chromium"
    [benchmarks]="libbenchmark-dev libtbb-dev libasio-dev libcereal-dev"
)
# Packages that count as there when their program is, whoever installed it.
declare -A program_of=([g++]=g++ [cmake]=cmake [ninja-build]=ninja [python3]=python3 [gdb]=gdb [meson]=meson [pkg-config]=pkg-config [spin]=spin)

say() { printf '%s\n' "install_dependencies: $*" >&2; }
fail() { say "$*"; exit 1; }

version_of() { dpkg-query --show --showformat='${db:Status-Status} ${Version}' "$1" 2>/dev/null || true; }

present() {
    local package=$1 status
    if [[ -n ${program_of[$package]:-} ]]; then
        command -v "${program_of[$package]}" >/dev/null && return 0
    fi
    command -v dpkg-query >/dev/null || return 1
    [[ $package != catch2 || $(version_of libcatch2-dev) != installed\ * ]] || return 0
    status=$(version_of "$package")
    [[ $status == installed\ * ]] || return 1
    [[ $package != catch2 ]] || dpkg --compare-versions "${status#installed }" ge 3
}

as_root() {
    if ((EUID == 0)); then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

apt() {
    local log
    log=$(mktemp)
    if as_root apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1; then
        rm -f "$log"
    else
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
}

# The first apt source that serves suite $1, written again for suite $2: same place, same key.
# Prints "sources" (deb822) or "list" (classic) on the first line, then the entry.
source_for_suite() {
    local release=$1 wanted=$2 file
    for file in /etc/apt/sources.list.d/*.sources; do
        [[ -r $file ]] || continue
        awk -v release="$release" -v wanted="$wanted" '
            BEGIN { RS = ""; FS = "\n" }   # one record per stanza, one field per line
            {
                entry = ""; serves = 0; enabled = 1
                for (i = 1; i <= NF; i++) {
                    line = $i
                    if (line ~ /^#/) continue
                    if (tolower(line) ~ /^suites:/) {
                        count = split(line, words, /[ \t]+/)
                        for (w = 2; w <= count; w++) if (words[w] == release) serves = 1
                        line = "Suites: " wanted
                    } else if (tolower(line) ~ /^types:/) {
                        line = "Types: deb"
                    } else if (tolower(line) ~ /^enabled:[ \t]*(no|false|0)/) {
                        enabled = 0
                    }
                    entry = entry line "\n"
                }
                if (serves && enabled) { printf "sources\n%s", entry; found = 1; exit }
            }
            END { exit !found }' "$file" && return 0
    done
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [[ -r $file ]] || continue
        awk -v release="$release" -v wanted="$wanted" '
            $1 == "deb" {
                suite = 3
                if ($2 ~ /^\[/) { suite = 2; while ($suite !~ /\]$/) suite++; suite += 2 }
                if ($suite == release) { $suite = wanted; print "list"; print; found = 1; exit }
            }
            END { exit !found }' "$file" && return 0
    done
    return 1
}

candidate_is_catch2_3() {
    local candidate
    candidate=$(apt-cache policy catch2 | awk '$1 == "Candidate:" { print $2 }')
    [[ -n $candidate && $candidate != "(none)" ]] && dpkg --compare-versions "$candidate" ge 3
}

backports_have_catch2() { apt-cache madison catch2 | grep -q -- "$1"; }

# Catch2 3 is in Debian from 13 on; Debian 12 has it in its backports. A failure here is no
# failure of the script: CMake fetches Catch2 when it does not find it.
install_catch2() {
    local codename suite entry format file
    if candidate_is_catch2_3; then
        apt install --no-install-recommends catch2
        return
    fi
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
    suite=$codename-backports
    if ! backports_have_catch2 "$suite"; then
        if ! entry=$(source_for_suite "$codename" "$suite"); then
            say "no apt source serves '$codename': leaving Catch2 3 to CMake"
            return
        fi
        format=${entry%%$'\n'*}
        file=/etc/apt/sources.list.d/concurrent-futures-backports.$format
        say "adding the suite $suite ($file)"
        printf '%s\n' "${entry#*$'\n'}" | as_root tee "$file" >/dev/null
        if ! apt update || ! backports_have_catch2 "$suite"; then
            as_root rm -f "$file"
            say "the apt source has no $suite with Catch2: leaving Catch2 3 to CMake"
            return
        fi
    fi
    apt install --no-install-recommends --target-release "$suite" catch2
}

main() {
    local group package missing=()
    local -A seen=()
    (($# > 0)) || set -- build test examples benchmarks
    for group in "$@"; do
        [[ -n ${packages_of[$group]:-} ]] ||
            fail "unknown group '$group': use build, test, examples, benchmarks, site, pictures"
        for package in ${packages_of[$group]}; do
            [[ -z ${seen[$package]:-} ]] || continue
            seen[$package]=1
            present "$package" || missing+=("$package")
        done
    done
    ((${#missing[@]} > 0)) || return 0

    if ! command -v apt-get >/dev/null; then
        say "no apt here: please install what these Debian packages hold, where it is missing:" \
            "${missing[*]}"
        return 0
    fi
    ((EUID == 0)) || command -v sudo >/dev/null ||
        fail "installing ${missing[*]} takes root: run as root, or install sudo"
    ((EUID == 0)) || sudo true ||
        fail "installing ${missing[*]} takes root, and sudo refuses it to $(id -un): run as root, or have them installed"

    say "installing ${missing[*]}"
    apt update || say "apt-get update failed: going on with the package lists that are there"
    local with_apt=() catch2=no
    for package in "${missing[@]}"; do
        if [[ $package == catch2 ]]; then catch2=yes; else with_apt+=("$package"); fi
    done
    ((${#with_apt[@]} == 0)) || apt install --no-install-recommends "${with_apt[@]}" ||
        fail "apt-get could not install ${with_apt[*]}; its message is above"
    [[ $catch2 == no ]] || install_catch2 ||
        say "apt-get could not install Catch2 3: leaving it to CMake"
}

main "$@"
