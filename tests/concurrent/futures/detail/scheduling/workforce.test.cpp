// SPDX-License-Identifier: MIT
//
// When a thread pool starts a thread or wakes one. The threads are not there.
#include <concurrent/futures/detail/scheduling/workforce.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>

#include "concurrent/futures/detail/scheduling/thread_parts.hpp"

namespace {

using namespace concurrent::futures::detail;

void bring(parts::ThreadPool& pool) {
    parts::Lock lock(pool.tables.mutex);
    pool.workforce().bring(lock);
}
void take_all(parts::ThreadPool& pool) {
    while (pool.tables.queues.inbox.try_take()) {
    }
}

TEST_CASE("a thread is started for each task that waits, up to max_workers", "[workforce]") {
    parts::ThreadPool pool(2);
    std::array<parts::ThreadTask, 4> tasks;
    bring(pool);
    CHECK(pool.workforce().headcount().alive() == 0);  // there is nothing to do
    pool.push(tasks[0]);
    bring(pool);
    bring(pool);
    CHECK(pool.workforce().headcount().alive() == 1);  // the one that starts will take it
    for (std::size_t n : {1u, 2u, 3u}) {
        pool.push(tasks[n]);
        bring(pool);
    }
    CHECK(pool.workforce().headcount().alive() == 2);
    CHECK(!pool.tables.search.has_available());
    take_all(pool);
}

TEST_CASE("a worker that sleeps is woken before a thread is started, the one that slept last first", "[workforce]") {
    parts::ThreadPool pool(3);
    Worker& first = pool.start_worker();
    Worker& second = pool.start_worker();
    parts::ThreadTask task;
    {
        const parts::Lock lock(pool.tables.mutex);
        pool.workforce().lie_down(first);
        pool.workforce().lie_down(second);
        CHECK(pool.workforce().headcount().all_idle());
    }
    pool.push(task);
    bring(pool);
    CHECK((pool.workforce().headcount().alive() == 2 && pool.workforce().headcount().idle() == 1));
    CHECK(!pool.workforce().try_rise(second));  // it has been brought
    CHECK(pool.tables.search.is_searched());
    bring(pool);  // not a second one, while the first searches
    CHECK(pool.workforce().headcount().idle() == 1);
    CHECK(pool.workforce().try_rise(first));
    take_all(pool);
}

TEST_CASE("without a thread the tasks are left to the workers that are there", "[workforce]") {
    parts::ThreadPool pool(2);
    pool.start_worker();
    parts::ThreadTask task;
    CHECK(pool.workforce().bring_if_tasks_left());  // none are left
    pool.push(task);
    parts::ThreadPool::cannot_start = true;
    CHECK(!pool.workforce().bring_if_tasks_left());
    CHECK(pool.workforce().headcount().alive() == 1);
    parts::ThreadPool::cannot_start = false;
    CHECK(pool.workforce().bring_if_tasks_left());
    CHECK(pool.workforce().headcount().alive() == 2);
    take_all(pool);
}

TEST_CASE("a worker that sleeps in a task has a substitute, and is one too many when it comes back", "[workforce]") {
    parts::ThreadPool pool(1);
    pool.start_worker();
    parts::ThreadTask task;
    pool.push(task);
    CHECK(pool.workforce().begin_block() == Workforce::Substitute::possible);
    CHECK((pool.workforce().headcount().alive() == 2 && pool.workforce().headcount().has_substitutes()));
    CHECK(!pool.workforce().headcount().too_many());
    pool.workforce().end_block();
    CHECK(pool.workforce().headcount().too_many());
    CHECK(pool.tables.search.has_surplus());
    take_all(pool);
    pool.workforce().note_end(*parts::ThreadPool::last_started);
    CHECK((pool.workforce().headcount().alive() == 1 && !pool.workforce().headcount().too_many()));
}

TEST_CASE("the record of a thread that has ended is used again", "[workforce]") {
    parts::ThreadPool pool(1);
    Worker& worker = pool.start_worker();
    {
        parts::Lock lock(pool.tables.mutex);
        pool.workforce().note_end(worker);
        pool.workforce().join_ended(lock);
    }
    CHECK(&pool.start_worker() == &worker);
    CHECK(worker.next == nullptr);
}

TEST_CASE("a pool that is paused brings nobody, and the one that ends the pause does", "[workforce]") {
    parts::ThreadPool pool(2);
    std::array<parts::ThreadTask, 2> tasks;
    {
        const parts::Lock lock(pool.tables.mutex);
        pool.tables.pause();
    }
    for (parts::ThreadTask& task : tasks) {
        pool.push(task);
        bring(pool);
    }
    CHECK(pool.workforce().headcount().alive() == 0);
    CHECK(!pool.tables.search.has_available());
    CHECK(pool.tables.queues.inbox.try_take() == nullptr);
    CHECK(pool.tables.queues.size() == 2);
    {
        const parts::Lock lock(pool.tables.mutex);
        pool.tables.end_pause();
        CHECK(pool.workforce().bring_if_tasks_left());
    }
    CHECK(pool.workforce().headcount().alive() == 1);
    take_all(pool);
}

TEST_CASE("a worker of a paused pool is one too many until the pause ends", "[workforce]") {
    parts::ThreadPool pool(1);
    static_cast<void>(pool.start_worker());
    const parts::Lock lock(pool.tables.mutex);
    CHECK(!pool.workforce().headcount().too_many());
    pool.tables.pause();
    CHECK((pool.workforce().headcount().too_many() && pool.tables.search.has_surplus()));
    pool.tables.end_pause();
    CHECK((!pool.workforce().headcount().too_many() && !pool.tables.search.has_surplus()));
}

TEST_CASE("a thread gets a number that no other one has, and those of threads that have ended first", "[workforce]") {
    parts::ThreadPool pool(3);
    Worker& first = pool.start_worker();
    const Worker& second = pool.start_worker();
    const auto number = first.number();
    {
        parts::Lock lock(pool.tables.mutex);
        pool.workforce().note_end(first);
        pool.workforce().join_ended(lock);
    }
    CHECK(pool.start_worker().number() == number);
    CHECK(second.number() != number);
}

TEST_CASE("a worker that sleeps in a task hears whether others are at work where no thread can be started", "[workforce]") {
    for (const std::size_t workers : {1u, 2u}) {
        parts::ThreadPool pool(workers);
        for (std::size_t n = 0; n < workers; ++n) pool.start_worker();
        parts::ThreadTask task;
        pool.push(task);
        parts::ThreadPool::cannot_start = true;
        const auto substitute = pool.workforce().begin_block();
        parts::ThreadPool::cannot_start = false;
        CHECK(substitute == (workers == 1 ? Workforce::Substitute::none : Workforce::Substitute::at_bound));
        pool.workforce().end_block();
        take_all(pool);
    }
}

}  // namespace
