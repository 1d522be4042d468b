#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The tests that take too long for every commit, at low priority:
#
#     scripts/long_tests.sh [programs [first-seed]]      default: 10000 programs from seed 1 on
#
# Random programs must look the same on CPython's executor and on ours (tests/differential). They run in
# pieces of 500, each with a seed of its own, so that a difference is repeated by one short command. One line
# per piece, then the sum. What past runs gave is in tests/differential/README.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

programs=${1:-10000}
first_seed=${2:-1}
piece=500

cmake --preset test >/dev/null
cmake --build build/test --target differential_runner --parallel 2 >/dev/null

python3 --version
began=$SECONDS
pieces=$(((programs + piece - 1) / piece))
failed=()
for ((seed = first_seed; seed < first_seed + pieces; ++seed)); do
    nice -n 19 python3 tests/differential/programs.py build/test/tests/differential_runner \
        --programs "$piece" --seed "$seed" || failed+=("$seed")
done
echo "$((pieces * piece)) programs, seeds $first_seed to $((first_seed + pieces - 1))," \
    "${#failed[@]} pieces with differences, $((SECONDS - began)) s"
if ((${#failed[@]} > 0)); then
    echo "repeat: tests/differential/programs.py build/test/tests/differential_runner" \
        "--programs $piece --seed ${failed[0]}" >&2
    exit 1
fi
