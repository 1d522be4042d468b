// SPDX-License-Identifier: MIT
//
// In which order a worker looks through the queues of a thread pool. No thread is started.
#include <concurrent/futures/detail/scheduling/work_queues.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <exception>
#include <stdexcept>

#include "concurrent/futures/detail/scheduling/thread_parts.hpp"

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::Priority;

TEST_CASE("a worker takes what has high priority, then its own tasks, then the inbox, then those of others", "[work_queues]") {
    parts::ThreadPool pool(2);
    WorkQueues& queues = pool.tables.queues;
    Worker& one = pool.start_worker();
    Worker& other = pool.start_worker();
    REQUIRE(&one != &other);
    parts::ThreadTask high, own, inbox, low, of_other;
    one.push(own);
    other.push(of_other);
    pool.push(low, Priority::low);
    pool.push(inbox);
    pool.push(high, Priority::high);
    CHECK(queues.size() == 5);
    CHECK(queues.try_take(one) == &high);
    CHECK(queues.try_take(one) == &own);
    CHECK(queues.try_take(one) == &inbox);
    CHECK(queues.try_take(one) == &of_other);
    CHECK(queues.try_take(one) == &low);
    CHECK(queues.try_take(one) == nullptr);
    CHECK((queues.empty() && queues.looks_empty() && queues.size() == 0));
}

TEST_CASE("a worker looks first where it found another one's task the last time, and finds those of all others", "[work_queues]") {
    parts::ThreadPool pool(4);
    WorkQueues& queues = pool.tables.queues;
    Worker& one = pool.start_worker();
    std::array<Worker*, 3> others{&pool.start_worker(), &pool.start_worker(), &pool.start_worker()};
    for (Worker* const last : others) {
        parts::ThreadTask first, second;
        last->push(first);
        CHECK(queues.try_take(one) == &first);
        std::array<parts::ThreadTask, 3> of_each;
        for (std::size_t n = 0; n < others.size(); ++n) others[n]->push(of_each[n]);
        last->push(second);
        Task* taken = queues.try_take(one);
        for (std::size_t n = 0; n < others.size(); ++n)
            if (others[n] == last) CHECK(taken == &of_each[n]);
        taken = queues.try_take(one);
        CHECK(taken == &second);
        CHECK((queues.try_take(one) && queues.try_take(one) && !queues.try_take(one)));
        CHECK(queues.empty());
    }
}

TEST_CASE("tasks that keep submitting others do not keep the inbox waiting for ever", "[work_queues]") {
    parts::ThreadPool pool(1);
    Worker& worker = pool.start_worker();
    std::array<parts::ThreadTask, 200> own;
    parts::ThreadTask waits;
    pool.push(waits);
    for (parts::ThreadTask& task : own) worker.push(task);
    bool taken = false;
    for (int n = 0; n < 64; ++n) taken = taken || pool.tables.queues.try_take(worker) == &waits;
    CHECK(taken);
    while (pool.tables.queues.try_take(worker)) {
    }
}

TEST_CASE("tasks that will not run end as cancelled, or with the reason", "[work_queues]") {
    for (const bool cancelled : {true, false}) {
        parts::ThreadPool pool(1);
        Worker& worker = pool.start_worker();
        std::array<parts::ThreadTask, 2> tasks;
        pool.push(tasks[0]);
        worker.push(tasks[1]);
        const std::exception_ptr reason = cancelled ? nullptr : std::make_exception_ptr(std::runtime_error("broken"));
        CHECK(pool.tables.queues.abandon_all(reason, pool.tables.calls_of_others) == (cancelled ? 2u : 0u));
        for (const parts::ThreadTask& task : tasks) CHECK(task.abandoned == 1);
        CHECK(pool.tables.queues.empty());
    }
}

TEST_CASE("cancelled tasks leave the inbox when they are half of it", "[work_queues]") {
    parts::ThreadPool pool(1);
    WorkQueues& queues = pool.tables.queues;
    std::array<parts::ThreadTask, 100> tasks;
    for (parts::ThreadTask& task : tasks) pool.push(task);
    int times = 0;
    for (std::size_t n = 0; n < 64; ++n) {
        tasks[n].is_spent = true;
        if (!queues.note_spent()) continue;
        ++times;
        queues.take_out_spent();
    }
    CHECK(times == 1);
    CHECK(queues.inbox.size() == 36);
    for (std::size_t n = 0; n < tasks.size(); ++n) CHECK(tasks[n].abandoned == (n < 64 ? 1 : 0));
    CHECK(queues.abandon_all(nullptr, pool.tables.calls_of_others) == 36);
}

}  // namespace
