#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Installs what is missing, then builds and runs the tests.
#
#     scripts/test.sh [lane…]      lanes: normal, asan, tsan, clang, clang-asan, clang-tsan, release, clang-release;
#                                  default: the first three, in this order
#
#     normal   warnings are errors; unit, contract, style, consumer and compile_fail tests, examples
#     asan     the tests under AddressSanitizer and UndefinedBehaviorSanitizer, without its checks that cost
#              most of the compile time: virtual calls, and, but where memory is laid out by hand, null and
#              alignment (tests/CMakeLists.txt)
#     tsan     the tests under ThreadSanitizer
#              Both leave out cpython/ and MPI, tsan also Asio and the codecs; configure with
#              -DCONCURRENT_FUTURES_SANITIZE_ALL=ON to have cpython/, and under asan MPI, as well.
#              In both, a file of tests is one test of CTest, which runs each case in a process of its own
#              (tests/support/main.cpp) and names the cases that failed
#     clang    the same as normal with the newest clang++ there is, 16 or later; it is not installed by this
#              script, so the lane runs only when it is asked for, and says what to install
#     clang-asan, clang-tsan
#              as asan and tsan with the sanitizers of clang, which need its run-time libraries. clang-asan also checks
#              null, alignment and types of functions everywhere, and each implicit conversion for a changed value.
#              Left out: unsigned overflow and shifts, on which std::mt19937 and std::bitset rely; virtual
#              calls, whose check opens a pipe, in tests that take all descriptors
#     release, clang-release
#              the tests as users compile them: -O2 -DNDEBUG, no assertions
#
# One line per step and per minute, one per lane, then CTest's summary of the last lane; what a lane printed is in
# build/<lane>.log, and on the terminal if it failed. The exit code is 0 if all lanes passed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

declare -A sanitizers=([clang-asan]=-fsanitize=address,undefined [clang-tsan]=-fsanitize=thread)
lanes=("$@")
((${#lanes[@]} > 0)) || lanes=(normal asan tsan)
for lane in "${lanes[@]}"; do
    case $lane in
        normal | asan | tsan | release) ;;
        clang | clang-release) scripts/find_clang.sh >/dev/null ;;
        clang-asan | clang-tsan) scripts/find_clang.sh "${sanitizers[$lane]}" >/dev/null ;;
        *) echo "test.sh: unknown lane '$lane': use normal, asan, tsan, clang, clang-asan, clang-tsan, release, clang-release" >&2; exit 2 ;;
    esac
done

scripts/install_dependencies.sh build test examples
mkdir -p build

# The ThreadSanitizer of g++ 12 cannot map its shadow where addresses are randomized over more
# than 28 bits; then the lane runs without randomization.
without_randomization=()
randomized_bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)
if ((randomized_bits > 28)) && setarch "$(uname -m)" --addr-no-randomize true 2>/dev/null; then
    without_randomization=(setarch "$(uname -m)" --addr-no-randomize)
fi

run_lane() {
    local preset=$1 prefix=() options=()
    [[ $preset != tsan ]] || prefix=("${without_randomization[@]}")
    [[ $preset != clang* ]] || options=("-DCMAKE_CXX_COMPILER=$(scripts/find_clang.sh ${sanitizers[$preset]:-})")
    # Merged: the files of a directory compiled together, which halves what the compiler writes.
    echo "== configure $preset" && cmake --preset "$preset" -DCONCURRENT_FUTURES_MERGED_TESTS=ON "${options[@]}" &&
        echo "== build $preset" &&
        "${prefix[@]}" cmake --build --preset "$preset" --parallel "$(nproc)" &&
        echo "== test $preset" && "${prefix[@]}" ctest --preset "$preset"
}

# A line for each step of a lane when it begins, and how far it is each minute, until it is killed.
show_progress() {
    local lane=$1 log=build/$1.log began=$SECONDS step shown='' ticks=0
    while sleep 1; do
        step=$(grep '^== ' "$log" 2>/dev/null | tail -n 1 || true)
        if [[ $step != "$shown" ]]; then
            shown=$step ticks=0
            printf 'lane %s: %s\n' "$lane" "${step#== }"
        elif ((++ticks % 60 == 0)); then
            printf 'lane %s: %s, %d s: %s\n' "$lane" "${step#== }" "$((SECONDS - began))" \
                "$(grep -oE '^(\[[0-9]+/[0-9]+\]| *[0-9]+/[0-9]+ Test)' "$log" | tail -n 1 | tr -d ' ' || true)"
        fi
    done
}

# Why tests were skipped, from the log CTest keeps of all output.
print_skips() {
    local log=build/$1/Testing/Temporary/LastTest.log
    [[ ! -e $log ]] || awk '
        /: SKIPPED:$/ { getline; getline; sub(/^ */, ""); print "    skipped: " $0 }
        / skipped: / { print "    " $0 }' "$log"
}

# The failed tests of a lane, each with the lines that say what failed in it.
print_names_of_failures() {
    local lane=$1 file name
    for file in "build/$lane.failed"/*.log; do
        [[ -e $file ]] || continue
        name=$(head -n 1 "$file" | sed -E 's/^.*Test +#[0-9]+: //; s/ \.\.\.+.*$//' | cut -c 1-200)
        echo "lane $lane: failed: $name"
        sed -E 's/\x1b\[[0-9;]*m//g' "$file" |
            grep -aE '^FAILED: |: FAILED:$|^watchdog: |ERROR: |WARNING: ThreadSanitizer|runtime error' |
            head -n 6 | cut -c 1-200 | sed 's/^/    /' || true
    done
}

# What a failed lane printed: compiler errors, or each failed test's last lines. A failed test's whole output is kept in
# build/<lane>.failed/<number>.log, since the end of a lane's log may show only half of a sanitizer's report.
print_failures() {
    local lane=$1 log=build/$1.log folder=build/$1.failed tests file
    # CTest prints a failed test's output after its line "12/345 Test #67: name ...***Failed  0.12 sec".
    awk -v folder="$folder" '
        /^ *[0-9]+\/[0-9]+ +Test +#[0-9]+: / {
            if (file) close(file)
            file = ""
            if ($0 ~ / (Passed|Skipped|\*+Skipped) +[0-9.]+ sec *$|\*\*\*Skipped /) next
            number = $0
            sub(/^[^#]*#/, "", number)
            sub(/:.*/, "", number)
            file = folder "/" number ".log"
        }
        /^[0-9]+% tests passed/ || /^ +Start +[0-9]+: / { if (file) close(file); file = "" }
        file { print > file }' "$log"
    tests=$(ls -v "$folder")
    if [[ -z $tests ]]; then
        grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking)' "$log" | tail -n 200 | cut -c 1-300
        return
    fi
    for file in $tests; do
        echo "---- $folder/$file, its last 80 lines:"
        head -n 1 "$folder/$file" | cut -c 1-300
        tail -n +2 "$folder/$file" | tail -n 80 | cut -c 1-300
    done
    echo "---- end of the failed tests' output"
}

failed=()
progress=
trap '[[ -z $progress ]] || kill "$progress" 2>/dev/null || true' EXIT
for lane in "${lanes[@]}"; do
    preset=${lane/#normal/test}
    log=build/$lane.log
    rm -rf "build/$preset/Testing/Temporary/LastTest.log" "build/$lane.failed"
    mkdir -p "build/$lane.failed"
    began=$SECONDS
    : >"$log"
    show_progress "$lane" &
    progress=$!
    if run_lane "$preset" >"$log" 2>&1; then verdict=passed; else verdict=FAILED; fi
    kill "$progress" 2>/dev/null || true
    wait "$progress" 2>/dev/null || true
    counted=$(grep -E '^[0-9]+% tests passed' "$log" || echo "did not get as far as the tests")
    if [[ $verdict == FAILED ]]; then
        failed+=("$lane")
        print_failures "$lane"
    fi
    summary=$(sed -n '/^[0-9]*% tests passed/,$p' "$log")
    echo "lane $lane: $verdict: $counted, $((SECONDS - began)) s"
    print_skips "$preset"
done

printf '\n%s\n' "${summary:-no summary: the last lane did not get as far as the tests}"
if ((${#failed[@]} > 0)); then
    for lane in "${failed[@]}"; do print_names_of_failures "$lane"; done
    echo "FAILED lanes: ${failed[*]} (logs: build/<lane>.log)" >&2
    exit 1
fi
