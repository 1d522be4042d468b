#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Question: a process makes a pair of sockets and forks. The child asks with SO_PEERCRED who is at the other end.
# Guess:    the process that made the pair, as Linux answers, in gVisor too (what this library's code had assumed).
# Truth:    gVisor names the process that asks: the child is told that it has made the pair itself.
# Seen with: runsc of 19 December 2022 (Debian 12), with its ptrace platform. It needs user namespaces.
# For pools: a worker cannot prove by such a socket whose worker it is. One of ours took itself for a program of its
#            own, and started workers.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

unpack runsc=0.0~20221219.0-2+b3
cat >"$work/peer.c" <<'C'
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) return 1;
    const pid_t parent = getpid();
    if (fork() == 0) {
        struct ucred peer;
        socklen_t size = sizeof peer;
        if (getsockopt(ends[1], SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) _exit(1);
        puts(peer.pid == parent ? "the parent" : peer.pid == getpid() ? "the child itself" : "somebody else");
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
}
C
cc -o "$work/peer" "$work/peer.c"
runsc=$(find "$root" -name runsc -type f)
echo "runsc $("$runsc" --version | sed -n '1s/.*version //p')"
expect "who made the pair, natively" "$("$work/peer")" "the parent"
expect "who made the pair, in gVisor" \
    "$(timeout 60 "$runsc" --rootless --network=none --ignore-cgroups --platform=ptrace do "$work/peer")" "the child itself"
