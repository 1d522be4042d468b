// SPDX-License-Identifier: MIT
//
// mpi.cpp: what the engine of MPI pools and the ranks need no MPI for, under the model checker.
#include <concurrent/futures/detail/mpi/engine_sleep.hpp>
#include <concurrent/futures/detail/mpi/rank_helper.hpp>
#include <concurrent/futures/detail/platform/spin_mutex.hpp>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "model/checker/checker.hpp"

namespace detail = concurrent::futures::detail;
using model::expect;

/// An engine that sleeps until two tasks were submitted, and another thread that submits them, as in an intake.
static void submit_two(detail::SharedDoorbell* bell) {
    std::mutex mutex;
    const detail::LockRule rule(mutex);
    detail::EngineSleep sleep(rule);
    sleep.set_bell(bell);
    detail::SpinMutex intake;
    int tasks = 0;
    std::thread other([&] {
        for (int n = 0; n < 2; ++n) {
            {
                const std::lock_guard lock(intake);
                ++tasks;
            }
            sleep.wake();
        }
    });
    {
        detail::EngineSleep::Lock lock(mutex);
        for (int seen = 0; seen != 2;) {
            const auto has_new = [&] {
                const std::lock_guard look(intake);
                return std::exchange(seen, tasks) != tasks;
            };
            if (!has_new()) sleep.wait(lock, {.polls = bell != nullptr, .all_ring = bell != nullptr}, has_new);
        }
    }
    other.join();
}

MODEL("the engine of MPI pools is woken for each task") { submit_two(nullptr); }

MODEL("the engine of MPI pools is woken for each task while it listens to the bell of the ranks") {
    detail::SharedDoorbell bell;
    submit_two(&bell);
}

MODEL("the helper thread of a rank works while a job takes long, though it had gone to sleep") {
    std::mutex mutex;
    std::condition_variable changed;
    int looks = 0;
    detail::RankHelper helper(
        [&] {
            {
                const std::lock_guard lock(mutex);
                ++looks;
                changed.notify_one();
            }
            std::this_thread::yield();
        },
        {.tick = {}, .ticks_awake = 0});
    for (int job = 1; job <= 2; ++job) {
        helper.note_run();
        {
            std::unique_lock lock(mutex);
            changed.wait(lock, [&, before = looks] { return looks != before; });
        }
        helper.note_end();
    }
    expect(looks >= 2, "it has looked in each job");
}
