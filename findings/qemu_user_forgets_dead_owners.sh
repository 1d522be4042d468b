#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Question: two processes share a robust mutex, and one ends while it holds it. They run under qemu-user, as in a container
#           built for another processor. What does the other one get when it locks the mutex?
# Guess:    pthread_mutex_init() refuses such a mutex, since qemu-user has no set_robust_list().
# Truth:    it is made without an error, and the end of its owner goes unnoticed: the mutex stays locked. A timed lock
#           ends with ETIMEDOUT, where Linux itself answers EOWNERDEAD.
# Seen with: qemu-user 7.2 (Debian 12) on x86-64, glibc 2.36.
# For pools: what a dead worker held has to be found by other means than a robust mutex, such as its pidfd.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

unpack qemu-user-static=1:7.2+dfsg-7+deb12u18+b3
cat >"$work/owner.c" <<'C'
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(void) {
    pthread_mutex_t *mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    const int refused = pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED) |
                        pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST) | pthread_mutex_init(mutex, &shared);
    if (fork() == 0) {
        pthread_mutex_lock(mutex);
        _exit(0);
    }
    wait(NULL);
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 1;
    const int error = pthread_mutex_timedlock(mutex, &limit);
    printf("%s, then %s\n", refused ? "refused" : "made", strerrorname_np(error));
}
C
cc -o "$work/owner" "$work/owner.c" -pthread
echo "qemu-user $("$root/usr/bin/qemu-x86_64-static" --version | sed -n 's/.*version \([0-9.]*\).*/\1/p')"
expect "robust mutex of an owner that ended, natively" "$("$work/owner")" "made, then EOWNERDEAD"
expect "the same under qemu-user" "$(timeout 60 "$root/usr/bin/qemu-x86_64-static" "$work/owner")" "made, then ETIMEDOUT"
