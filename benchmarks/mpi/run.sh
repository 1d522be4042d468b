#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# MPIPoolExecutor beside raw MPI, mpi4py.futures and ProcessPoolExecutor with Open MPI (libopenmpi-dev,
# python3-mpi4py). They run in turn, so that each sees the same machine:
#
#     benchmarks/mpi/run.sh [RANKS] [TURNS]      a root and RANKS - 1 workers (2), five turns
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
ranks=${1:-2}
turns=${2:-5}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
program=$folder/pool
mpicxx.openmpi -std=c++20 -O2 -DNDEBUG -pthread -Iinclude benchmarks/mpi/pool.cpp -o "$program"
launch=(mpirun.openmpi --oversubscribe --bind-to none -n "$ranks")
python=/usr/bin/python3
has_mpi4py=yes
"$python" -c "import mpi4py" 2>/dev/null || has_mpi4py=
[ -n "$has_mpi4py" ] || echo "mpi4py is left out: python3-mpi4py is not here" >&2
for ((turn = 1; turn <= turns; ++turn)); do
    echo "turn $turn of $turns, load $(cut -d' ' -f1 /proc/loadavg)" >&2
    "${launch[@]}" "$program"
    "$program" processes
    [ -z "$has_mpi4py" ] || "${launch[@]}" "$python" -m mpi4py.futures benchmarks/mpi/mpi4py_futures.py
done > "$folder/figures"
"$python" benchmarks/mpi/table.py "$folder/figures"
