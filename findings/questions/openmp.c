// SPDX-License-Identifier: MIT
//
// On how many processors may a thread run before and after questions to an OpenMP runtime (docs/surroundings.md)?
//     cc -fopenmp -o openmp openmp.c && OMP_PROC_BIND=true ./openmp procs places region
#define _GNU_SOURCE
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *usable(void *name) {
    cpu_set_t mask;
    if (sched_getaffinity(0, sizeof mask, &mask) == 0) printf("%s: %d usable\n", (char *)name, CPU_COUNT(&mask));
    return NULL;
}
int main(int count, char **words) {
    usable("at first");
    for (int i = 1; i < count; ++i) {
        pthread_t thread;
        if (strcmp(words[i], "procs") == 0) printf("omp_get_num_procs %d, ", omp_get_num_procs());
        if (strcmp(words[i], "places") == 0) printf("omp_get_num_places %d, ", omp_get_num_places());
        if (strcmp(words[i], "region") == 0) {
#pragma omp parallel
            {}
        }
        if (strcmp(words[i], "thread") == 0) {
            pthread_create(&thread, NULL, usable, "new thread");
            pthread_join(thread, NULL);
        }
        if (strcmp(words[i], "child") == 0 && system(words[0]) != 0) return 1;
        usable(words[i]);
    }
}
