// SPDX-License-Identifier: MIT
//
// worker_threads_hooks.hpp: a worker of WorkerThreads from its first to its last act: initializer, tasks, worker_exit;
// also when one of them ends the thread. Included by worker_threads.hpp, where the class and its picture are.
#pragma once

#include <exception>
#include <string>

#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/scheduling/worker_threads.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// `last`: what to do before others may hear that this thread has ended. It may end early, in a task or a hook: see
/// forced_unwind.hpp. Nothing else is thrown here.
template <class Last>
void WorkerThreads::work(Worker& worker, Last last) {
    this_worker = &worker;
    worker.note_stack(stack_size_);
    const auto leave = [&] {
        last();
        end(worker);
        // What thread_locals of this thread still do is done from outside.
        this_worker = nullptr;
    };
    try {
        live(worker);
    } catch (ForcedUnwind&) {
        leave();
        throw;
    }
    leave();
}

inline void WorkerThreads::live(Worker& worker) {
    bool ready = false;
    const auto begin = [&] {
        {
            const std::lock_guard lock(mutex_);
            --starting_;
            // relaxed: it has not looked yet.
            if (ready) searching_.fetch_add(1, std::memory_order_relaxed);
        }
        if (!ready) abandon_all(error_or_why_not([this] { return BrokenThreadPool(broken_); }));
    };
    try {
        ready = initialize();
    } catch (ForcedUnwind&) {
        begin();
        throw;
    }
    begin();
    if (!ready) return;
    try {
        run_tasks(worker);
    } catch (ForcedUnwind&) {
        run_worker_exit();
        throw;
    }
    run_worker_exit();
}

inline void WorkerThreads::run_worker_exit() {
    if (!options_.worker_exit) return;
    try {
        options_.worker_exit();
    } catch (ForcedUnwind&) {
        throw;
    } catch (...) {
        report_unhandled(hook(), std::current_exception(), "worker_exit");
    }
}

/// False when the initializer threw: the pool is broken now.
inline bool WorkerThreads::initialize() {
    try {
        if (options_.initializer) options_.initializer();
        return true;
    } catch (ForcedUnwind&) {
        give_up(text_or_why_not([] {
            return std::string("ThreadPoolExecutor: the initializer ended its thread (pthread_exit(), or it "
                               "was cancelled); the pool cannot be used any more");
        }));
        throw;
    } catch (const std::exception& error) {
        give_up(text_or_why_not([&] {
            return std::string("ThreadPoolExecutor: the initializer threw: ") + error.what() +
                   "; the pool cannot be used any more";
        }));
    } catch (...) {
        give_up(text_or_why_not([] {
            return std::string("ThreadPoolExecutor: the initializer threw something that is no std::exception; "
                               "the pool cannot be used any more");
        }));
    }
    return false;
}

inline void WorkerThreads::give_up(std::string why) noexcept {
    const std::lock_guard lock(mutex_);
    if (broken_.empty()) broken_ = std::move(why);
    // release, pairs with the acquire in submit().
    closed_.store(true, std::memory_order_release);
    inbox_.close();
    give_room();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
