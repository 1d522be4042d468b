#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# From a clone to the first results: installs what is missing, builds the two first examples, and
# runs the same five tasks on a thread pool and on a process pool.
#
#     scripts/quickstart.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/install_dependencies.sh build examples
mkdir -p build

examples=()
for source in examples/01_*.cpp examples/02_*.cpp; do
    [[ -e $source ]] || { echo "quickstart.sh: $source is missing" >&2; exit 1; }
    examples+=("$(basename "$source" .cpp)")
done

quietly() {
    "$@" >build/quickstart.log 2>&1 || { cat build/quickstart.log >&2; exit 1; }
}
echo "building ${examples[*]}"
quietly cmake --preset quickstart
quietly cmake --build --preset quickstart --parallel "$(nproc)" --target "${examples[@]}"

for example in "${examples[@]}"; do
    program=build/quickstart/examples/$example
    printf '\n$ %s\n' "$program"
    "$program"
done
