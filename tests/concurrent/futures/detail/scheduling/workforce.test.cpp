// SPDX-License-Identifier: MIT
//
// When a thread pool starts a thread or wakes one. The threads are not there.
#include <concurrent/futures/detail/scheduling/workforce.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <set>

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

TEST_CASE("a number is free again when its thread could not be started", "[workforce]") {
    parts::ThreadPool pool(3);
    Worker& first = pool.start_worker();
    const Worker& second = pool.start_worker();
    {
        parts::Lock lock(pool.tables.mutex);
        pool.workforce().note_end(first);
        pool.workforce().join_ended(lock);
    }
    parts::ThreadTask task;
    pool.push(task);
    parts::ThreadPool::cannot_start = true;
    CHECK_THROWS(bring(pool));
    parts::ThreadPool::cannot_start = false;
    take_all(pool);
    const Worker& third = pool.start_worker();
    const Worker& fourth = pool.start_worker();
    CHECK(std::set{second.number(), third.number(), fourth.number()} == std::set<std::size_t>{0, 1, 2});
}

TEST_CASE("of the workers that were idle for long all but base_workers leave", "[workforce]") {
    parts::ThreadPool pool(2, 1);
    Worker& one = pool.start_worker();
    Worker& other = pool.start_worker();
    const parts::Lock lock(pool.tables.mutex);
    CHECK(!pool.workforce().try_leave(one, true));  // there are no substitutes
    CHECK(pool.workforce().try_leave(one, false));
    CHECK(!pool.workforce().try_leave(other, false));
    CHECK(pool.workforce().headcount().staying() == 1);
}

TEST_CASE("a worker that leaves counts as one that stays no more, and once", "[workforce]") {
    parts::ThreadPool pool(2);
    for (int round = 0; round < 3; ++round) {
        Worker& worker = pool.start_worker();
        parts::Lock lock(pool.tables.mutex);
        if (round != 1) REQUIRE(pool.workforce().try_leave(worker, false));
        pool.workforce().note_end(worker);
        pool.workforce().join_ended(lock);  // the next round uses the record again
        CHECK(pool.workforce().headcount().alive() == 0);
        CHECK(pool.workforce().headcount().staying() == 0);
    }
}

TEST_CASE("for all workers, threads are started in place of those that leave, not of those that sleep", "[workforce]") {
    parts::ThreadPool pool(2);
    Worker& leaves = pool.start_worker();
    Worker& sleeps = pool.start_worker();
    const parts::Lock lock(pool.tables.mutex);
    pool.workforce().lie_down(sleeps);
    pool.workforce().start_missing();
    CHECK(pool.workforce().headcount().alive() == 2);
    REQUIRE(pool.workforce().try_leave(leaves, false));
    pool.workforce().start_missing();
    CHECK(pool.workforce().headcount().alive() == 3);
}

TEST_CASE("no thread is started for a task that a worker is about to take", "[workforce]") {
    parts::ThreadPool pool(2);
    static_cast<void>(pool.start_worker());
    std::array<parts::ThreadTask, 2> tasks;
    pool.push(tasks[0]);
    pool.tables.search.begin_search();
    pool.tables.search.begin_take();
    bring(pool);
    CHECK(pool.workforce().headcount().alive() == 1);
    pool.push(tasks[1]);
    bring(pool);
    CHECK(pool.workforce().headcount().alive() == 2);
    pool.tables.search.end_take();
    take_all(pool);
}

TEST_CASE("with fewer workers allowed, idle ones get up to end; with more, more can be brought", "[workforce]") {
    parts::ThreadPool pool(2);
    Worker& one = pool.start_worker();
    Worker& other = pool.start_worker();
    const parts::Lock lock(pool.tables.mutex);
    CHECK(!pool.tables.search.has_available());
    pool.workforce().set_max_workers(3);
    CHECK(pool.tables.search.has_available());
    pool.workforce().set_max_workers(1);
    CHECK((!pool.tables.search.has_available() && pool.tables.search.has_surplus()));
    pool.workforce().set_max_workers(2);
    CHECK(!pool.tables.search.has_surplus());
    pool.workforce().lie_down(one);
    pool.workforce().lie_down(other);
    pool.workforce().set_max_workers(1);
    CHECK(pool.workforce().headcount().idle() == 1);
}

}  // namespace
