#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Question: how many small messages does the kernel hold between two processes before the sender has to wait?
# Guess:    as many as their bytes allow: 31 messages of 2049 bytes in a pipe of 64 KiB; tens of thousands of one
#           byte in a stream socket with its 208 KiB.
# Truth:    a pipe holds 16 messages of 2049 bytes, half of its capacity: a message that does not fit into the rest of
#           the last page begins a new one. A Unix stream socket holds 278 messages of one byte, although it is a stream: each
#           send keeps the buffer it came in, and the buffers are what is counted.
# Seen on:  Linux 6.18, x86-64, default sizes. The 278 depends on the size of the kernel's buffers; "hundreds" does not.
# For pools: what is sent in many small writes fills the channel early. Batches of a page or more use all of it.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

cat >"$work/fill.c" <<'C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static char message[4096];
static int held(int fd, size_t size) {
    int count = 0;
    while (write(fd, message, size) == (ssize_t)size) ++count;
    return count;
}
int main(void) {
    int ends[2];
    if (pipe2(ends, O_NONBLOCK)) return 1;
    printf("%d\n", held(ends[1], 2048));
    if (pipe2(ends, O_NONBLOCK)) return 1;
    printf("%d\n", held(ends[1], 2049));
    if (pipe2(ends, O_NONBLOCK)) return 1;
    printf("%d\n", held(ends[1], 1));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends)) return 1;
    printf("%d\n", held(ends[1], 1));
}
C
cc -o "$work/fill" "$work/fill.c"
mapfile -t seen < <("$work/fill")
echo "kernel $(uname -r | cut -d. -f1,2), send buffer $(cat /proc/sys/net/core/wmem_default)"
expect "writes of 2048 bytes that a pipe holds" "${seen[0]}" 32
expect "writes of 2049 bytes that a pipe holds" "${seen[1]}" 16
expect "writes of 1 byte that a pipe holds" "${seen[2]}" 65536
echo "sends of 1 byte that a stream socket holds: ${seen[3]}"
expect "fewer than a thousand" "$((seen[3] < 1000 ? 1 : 0))" 1
