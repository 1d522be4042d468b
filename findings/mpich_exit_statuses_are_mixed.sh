#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Question: two ranks of an MPI job end in order, one with status 1 and one with status 2. A third job loses a rank to
#           SIGKILL. What does the launcher return?
# Guess:    1 or 2, the first or the highest; and 137 (128 + 9) for the signal, as shells and Open MPI's mpirun do.
# Truth:    with MPICH's launcher 3 and 9. The ranks' statuses are combined bit by bit (1 | 2), so the launcher returns a
#           status that no rank had; and a signal appears as its bare number, which looks like exit(9).
# Seen with: MPICH 4.0.2 with Hydra (Debian 12).
# For pools: a launcher's status cannot tell how a worker rank ended. The pool itself has to say it, before the end.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/mpich.sh"

cat >"$work/job.c" <<'C'
#include <mpi.h>
#include <signal.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    int rank;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (argc == 2) {
        if (rank == 1) raise(SIGKILL);
        MPI_Finalize();
        return 0;
    }
    MPI_Finalize();
    return atoi(argv[1 + rank]);
}
C
compile_mpich "$work/job" "$work/job.c"
job() {
    run_two_ranks "$work/job" "$@"
    echo "$status"
}
echo "MPICH 4.0.2"
expect "ranks return 1 and 2" "$(job 1 2)" 3
expect "ranks return 4 and 8" "$(job 4 8)" 12
expect "ranks return 5 and 5" "$(job 5 5)" 5
expect "a rank is killed by SIGKILL" "$(job killed)" 9
