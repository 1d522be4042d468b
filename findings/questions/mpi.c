// SPDX-License-Identifier: MIT
//
// Questions of docs/surroundings.md about MPI:
//     mpicc -o mpi mpi.c && mpirun -n 2 ./mpi [multiple|idle] ; ./mpi spawn
// Without a word: thread level and processors after MPI_Init(). multiple: the same after MPI_Init_thread().
// idle: processor time of a rank that waits three seconds for a message. spawn: a process more, without mpirun.
#define _GNU_SOURCE
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void spawn(char **words) {
    MPI_Comm parent, children;
    MPI_Comm_get_parent(&parent);
    if (parent == MPI_COMM_NULL) {
        char *arguments[] = {"spawn", NULL};
        MPI_Comm_spawn(words[0], arguments, 1, MPI_INFO_NULL, 0, MPI_COMM_SELF, &children, MPI_ERRCODES_IGNORE);
        puts("spawned");
        parent = children;
    }
    MPI_Barrier(parent);
}
static void idle(int rank, int size) {
    int word = 0;
    if (rank != 1) sleep(3);
    if (rank != 0) MPI_Recv(&word, 1, MPI_INT, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    for (int other = 1; rank == 0 && other < size; ++other) MPI_Send(&word, 1, MPI_INT, other, 0, MPI_COMM_WORLD);
    if (rank == 1) printf("the waiting rank: %.1f s of processor time in 3 s\n", (double)clock() / CLOCKS_PER_SEC);
}
int main(int count, char **words) {
    const char *question = count > 1 ? words[1] : "";
    int level = 0, rank = 0, size = 0;
    if (strcmp(question, "multiple") == 0) MPI_Init_thread(&count, &words, MPI_THREAD_MULTIPLE, &level);
    else MPI_Init(&count, &words);
    MPI_Query_thread(&level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    cpu_set_t mask;
    const int error = sched_getaffinity(0, sizeof mask, &mask);
    if (strcmp(question, "spawn") == 0) spawn(words);
    else if (strcmp(question, "idle") == 0) idle(rank, size);
    else if (rank == 0)
        printf("level %d of %d to %d, %d processors\n", level, MPI_THREAD_SINGLE, MPI_THREAD_MULTIPLE,
               error ? -1 : CPU_COUNT(&mask));
    MPI_Finalize();
}
