#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Question: a program sets RLIMIT_DATA to 256 MiB and catches std::bad_alloc of a `new` of 400 MiB. An allocator is
#           preloaded. Does the program still come to its handler?
# Guess:    yes, whatever the allocator: operator new has to throw when there is no memory.
# Truth:    with jemalloc and tcmalloc, yes. With mimalloc the program is aborted. Debian's library refers neither to
#           __cxa_throw nor to std::bad_alloc: its operator new has no way to throw.
# Seen with: mimalloc 2.0.9, jemalloc 5.3.0, tcmalloc of gperftools 2.10 (Debian 12).
# For pools: a limit on a worker's memory then ends the worker with SIGABRT, and not only the call with std::bad_alloc.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

unpack libmimalloc2.0=2.0.9+ds-2 libjemalloc2=5.3.0-1 libtcmalloc-minimal4=2.10-1
cat >"$work/limited.cpp" <<'CPP'
#include <sys/resource.h>
#include <cstdio>
#include <new>

int main() {
    const rlimit limit{256u << 20, 256u << 20};
    if (setrlimit(RLIMIT_DATA, &limit) != 0) return 2;
    try {
        char *const memory = new char[400u << 20];
        memory[0] = 1;
        std::puts("memory");
        delete[] memory;
    } catch (const std::bad_alloc &) {
        std::puts("std::bad_alloc");
    }
}
CPP
c++ -o "$work/limited" "$work/limited.cpp"
libraries=$root/usr/lib/x86_64-linux-gnu
# with LIBRARY: what the program prints, or its exit status
with() {
    local status=0 text
    text=$(LD_PRELOAD=${1:+$libraries/$1} timeout 30 "$work/limited" 2>/dev/null) || status=$?
    [[ $status == 0 ]] && echo "$text" || echo "exit status $status"
}
echo "mimalloc 2.0.9, jemalloc 5.3.0, gperftools 2.10"
expect "glibc" "$(with "")" "std::bad_alloc"
expect "jemalloc" "$(with libjemalloc.so.2)" "std::bad_alloc"
expect "tcmalloc" "$(with libtcmalloc_minimal.so.4)" "std::bad_alloc"
expect "mimalloc" "$(with libmimalloc.so.2)" "exit status 134"
