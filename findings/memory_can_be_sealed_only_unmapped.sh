#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Question: a process has written into a memfd and wants to pass it on as unchangeable. Is it enough to make its
#           own mapping read-only before it adds F_SEAL_WRITE?
# Guess:    yes. Nobody can write through a read-only mapping.
# Truth:    no. A shared mapping that *could* be made writable again counts as writable. So the seal is refused with
#           EBUSY while the mapping exists, after mprotect(PROT_READ). A private mapping does not count, even a writable one.
# Seen on:  Linux 6.18, x86-64.
# For pools: a sender of shared memory unmaps first, seals, and maps again; the second mapping costs page faults.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

cat >"$work/seal.c" <<'C'
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int memory(void) {
    int fd = memfd_create("example", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 4096)) return -1;
    return fd;
}
static const char *seal(int fd) { return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) ? strerrorname_np(errno) : "sealed"; }

int main(void) {
    int fd = memory();
    void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    printf("%s\n", seal(fd));
    mprotect(shared, 4096, PROT_READ);
    printf("%s\n", seal(fd));
    munmap(shared, 4096);
    printf("%s\n", seal(fd));

    fd = memory();
    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    printf("%s\n", seal(fd));
}
C
cc -o "$work/seal" "$work/seal.c"
mapfile -t seen < <("$work/seal")
echo "kernel $(uname -r | cut -d. -f1,2)"
expect "mapped shared and writable" "${seen[0]}" EBUSY
expect "the same mapping after mprotect(PROT_READ)" "${seen[1]}" EBUSY
expect "after munmap" "${seen[2]}" sealed
expect "mapped private and writable" "${seen[3]}" sealed
