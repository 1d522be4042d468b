#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Question: a hardened system has set vm.memfd_noexec to 2. A program that knows nothing of it calls memfd_create() with the
#           flags that it always had. What does it get?
# Guess:    EACCES, since the documentation of that setting says that calls without MFD_NOEXEC_SEAL are refused.
# Truth:    a memfd. The kernel adds MFD_NOEXEC_SEAL itself, so the file is not executable, and it can be sealed although
#           nobody asked for that: F_GET_SEALS says F_SEAL_EXEC where it said F_SEAL_SEAL. Only MFD_EXEC is refused.
# Seen on:  Linux 6.18, x86-64. Needs root, for a PID namespace of its own: the setting belongs to that.
# For pools: shared memory needs no other way on such a system. Code that compares F_GET_SEALS with what it has set, instead
#           of looking for the seals that it needs, takes a good file for a bad one.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

[[ $(id -u) == 0 && -e /proc/sys/vm/memfd_noexec ]] || { echo "this needs root, and Linux 6.3 or later" >&2; exit 2; }
cat >"$work/file.c" <<'C'
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { noexec_seal = 8, exec = 16, seal_exec = 0x20 }; /* MFD_NOEXEC_SEAL, MFD_EXEC and F_SEAL_EXEC of newer headers */

static void show(unsigned flags) {
    const int fd = memfd_create("example", flags);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0) { puts(strerrorname_np(errno)); return; }
    const int seals = fcntl(fd, F_GET_SEALS);
    printf("made, %s, %s%s\n", about.st_mode & 0111 ? "executable" : "not executable",
           seals & F_SEAL_SEAL ? "F_SEAL_SEAL" : "", seals & seal_exec ? "F_SEAL_EXEC" : "");
}
int main(void) { show(MFD_CLOEXEC), show(MFD_CLOEXEC | noexec_seal), show(MFD_CLOEXEC | exec); }
C
cc -o "$work/file" "$work/file.c"
# with POLICY: three lines
with() {
    unshare --pid --fork --mount-proc sh -c "echo $1 >/proc/sys/vm/memfd_noexec && exec '$work/file'"
}
echo "kernel $(uname -r | cut -d. -f1,2)"
mapfile -t seen < <(with 0)
expect "policy 0, no flag" "${seen[0]}" "made, executable, F_SEAL_SEAL"
mapfile -t seen < <(with 2)
expect "policy 2, no flag" "${seen[0]}" "made, not executable, F_SEAL_EXEC"
expect "policy 2, MFD_NOEXEC_SEAL" "${seen[1]}" "made, not executable, F_SEAL_EXEC"
expect "policy 2, MFD_EXEC" "${seen[2]}" EACCES
