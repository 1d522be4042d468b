#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Question: one rank of an MPI job leaves with exit(0) and has not called MPI_Finalize; another rank is still at work and
#           would write its result a second later. What becomes of the result, and of the launcher's exit status?
# Guess:    the launcher calls it an error and says so. (Open MPI 4.1 does: exit status 1 and a page of text.)
# Truth:    with MPICH's launcher the other rank is ended at once, its result is never written, nothing is printed, and
#           the launcher returns 0. A batch system counts the job as done.
# Seen with: MPICH 4.0.2 with Hydra (Debian 12).
# For pools: a task that calls exit(0) in a worker rank must not take this way: the rank's exit is caught, or
#           turned into a status that is not 0.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/mpich.sh"

cat >"$work/job.c" <<'C'
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int rank, finalizes = argc == 1;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank == 1 && !finalizes) exit(0);
    if (rank == 0) {
        sleep(1);
        puts("the result");
        fflush(stdout);
    }
    MPI_Finalize();
}
C
compile_mpich "$work/job" "$work/job.c"
job() {
    run_two_ranks "$work/job" "$@"
    echo "status $status, $(grep -c 'the result' "$work/out" || true) results, $(wc -l <"$work/err") lines of error"
}
echo "MPICH 4.0.2"
expect "both ranks call MPI_Finalize" "$(job)" "status 0, 1 results, 0 lines of error"
expect "rank 1 leaves without it" "$(job leave)" "status 0, 0 results, 0 lines of error"
