#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Builds the benchmarks, runs the whole matrix, prints the table and writes it into benchmarks/README.md.
#
#     benchmarks/run.sh                          about ten minutes after the build
#     benchmarks/run.sh --launches 9             more launches, tighter medians
#     benchmarks/run.sh --only threads.map       some workloads, printed only
#     benchmarks/run.sh --quick                  small sizes once, printed only: does everything work
#
# Leave the machine alone meanwhile. Libraries to compare with are found by CMake if they are installed, on
# Debian: libtbb-dev, libasio-dev (or libboost-dev), libopenmpi-dev; OpenMP comes with g++. Others:
# CMAKE_PREFIX_PATH=/where/they/are benchmarks/run.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/install_dependencies.sh build benchmarks
mkdir -p build
for step in "--preset bench" "--build --preset bench --parallel $(nproc)"; do
    # shellcheck disable=SC2086  # words on purpose
    cmake $step >build/bench.log 2>&1 || { cat build/bench.log >&2; exit 1; }
done

write=(--write benchmarks/README.md)
for argument in "$@"; do
    [[ $argument != --only* && $argument != --quick ]] || write=()
done
exec python3 benchmarks/table.py --programs build/bench/benchmarks "${write[@]}" "$@"
