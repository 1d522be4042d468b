// SPDX-License-Identifier: MIT
//
// thread_parts.hpp: the tables of a thread pool whose workers have no threads, for tests of the engine's parts.
//
//     parts::ThreadPool pool(2);
//     pool.push(task);
//     { parts::Lock lock(pool.tables.mutex); pool.workforce().bring(lock); }   // "starts" a worker
#pragma once

#include <concurrent/futures/detail/scheduling/worker_threads.hpp>
#include <cstddef>
#include <exception>
#include <system_error>

namespace parts {

using namespace concurrent::futures::detail;
using Lock = ThreadTables::Lock;

struct ThreadTask final : Task {
    TaskEnd run() noexcept override { return TaskEnd::completed; }
    TaskEnd abandon(const std::exception_ptr& reason) noexcept override {
        ++abandoned;
        return reason ? TaskEnd::failed : TaskEnd::cancelled;
    }
    Standing standing() const noexcept override { return is_spent ? Standing::cancelled : Standing::waiting; }

    int abandoned = 0;
    bool is_spent = false;  // it was cancelled: its entry in a queue is of no use any more
};

struct ThreadPool {
    explicit ThreadPool(std::size_t max_workers, std::size_t base_workers = 0)
        : owner(*new WorkerThreads({.max_workers = max_workers})),
          tables(owner, {.max_workers = max_workers, .base_workers = base_workers}, &start) {
        last_started = nullptr;
        cannot_start = false;
    }
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;
    ~ThreadPool() { owner.release(); }

    void push(Task& task, concurrent::futures::Priority priority = concurrent::futures::Priority::normal) {
        tables.queues.inbox.push(task, priority);
    }
    Workforce& workforce() { return tables.workers; }
    /// One that exists; it has no thread.
    Worker& start_worker() {
        ThreadTask any;
        push(any);
        {
            Lock lock(tables.mutex);
            workforce().bring(lock);
        }
        Worker& worker = *last_started;
        while (tables.queues.try_take(worker) != &any) {
        }
        workforce().note_started();
        return worker;
    }

    WorkerThreads& owner;  // of which nothing is used
    ThreadTables tables;

    inline static Worker* last_started = nullptr;
    inline static bool cannot_start = false;

  private:
    static SizedThread start(WorkerThreads&, Worker& worker, std::size_t) {
        if (cannot_start) throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
        last_started = &worker;
        return {};
    }
};

}  // namespace parts
