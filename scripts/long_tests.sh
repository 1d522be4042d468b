#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The tests that take too long for every commit, at low priority:
#
#     scripts/long_tests.sh                                        all of them, as below
#     scripts/long_tests.sh differential [programs [first-seed]]   10000 programs from seed 1 on
#     scripts/long_tests.sh kill_matrix [rounds]                   6 rounds
#     scripts/long_tests.sh injection                              every call to the system fails once
#     scripts/long_tests.sh hooks                                  every hook of the user throws at every use
#     scripts/long_tests.sh signals [microseconds [name]]          all test executables in a storm of signals; not among all
#     scripts/long_tests.sh valgrind [name]                        memcheck and helgrind on the tests of one process; not among all
#     scripts/long_tests.sh repeat [runs [name]]                   200 runs of all test executables; not among all
#     scripts/long_tests.sh fuzz [seconds [target]]                60 seconds for each target
#     scripts/long_tests.sh libfuzzer [seconds [target]]           the same by libFuzzer; not among all of them
#     scripts/long_tests.sh chaos [calls [kills]]                  100000 calls, 6500 kills
#     scripts/long_tests.sh recycling [calls]                      10000 calls, each in a process of its own
#     scripts/long_tests.sh processes [number]                     10000 processes, one after the other; 1 GiB
#     scripts/long_tests.sh soak [seconds]                         1e9 thread tasks, 1e7 process tasks, 1e5 deaths, 1e5 pools
#     scripts/long_tests.sh model [orders]                         100000 orders of events for each scenario, as many at random
#     scripts/long_tests.sh mpi [calls [openmpi|mpich]]            1000000 calls on 3 ranks; not among all of them
#
#     differential   random programs must look the same on CPython's executor and on ours, in pieces of 500,
#                    each with a seed of its own, so that a difference is repeated by one short command;
#                    what past runs gave is in tests/differential/README.md
#     kill_matrix    workers die in every way in every phase; past runs: tests/programs/README.md
#     injection      pools at work while a call to the system fails, each of them; past runs: tests/fault/README.md
#     hooks          copies, moves, calls, codecs, initializers and so on throw, each at each use; past runs: as above
#     signals        a signal every 1000 microseconds, to a thread chosen at random, interrupts its system call; of the
#                    test executables those whose name contains `name`; past runs: tests/fault/README.md
#     valgrind       of the test executables below those whose name contains `name`. An error of memcheck or a leak fails,
#                    and so does what helgrind says about locks and threads. Its possible data races are only counted: it
#                    knows no atomics, and what they guard is a race to it. Threads are looked at one after the other: 20 to
#                    60 times slower. Past runs: tests/README.md, R13
#     repeat         each run in another order of the cases, every third one on one processor only, every third one beside
#                    busy loops; of the test executables those whose name contains `name`. A line for each
#                    executable that failed, whose output is in build/repeat/; past runs: tests/README.md, R25
#     fuzz           mutations of tests/fuzz/corpus, with what they reach; past runs: tests/fuzz/README.md
#     libfuzzer      what it finds new is in build/libfuzzer/<target>/, what fails in build/libfuzzer/failed_*;
#                    needs clang 16 or later with its run-time libraries, and says so
#     chaos          workers are killed all the time, at random; some kills meet a worker that dies already
#     recycling      max_tasks_per_child = 1, also while the pool shuts down; past runs of both: as above
#     soak           the use of memory, descriptors, threads and processes must not grow; after `seconds` it stops, and goes
#                    on when it is started again: build/soak/progress; past runs: tests/programs/README.md
#     model          the real code under the model checker; past runs: tests/model/README.md
#     mpi            with exceptions and cancels mixed in, and memory that does not grow; then a value of 2.2 GB there
#                    and back, for which 12 GB must be free. At normal priority: ranks hand over to each other all the
#                    time, and each such moment lasts a time slice at low priority on a busy machine
#     processes      each runs one call, by both start methods; then a value of 1 GiB through a channel
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

differential() {
    local programs=${1:-10000} first_seed=${2:-1} piece=500 failed=() began=$SECONDS seed
    cmake --build build/test --target differential_runner --parallel 2 >/dev/null
    python3 --version
    local pieces=$(((programs + piece - 1) / piece))
    for ((seed = first_seed; seed < first_seed + pieces; ++seed)); do
        nice -n 19 python3 tests/differential/programs.py build/test/tests/differential_runner \
            --programs "$piece" --seed "$seed" || failed+=("$seed")
    done
    echo "$((pieces * piece)) programs, seeds $first_seed to $((first_seed + pieces - 1))," \
        "${#failed[@]} pieces with differences, $((SECONDS - began)) s"
    if ((${#failed[@]} > 0)); then
        echo "repeat: tests/differential/programs.py build/test/tests/differential_runner" \
            "--programs $piece --seed ${failed[0]}" >&2
        return 1
    fi
}

kill_matrix() {
    local rounds=${1:-6}
    cmake --build build/test --target program.process_kill_matrix --parallel 2 >/dev/null
    CONCURRENT_FUTURES_TEST_DEADLINE_SECONDS=0 CONCURRENT_FUTURES_KILL_MATRIX=$rounds \
        nice -n 19 build/test/tests/program.process_kill_matrix 2>/dev/null
}

injection() {
    cmake --build build/test --target fault_injection --parallel 2 >/dev/null
    nice -n 19 build/test/tests/fault_injection --all "$@" 2>/dev/null
}

hooks() {
    cmake --build build/test --target fault_hooks --parallel 2 >/dev/null
    nice -n 19 build/test/tests/fault_hooks --all "$@" 2>/dev/null
}

signals() {
    local period=${1:-1000} name=${2:-} program log failed=() count=0 began=$SECONDS
    cmake --build build/test --parallel 2 >/dev/null
    mkdir -p build/signals
    for program in build/test/tests/test.*"$name"*; do
        [[ -x $program && -f $program ]] || continue
        log=build/signals/${program##*/}.log
        count=$((count + 1))
        CONCURRENT_FUTURES_TEST_SIGNAL_STORM=$period CONCURRENT_FUTURES_TEST_DEADLINE_SECONDS=300 \
            nice -n 10 "$program" --apart >"$log" 2>&1 || failed+=("${program##*/}")
        echo "${program##*/}: $(grep 'each in a process of its own' "$log")," \
            "$(awk '/^signal storm: / { sum += $3 } END { print sum + 0 }' "$log") signals"
    done
    echo "$count executables, a signal every $period microseconds, ${#failed[@]} failed, $((SECONDS - began)) s"
    ((${#failed[@]} == 0)) || { echo "failed: ${failed[*]}; see build/signals/" >&2; return 1; }
}

valgrind() {
    local name=${1:-} part program log code races others failed=() count=0 began=$SECONDS
    local parts=(channels execution loops map memory scheduling serialization state task trace wire)
    type -P valgrind >/dev/null || { echo "valgrind: not installed; on Debian and its relatives: apt install valgrind" >&2; return 1; }
    cmake --build build/test --parallel 2 >/dev/null
    mkdir -p build/valgrind
    export CONCURRENT_FUTURES_TEST_DEADLINE_SECONDS=0
    for part in "${parts[@]}"; do
        for program in "build/test/tests/test.detail.$part"*; do
            [[ -x $program && -f $program && ${program##*/} == *"$name"* ]] || continue
            count=$((count + 1))
            log=build/valgrind/${program##*/}.memcheck.log code=0
            nice -n 19 "$(type -P valgrind)" -q --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
                --error-exitcode=9 --max-threads=3000 "$program" >"$log" 2>&1 || code=$?
            ((code == 0)) || failed+=("$log")
            echo "memcheck ${program##*/}: exit code $code, $(grep -aE 'All tests passed|^test cases:' "$log" | tail -n 1)"
            log=build/valgrind/${program##*/}.helgrind.log code=0
            nice -n 19 "$(type -P valgrind)" -q --tool=helgrind --max-threads=3000 "$program" >"$log" 2>&1 || code=$?
            races=$(grep -ac '^==.*Possible data race' "$log" || true)
            others=$(grep -acE '^==[0-9]+== Thread #[0-9]+(.s call|:| unlocked| deallocates)' "$log" || true)
            ((code == 0 && others == 0)) || failed+=("$log")
            echo "helgrind ${program##*/}: exit code $code, $others reports of locks and threads, $races possible data races"
        done
    done
    echo "$count executables, ${#failed[@]} failed runs, $((SECONDS - began)) s"
    ((${#failed[@]} == 0)) || { echo "failed: ${failed[*]}" >&2; return 1; }
}

repeat() {
    local runs=${1:-200} name=${2:-} program log run wrong=0 cases=0 on beside stop began=$SECONDS
    cmake --build build/test --parallel 2 >/dev/null
    mkdir -p build/repeat
    for ((run = 1; run <= runs; ++run)); do
        on=() beside=()
        ((run % 3 != 1)) || on=(taskset -c 0)
        if ((run % 3 == 2)); then
            for stop in 1 2; do
                while :; do :; done &
                beside+=($!)
            done
        fi
        for program in build/test/tests/test.*"$name"*; do
            [[ -x $program && -f $program ]] || continue
            log=build/repeat/${program##*/}.$run.log
            if CONCURRENT_FUTURES_TEST_DEADLINE_SECONDS=300 "${on[@]}" "$program" --apart --order rand \
                --rng-seed "$run" >"$log" 2>&1; then
                cases=$((cases + $(sed -n 's/^\([0-9]*\) test cases, each in a process of its own.*/\1/p' "$log")))
                rm "$log"
            else
                wrong=$((wrong + 1))
                echo "run $run, ${on[*]:-all processors}, ${#beside[@]} busy loops: $log"
            fi
        done
        ((${#beside[@]} == 0)) || { kill "${beside[@]}"; wait "${beside[@]}" 2>/dev/null || true; }
    done
    echo "$runs runs, $cases cases, $wrong executables failed, $((SECONDS - began)) s"
    ((wrong == 0))
}

chaos() {
    cmake --build build/test --target program.process_chaos --parallel 2 >/dev/null
    CONCURRENT_FUTURES_TEST_DEADLINE_SECONDS=0 nice -n 19 build/test/tests/program.process_chaos "${1:-100000}" "${2:-6500}"
}

recycling() {
    cmake --build build/test --target program.process_chaos --parallel 2 >/dev/null
    CONCURRENT_FUTURES_TEST_DEADLINE_SECONDS=0 nice -n 19 build/test/tests/program.process_chaos recycling "${1:-10000}"
}

processes() {
    cmake --build build/test --target program.processes_one_after_the_other --parallel 2 >/dev/null
    CONCURRENT_FUTURES_TEST_DEADLINE_SECONDS=0 nice -n 19 \
        build/test/tests/program.processes_one_after_the_other "${1:-10000}" 1024
}

soak() {
    local seconds=${1:-1000000} build=build/soak
    # Optimized, as users run it, and so in minutes, not in hours.
    cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCONCURRENT_FUTURES_TESTS=ON >/dev/null
    cmake --build $build --target program.soak --parallel 2 >/dev/null
    echo "# $(date -u +%FT%TZ), $(git describe --always --dirty 2>/dev/null || echo 'no commit')" >>$build/progress
    CONCURRENT_FUTURES_TEST_DEADLINE_SECONDS=0 nice -n 10 \
        $build/tests/program.soak 1000000000 10000000 100000 100000 $build/progress "$seconds"
}

fuzz() {
    local seconds=${1:-60} target=${2:-} build=build/fuzz unit flags
    mkdir -p $build
    for unit in driver decoders manager; do
        flags="-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all"
        [[ $unit == driver ]] || flags+=" -fsanitize-coverage=trace-pc,trace-cmp"
        # shellcheck disable=SC2086
        nice -n 19 "${CXX:-g++}" -std=c++20 -g1 -O1 $flags -DFUZZ_WITH_PROCESSES -Itests -Itests/fuzz -Iinclude \
            -c tests/fuzz/$unit.cpp -o $build/$unit.o
    done
    "${CXX:-g++}" -fsanitize=address,undefined $build/{driver,decoders,manager}.o -pthread -o $build/fuzz_targets
    nice -n 19 $build/fuzz_targets tests/fuzz/corpus --seconds "$seconds" --only "$target" --seed "$RANDOM" \
        --keep $build/found
}

libfuzzer() {
    local seconds=${1:-60} only=${2:-} build=build/libfuzzer clang unit target options log failed=()
    local sanitizers=-fsanitize=fuzzer,address,undefined
    clang=$(scripts/find_clang.sh $sanitizers)
    mkdir -p $build
    for unit in driver decoders manager; do
        nice -n 19 "$clang" -std=c++20 -g -O1 $sanitizers -fno-sanitize-recover=all -DFUZZ_WITH_LIBFUZZER \
            -Itests -Itests/fuzz -Iinclude -c tests/fuzz/$unit.cpp -o $build/$unit.o
    done
    "$clang" $sanitizers $build/{driver,decoders,manager}.o -pthread -o $build/fuzz_targets
    for target in tests/fuzz/corpus/*; do
        target=${target##*/}
        [[ -z $only || $only == "$target" ]] || continue
        options=(-max_total_time="$seconds" -timeout=100 -use_value_profile=1 -print_final_stats=1
            "-artifact_prefix=$build/failed_${target}_")
        # It forks: one thread only, SIGTERM ends a worker, and no symbolizer whose pipes workers would share. Some
        # ten a second: too few for inputs that grow slowly; what follows 600 bytes is not read.
        [[ $target != manager ]] || options+=(-rss_limit_mb=0 -handle_term=0 -print_funcs=0 -len_control=0 -max_len=600)
        mkdir -p $build/"$target"
        log=$build/$target.log
        if FUZZ_TARGET=$target nice -n 19 $build/fuzz_targets "${options[@]}" $build/"$target" \
            tests/fuzz/corpus/"$target" >"$log" 2>&1; then
            echo "$target: $(grep -o 'DONE .* corp: [0-9]*' "$log"), $(grep 'number_of_executed' "$log")"
        else
            failed+=("$target")
            echo "$target: FAILED, see $log:" && grep -vE '^#[0-9]+\s+(NEW|REDUCE|RELOAD|pulse)|NEW_FUNC' "$log" | tail -n 60
        fi
    done
    ((${#failed[@]} == 0)) || { echo "libfuzzer: failed: ${failed[*]}; inputs: $build/failed_*" >&2; return 1; }
}

model() {
    local orders=${1:-100000}
    cmake --build build/test --target model_checker --parallel 2 >/dev/null
    nice -n 19 build/test/tests/model_checker --limit "$orders" --random "$orders"
}

mpi() {
    local calls=${1:-1000000} mpi=${2:-openmpi}
    cmake --build build/test --target "mpi_tests.$mpi" --parallel 2 >/dev/null
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 \
        OMPI_MCA_mpi_yield_when_idle=1
    CONCURRENT_FUTURES_MPI_CALLS=$calls "mpirun.$mpi" -n 3 "build/test/tests/mpi_tests.$mpi" "many calls with*"
    CONCURRENT_FUTURES_MPI_BYTES=2200000000 "mpirun.$mpi" -n 2 "build/test/tests/mpi_tests.$mpi" "a large argument and*"
}

what=${1:-all}
shift || true
[[ $what == libfuzzer ]] || cmake --preset test >/dev/null
case $what in
    differential | kill_matrix | injection | hooks | signals | valgrind | repeat | fuzz | libfuzzer | chaos | recycling | model | mpi | processes | soak) "$what" "$@" ;;
    all) differential; kill_matrix; injection; hooks; fuzz; chaos; recycling; processes; soak; model ;;
    *)
        echo "long_tests.sh: unknown test '$what': use differential, kill_matrix, injection, hooks, signals, valgrind, repeat, fuzz, libfuzzer," \
            "chaos, recycling, processes, soak, model or mpi" >&2
        exit 2
        ;;
esac
