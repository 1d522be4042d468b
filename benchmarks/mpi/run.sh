#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# MPIPoolExecutor beside raw MPI and mpi4py.futures, in one run with Open MPI (libopenmpi-dev, python3-mpi4py):
#
#     benchmarks/mpi/run.sh [RANKS]      a root and RANKS - 1 workers; 2 unless it is said
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
ranks=${1:-2}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
program=$(mktemp) && trap 'rm -f "$program"' EXIT
mpicxx.openmpi -std=c++20 -O2 -DNDEBUG -pthread -Iinclude benchmarks/mpi/pool.cpp -o "$program"
launch=(mpirun.openmpi --oversubscribe --bind-to none -n "$ranks")
"${launch[@]}" "$program"
python=/usr/bin/python3
if "$python" -c "import mpi4py" 2>/dev/null; then
    "${launch[@]}" "$python" -m mpi4py.futures benchmarks/mpi/mpi4py_futures.py
else
    echo "mpi4py is left out: python3-mpi4py is not here"
fi
