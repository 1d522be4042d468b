#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Which lines of include/ do the tests run? Builds test executables with gcov's counters, runs them, and lists each line
# that is neither run nor explained in tests/coverage/justified.txt:
#
#     scripts/coverage.sh [target…]       targets of CMake: test.contract, program.timers, fault_hooks, mpi_tests.openmpi;
#                                         default: all of these kinds
#
# The folder is build/coverage. Processes that are killed are counted, too: tests/coverage/README.md says how. What a test
# prints is in build/coverage/<target>.log. A test that fails is named, and its lines count. Exit code 0 only if nothing is
# left to explain. JOBS: how many compile at once; SECONDS_OF_FAULTS: how long each fault_… looks, 120. Needs g++, and ld of
# binutils. Afterwards only the list: tests/coverage/report.py build/coverage
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=build/coverage
cmake --preset test -B $build -DCONCURRENT_FUTURES_MERGED_TESTS=ON -DCONCURRENT_FUTURES_EXAMPLES=OFF \
    -DCONCURRENT_FUTURES_COVERAGE=ON -DCMAKE_CXX_FLAGS="-DCONCURRENT_FUTURES_ASSERTIONS=1" -DCMAKE_CXX_FLAGS_DEBUG=-O0 >/dev/null
targets=("$@")
if ((${#targets[@]} == 0)); then
    mapfile -t targets < <(cmake --build $build --target help |
        grep -oE '^(test\.|program\.|fault_|mpi_tests\.)[a-z_.]+: phony$' | sed 's/: phony$//' | sort -u)
fi
built=()
for target in "${targets[@]}"; do
    built+=("$target")
    [[ $target != mpi_tests.* ]] || built+=("mpi_cases_one.${target#*.}" "mpi_cases_another.${target#*.}")
done
nice -n 10 cmake --build $build --parallel "${JOBS:-$(nproc)}" --target "${built[@]}" >$build/build.log 2>&1 ||
    { tail -n 30 $build/build.log >&2; exit 2; }
find $build -name '*.gcda' -delete
rm -f $build/counters/*
for target in "${targets[@]}"; do
    case $target in
        program.*)
            command=(python3 tests/support/run_program.py "tests/programs/${target#program.}.cpp" "$build/tests/$target") ;;
        fault_*) command=("$build/tests/$target" --seconds "${SECONDS_OF_FAULTS:-120}") ;;
        mpi_tests.*) command=(ctest --test-dir $build --output-on-failure -R "^mpi: .*\b${target#*.}") ;;
        *) command=("$build/tests/$target" --apart) ;;  # as under CTest, each case in a process of its own
    esac
    code=0
    CONCURRENT_FUTURES_TEST_DEADLINE_SECONDS=300 nice -n 10 "${command[@]}" >"$build/$target.log" 2>&1 || code=$?
    ((code == 0 || code == 77)) || echo "coverage.sh: $target failed: $build/$target.log"
done
write_counts() { CONCURRENT_FUTURES_WRITE_COVERAGE=1 "$build/tests/$1"; }  # of all processes of that program
for target in "${built[@]}"; do
    write_counts "$target"
done
if [[ -e $build/counters/copy ]]; then  # rights_of_workers starts a copy of its file, which may have other rights
    mv $build/counters/copy $build/counters/program.rights_of_workers
    write_counts program.rights_of_workers
fi
python3 tests/coverage/report.py $build
