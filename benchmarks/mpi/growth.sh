#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# How an MPIPoolExecutor grows with its ranks (Open MPI, libopenmpi-dev). All of them on this machine:
#
#     benchmarks/mpi/growth.sh [TURNS]     1, 2, 4 and 8 workers in turn, five turns; medians with least and most
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
turns=${1:-5}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
mpicxx.openmpi -std=c++20 -O2 -DNDEBUG -pthread -Iinclude benchmarks/mpi/growth.cpp -o "$folder/growth"
for ((turn = 1; turn <= turns; ++turn)); do
    echo "turn $turn of $turns, load $(cut -d' ' -f1 /proc/loadavg)" >&2
    for workers in 1 2 4 8; do
        mpirun.openmpi --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 -n $((workers + 1)) "$folder/growth"
    done
done > "$folder/figures"
/usr/bin/python3 - "$folder/figures" << 'END'
import collections
import statistics
import sys

figures = collections.defaultdict(list)
with open(sys.argv[1]) as lines:
    for line in lines:
        workers, *rates = line.split()
        figures[int(workers)].append([float(rate) for rate in rates])
print("| workers | short tasks per second | of 100 µs | that wait 1 ms |\n|---|---|---|---|")
for workers, runs in sorted(figures.items()):
    cells = [f"{statistics.median(each):.0f} [{min(each):.0f}–{max(each):.0f}]" for each in zip(*runs)]
    print(f"| {workers} | {' | '.join(cells)} |")
END
