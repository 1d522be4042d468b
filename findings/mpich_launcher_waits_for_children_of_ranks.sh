#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Question: a rank of an MPI job has started a process of its own, with its standard streams on /dev/null. All ranks call
#           MPI_Finalize and return from main, and that process goes on for a while. When does the launcher return?
# Guess:    when the ranks have ended. A process without the launcher's pipes is nothing to wait for.
# Truth:    MPICH's launcher waits for that process. A rank inherits a dozen descriptors above 2, among them further ends
#           of the launcher's pipes, and hands them on. With all of them closed the launcher returns at once.
#           (Open MPI 4.1.4 returns in both cases, and waits only for a process that has the rank's standard streams.)
# Seen with: MPICH 4.0.2 with Hydra (Debian 12).
# For pools: a worker that outlives its rank holds up the whole job. Workers close what they need not inherit.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/mpich.sh"

cat >"$work/job.c" <<'C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <mpi.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int rank;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank == 1 && fork() == 0) {
        if (strcmp(argv[1], "kept") != 0) {
            const int null = open("/dev/null", O_RDWR);
            for (int stream = 0; stream <= 2; ++stream) dup2(null, stream);
        }
        if (strcmp(argv[1], "closed") == 0) closefrom(3);
        execl("/bin/sh", "sh", "-c", "sleep 3; echo ended >\"$0\"", argv[2], (char *)NULL);
        _exit(1);
    }
    MPI_Finalize();
}
C
compile_mpich "$work/job" "$work/job.c"
job() {
    rm -f "$work/ended"
    run_two_ranks "$work/job" "$1" "$work/ended"
    if [[ -e $work/ended ]]; then echo "status $status, after the process"; else echo "status $status, before the process"; fi
    while [[ ! -e $work/ended ]]; do sleep 0.1; done
}
echo "MPICH 4.0.2"
expect "launcher returns, streams of the rank kept" "$(job kept)" "status 0, after the process"
expect "launcher returns, streams on /dev/null" "$(job null)" "status 0, after the process"
expect "launcher returns, all other descriptors closed" "$(job closed)" "status 0, before the process"
