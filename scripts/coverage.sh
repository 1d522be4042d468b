#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Which lines of include/ do the tests run? Builds test executables with gcov's counters, runs them, and lists each line
# that is neither run nor explained in tests/coverage/justified.txt:
#
#     scripts/coverage.sh [target…]       targets of CMake: test.contract, program.timers; default: all test.* and program.*
#
# The folder is build/coverage; processes of workers are counted, too. What a test prints is in build/coverage/<target>.log.
# A test that fails is named, and its lines count. Afterwards only the list: tests/coverage/report.py build/coverage
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=build/coverage
cmake --preset test -B $build -DCONCURRENT_FUTURES_MERGED_TESTS=ON -DCONCURRENT_FUTURES_EXAMPLES=OFF \
    -DCMAKE_CXX_FLAGS="-O0 --coverage -fprofile-update=atomic -DCONCURRENT_FUTURES_ASSERTIONS=1" >/dev/null
targets=("$@")
if ((${#targets[@]} == 0)); then
    mapfile -t targets < <(cmake --build $build --target help | grep -oE '\b(test|program)\.[a-z_.]+' | sort -u)
fi
nice -n 10 cmake --build $build --parallel "${JOBS:-$(nproc)}" --target "${targets[@]}" >$build/build.log 2>&1 ||
    { tail -n 30 $build/build.log >&2; exit 2; }
find $build -name '*.gcda' -delete
for target in "${targets[@]}"; do
    command=("$build/tests/$target" --apart)  # as under CTest, each case in a process of its own
    [[ $target != program.* ]] ||
        command=(python3 tests/support/run_program.py "tests/programs/${target#program.}.cpp" "$build/tests/$target")
    CONCURRENT_FUTURES_TEST_DEADLINE_SECONDS=300 nice -n 10 "${command[@]}" >"$build/$target.log" 2>&1 ||
        echo "coverage.sh: $target failed: $build/$target.log"
done
python3 tests/coverage/report.py $build
