// SPDX-License-Identifier: MIT
#include <concurrent/futures/options.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdint>
#include <limits>
#include <stdexcept>

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

TEST_CASE("a count takes every integer type", "[options]") {
    CHECK(cf::Count() == 0);
    CHECK(cf::Count(7) == 7);
    CHECK(cf::Count(7u) == 7);
    CHECK(cf::Count(std::int8_t{7}) == 7);
    CHECK(cf::Count(std::numeric_limits<std::size_t>::max()) ==
          std::numeric_limits<std::size_t>::max());
}

TEST_CASE("a negative count is refused where it is written", "[options]") {
    CHECK_THROWS_AS(cf::Count(-1), std::invalid_argument);
    CHECK_THROWS_AS(cf::Count(std::numeric_limits<long long>::min()), std::invalid_argument);
    CHECK_THROWS_AS((cf::MapOptions{.chunksize = -1}), std::invalid_argument);
    CHECK_THROWS_AS((cf::ThreadPoolOptions{.max_workers = -4}), std::invalid_argument);
}

TEST_CASE("options are written as keyword arguments, in the order of the contract", "[options]") {
    const cf::TaskOptions task{.name = "t", .priority = cf::Priority::high, .timeout = 5s, .retries = 2};
    CHECK(task.timeout == 5s);
    CHECK(task.retries == 2);
    const cf::MapOptions map{.timeout = 5ms, .chunksize = 3, .buffersize = 4};
    CHECK(map.chunksize == 3);
    CHECK(*map.buffersize == 4);
    const cf::WaitOptions wait{.timeout = 1min, .return_when = cf::ReturnWhen::first_completed};
    CHECK(wait.timeout == 60s);
    const cf::ShutdownOptions shutdown{.wait = false, .cancel_futures = true};
    CHECK(shutdown.cancel_futures);
    const cf::ThreadPoolOptions pool{.max_workers = 4,
                                     .thread_name_prefix = "p",
                                     .initializer = [] {},
                                     .worker_exit = [] {},
                                     .max_pending = 9,
                                     .on_full = cf::QueueFull::raise,
                                     .idle_timeout = 5s,
                                     .on_destroy = cf::OnDestroy::cancel_pending,
                                     .report_unobserved = false,
                                     .on_unhandled_exception = [](const std::exception_ptr&) {},
                                     .observer = nullptr};
    CHECK(pool.max_pending == 9);
}

TEST_CASE("options that are left out mean what Python's defaults mean", "[options]") {
    const cf::TaskOptions task;
    CHECK(task.priority == cf::Priority::normal);
    CHECK_FALSE(task.timeout);
    CHECK(task.retries == 0);
    CHECK_FALSE(cf::MapOptions().buffersize);
    CHECK_FALSE(cf::MapOptions().timeout);
    CHECK(cf::WaitOptions().return_when == cf::ReturnWhen::all_completed);
    CHECK(cf::ShutdownOptions().wait);
    CHECK_FALSE(cf::ShutdownOptions().cancel_futures);
    const cf::ThreadPoolOptions pool;
    CHECK(pool.max_workers == 0);
    CHECK(pool.max_pending == 0);
    CHECK(pool.on_full == cf::QueueFull::block);
    CHECK(pool.on_destroy == cf::OnDestroy::wait);
    CHECK_FALSE(pool.idle_timeout);
}

TEST_CASE("negative durations and absurd worker counts are named in the refusal", "[options]") {
    CHECK_NOTHROW(cf::detail::require_not_negative(cf::Duration(), "x"));
    CHECK_NOTHROW(cf::detail::require_not_negative(cf::Duration(0s), "x"));
    CHECK_NOTHROW(cf::detail::require_sane_worker_count(64, 64));
    try {
        cf::detail::require_not_negative(cf::Duration(-1ns), "idle_timeout");
        FAIL("accepted");
    } catch (const std::invalid_argument& error) {
        CHECK(std::string(error.what()).find("idle_timeout") == 0);
    }
    try {
        cf::detail::require_sane_worker_count(65, 64);
        FAIL("accepted");
    } catch (const std::invalid_argument& error) {
        CHECK(std::string(error.what()).find("max_workers = 65") == 0);
    }
}

}  // namespace
