#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What an idle root and an idle rank cost, and how soon they are at work again, with Open MPI and MPICH, if both are here:
#
#     benchmarks/mpi/idle.sh [TURNS]     in turn with and without memory of the node, five turns; medians, least and most
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
turns=${1:-5}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 \
    OMPI_MCA_hwloc_base_binding_policy=none
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
mpis=()
for mpi in openmpi mpich; do
    command -v "mpicxx.$mpi" >/dev/null || continue
    mpis+=("$mpi")
    "mpicxx.$mpi" -std=c++20 -O2 -DNDEBUG -pthread -Iinclude benchmarks/mpi/idle.cpp -o "$folder/idle.$mpi"
done
for ((turn = 1; turn <= turns; ++turn)); do
    echo "turn $turn of $turns, load $(cut -d' ' -f1 /proc/loadavg)" >&2
    for mpi in "${mpis[@]}"; do
        for share in 1 0; do
            CONCURRENT_FUTURES_MPI_SHARE_NODE=$share "mpirun.$mpi" -n 2 "$folder/idle.$mpi" |
                sed "s/^/$mpi, $([ $share = 1 ] && echo memory || echo MPI only)|/"
        done
    done
done > "$folder/figures"
/usr/bin/python3 - "$folder/figures" << 'END'
import collections
import statistics
import sys

figures = collections.defaultdict(lambda: collections.defaultdict(list))
with open(sys.argv[1]) as lines:
    for line in lines:
        way, rest = line.rstrip().split("|")
        what, value = rest.rsplit(": ", 1)
        figures[what][way].append(float(value))
ways = list(dict.fromkeys(way for each in figures.values() for way in each))
print("| |", " | ".join(ways), "|\n|---|" + "---|" * len(ways))
for what, each in figures.items():
    cells = [f"{statistics.median(each[way]):.4g} [{min(each[way]):.4g}–{max(each[way]):.4g}]" for way in ways]
    print(f"| {what} | {' | '.join(cells)} |")
END
