// SPDX-License-Identifier: MIT
//
// A thread pool pauses, goes on, and has another number of workers. Its workers have no threads.
#include <concurrent/futures/detail/scheduling/thread_control.hpp>

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <system_error>

#include "concurrent/futures/detail/scheduling/thread_parts.hpp"
#include "support/forked.hpp"

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;

TEST_CASE("a paused thread pool brings a worker for what waits when it goes on", "[thread_control]") {
    parts::ThreadPool pool(1);
    ThreadControl control(pool.tables);
    control.pause();
    parts::ThreadTask task;
    pool.push(task);
    CHECK(parts::ThreadPool::last_started == nullptr);
    control.resume();
    REQUIRE(parts::ThreadPool::last_started != nullptr);
    CHECK(pool.tables.queues.try_take(*parts::ThreadPool::last_started) == &task);
    pool.workforce().note_started();
}

TEST_CASE("more workers than before are brought for what waits", "[thread_control]") {
    parts::ThreadPool pool(1);
    ThreadControl control(pool.tables);
    static_cast<void>(pool.start_worker());  // it is at work
    parts::ThreadTask another;
    pool.push(another);
    parts::ThreadPool::last_started = nullptr;
    control.set_max_workers(2);
    CHECK(pool.workforce().headcount().max_workers() == 2);
    REQUIRE(parts::ThreadPool::last_started != nullptr);
    CHECK(pool.tables.queues.try_take(*parts::ThreadPool::last_started) == &another);
    pool.workforce().note_started();
}

TEST_CASE("a closed thread pool is not paused, and starts no workers", "[thread_control]") {
    parts::ThreadPool pool(1);
    ThreadControl control(pool.tables);
    pool.tables.close("");
    CHECK_THROWS_AS(control.pause(), cf::ShutdownError);
    CHECK_THROWS_AS(control.start_workers(false), cf::ShutdownError);
    control.resume();
    CHECK(!pool.workforce().headcount().is_paused());
}

TEST_CASE("a thread of the pool cannot wait for the start of its workers", "[thread_control]") {
    parts::ThreadPool pool(1);
    CHECK_THROWS_AS(ThreadControl(pool.tables).start_workers(true), std::system_error);
}

TEST_CASE("workers that cannot be started are an error with their number", "[thread_control]") {
    parts::ThreadPool pool(3);
    parts::ThreadPool::cannot_start = true;
    std::string why;
    try {
        ThreadControl(pool.tables).start_workers(false);
    } catch (const cf::BrokenThreadPool& error) {
        why = error.what();
    }
    parts::ThreadPool::cannot_start = false;
    CHECK(why.find(": 0 of 3 workers could be started") != std::string::npos);
}

TEST_CASE("in a forked child no worker is started", "[thread_control]") {
    parts::ThreadPool pool(1);
    const auto start = [&] {
        try {
            ThreadControl(pool.tables).start_workers(false);
        } catch (const cf::BrokenThreadPool&) {
            return 0;
        }
        return 1;
    };
    CHECK(support::run_forked(start).exit_code() == 0);
}

}  // namespace
