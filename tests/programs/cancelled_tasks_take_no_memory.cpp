// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^behind a busy task: few$
// expect-output: ^behind a busy task, with max_pending: few$
// expect-output: ^a task's own: few$
// expect-output: ^a task's own, cancelled by another thread: few$
// expect-output: ^of high priority, run by the task that waits: few$
// timeout-seconds: 60
//
// Tasks that were cancelled, or run by a task that waits for them, stay in no queue for long: though the only worker is
// busy, there are never more than a few objects left.
#include <concurrent/futures/thread_pool_executor.hpp>

#include <array>
#include <atomic>
#include <stdexcept>
#include <vector>

#include "support/counted_new.hpp"

namespace cf = concurrent::futures;

static constexpr int tasks = 5000, few = 500;
using Large = std::array<char, 2000>;  // so each task is an object of its own

static void cancel_some(cf::ThreadPoolExecutor& pool) {
    for (int n = 0; n < tasks; ++n)
        if (!pool.submit([large = Large()] { return large[0]; }).cancel()) throw std::logic_error("it runs");
}

static void behind_a_busy_task(const char* what, cf::ThreadPoolOptions options) {
    options.max_workers = 1;
    std::atomic<bool> runs{false}, may_end{false};
    cf::ThreadPoolExecutor pool(options);  // goes first: its task looks at these until it ends
    pool.post([&] {
        runs = true;
        runs.notify_all();
        may_end.wait(false);
    });
    runs.wait(false);
    const long before = support::objects;
    cancel_some(pool);
    support::print_growth(what, before, few);
    may_end = true;
    may_end.notify_all();
}

static void cancelled_by_another_thread() {
    std::vector<cf::Future<char>> own;
    std::atomic<bool> submitted{false}, may_end{false};
    cf::ThreadPoolExecutor pool(1);
    const long before = support::objects;
    pool.post([&] {
        for (int n = 0; n < tasks; ++n) own.push_back(pool.submit([large = Large()] { return large[0]; }));
        submitted = true;
        submitted.notify_all();
        may_end.wait(false);
    });
    submitted.wait(false);
    for (auto& future : own)
        if (!future.cancel()) throw std::logic_error("it runs");
    own = {};
    support::print_growth("a task's own, cancelled by another thread", before, few);
    may_end = true;
    may_end.notify_all();
}

int main() {
    behind_a_busy_task("behind a busy task", {});
    behind_a_busy_task("behind a busy task, with max_pending", {.max_pending = 10});
    cf::ThreadPoolExecutor pool(1);
    pool.submit([&] {
        const long before = support::objects;
        cancel_some(pool);
        support::print_growth("a task's own", before, few);
    }).result();
    cancelled_by_another_thread();
    pool.submit([&] {
        const long before = support::objects;
        for (int n = 0; n < tasks; ++n)
            pool.submit({.priority = cf::Priority::high}, [large = Large()] { return large[0]; }).result();
        support::print_growth("of high priority, run by the task that waits", before, few);
    }).result();
}
