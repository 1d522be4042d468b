#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Question: a task of one GThreadPool sets a thread-local variable; that pool is freed, and another one is made for
#           another function. Does a task of the new pool see the old value?
# Guess:    no. The first pool was freed and all its tasks waited for, so its threads are gone.
# Truth:    yes. Threads of pools that are not exclusive belong to no pool. They go to a store that all pools of the
#           process share, also those of libraries that one has never heard of, and come back with what they hold.
# Seen with: GLib 2.74.6 (Debian 12).
# For pools: what a task leaves in thread-local storage may reach a stranger's task. Threads that end with their
#           pool, and an initializer per thread, keep that apart.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

unpack libglib2.0-dev=2.74.6-2+deb12u9 libglib2.0-0=2.74.6-2+deb12u9
cat >"$work/pools.c" <<'C'
#include <glib.h>
#include <stdio.h>

static _Thread_local int mark;
static GMutex mutex;
static GCond changed;
static int seen = -1;

static void leave(gpointer task, gpointer data) { (void)task; (void)data; mark = 7; }
static void look(gpointer task, gpointer data) {
    (void)task; (void)data;
    g_mutex_lock(&mutex);
    seen = mark;
    g_cond_signal(&changed);
    g_mutex_unlock(&mutex);
}
int main(void) {
    GThreadPool *first = g_thread_pool_new(leave, NULL, 1, FALSE, NULL);
    g_thread_pool_push(first, &mark, NULL);
    g_thread_pool_free(first, FALSE, TRUE); /* waits for its tasks */

    /* The first pool's thread may still be on its way to the store: so a few pools, one after the other. */
    for (int attempt = 0; attempt < 1000 && seen <= 0; ++attempt) {
        GThreadPool *other = g_thread_pool_new(look, NULL, 1, FALSE, NULL);
        seen = -1;
        g_thread_pool_push(other, &mark, NULL);
        g_mutex_lock(&mutex);
        while (seen < 0) g_cond_wait(&changed, &mutex);
        g_mutex_unlock(&mutex);
        g_thread_pool_free(other, FALSE, TRUE);
    }
    printf("%d\n", seen);
}
C
libraries=$root/usr/lib/x86_64-linux-gnu
cc -o "$work/pools" "$work/pools.c" -I"$root/usr/include/glib-2.0" -I"$libraries/glib-2.0/include" \
    -L"$libraries" -lglib-2.0
echo "GLib 2.74.6"
expect "thread-local value that another pool's task sees" "$(LD_LIBRARY_PATH=$libraries timeout 30 "$work/pools")" 7
