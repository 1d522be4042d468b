#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Prints the newest clang++ that compiles the library, or says what to install and fails.
#
#     scripts/find_clang.sh [flag…]     only one that links a program with these flags: -fsanitize=fuzzer
set -euo pipefail

oldest=16  # clang 15 and earlier do not know all of C++20 that the library uses
program='extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }'
[[ $* == *=fuzzer* ]] || program='int main() {}'

newest='' newest_version=0
for candidate in $({ compgen -c clang++ || true; } | grep -E '^clang\+\+(-[0-9]+)?$' | sort -u); do
    version=$("$candidate" -dumpversion 2>/dev/null | cut -d. -f1) || continue
    ((version >= oldest && version > newest_version)) || continue
    "$candidate" -std=c++20 "$@" -x c++ - -o /dev/null <<<"$program" 2>/dev/null || continue
    newest=$candidate newest_version=$version
done
if [[ -z $newest ]]; then
    echo "find_clang.sh: no clang++ of version $oldest or later here${*:+ that links with $*}; on Debian and its" \
        "relatives: apt install clang-$oldest libclang-rt-$oldest-dev, or a later version" >&2
    exit 1
fi
echo "$newest"
