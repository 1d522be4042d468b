#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Question: GOMP_CPU_AFFINITY lists two processors, and a program without any parallel region asks LLVM's OpenMP runtime
#           how many processors there are. On how many may the asking thread run afterwards?
# Guess:    on two, as before. omp_get_num_procs() only reads a number; threads are bound by a parallel region.
# Truth:    on one. The first question starts the runtime, and that binds whoever asked to the first place. The answer is
#           still 2. A thread started later inherits the one processor, though it is none of OpenMP's.
# Seen with: LLVM's libomp 14.0.6 (Debian 12).
# For pools: a library that asks OpenMP how many threads to start confines its caller, and all threads that this one
#           starts, to one processor. Ask the kernel, or put the thread's mask back.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

processors=$(/usr/bin/python3 -c 'import os; print(*sorted(os.sched_getaffinity(0))[:2])')
[[ $processors == *" "* ]] || { echo "this needs two processors" >&2; exit 2; }
unpack libomp5-14=1:14.0.6-12
cat >"$work/ask.c" <<'C'
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

int omp_get_num_procs(void);

static int usable(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : -1;
}
static void *look(void *result) {
    *(int *)result = usable();
    return NULL;
}
int main(void) {
    int before = usable(), answer = omp_get_num_procs(), after = usable(), in_thread = 0;
    pthread_t thread;
    if (pthread_create(&thread, NULL, look, &in_thread) != 0) return 1;
    pthread_join(thread, NULL);
    printf("%d, answer %d, then %d, new thread %d\n", before, answer, after, in_thread);
}
C
library=$(dirname "$(find "$root" -name 'libomp.so.5' | head -n 1)")
cc -pthread -o "$work/ask" "$work/ask.c" -L"$library" -l:libomp.so.5
# ask [VARIABLE=VALUE…]: on two processors
ask() {
    env -u OMP_PROC_BIND -u OMP_PLACES -u KMP_AFFINITY -u GOMP_CPU_AFFINITY "$@" LD_LIBRARY_PATH="$library" \
        taskset -c "${processors// /,}" timeout 30 "$work/ask"
}
echo "LLVM OpenMP 14.0.6"
expect "without GOMP_CPU_AFFINITY" "$(ask)" "2, answer 2, then 2, new thread 2"
expect "GOMP_CPU_AFFINITY with both processors" "$(ask GOMP_CPU_AFFINITY="$processors")" \
    "2, answer 2, then 1, new thread 1"
