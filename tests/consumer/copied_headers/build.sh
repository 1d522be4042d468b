#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# No build system: the headers copied into a project, one compile line.
set -euo pipefail
compiler=$1 source=$2
mkdir -p third_party
cp -R "$source/include/concurrent" third_party/
"$compiler" -std=c++20 -pthread -Ithird_party "$source/tests/consumer/main.cpp" -o consumer
