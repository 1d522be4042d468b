// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/state/once_value.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/deadline.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::InvalidStateError;
using namespace std::chrono_literals;

TEST_CASE("a value is made once, by who asks first", "[once_value]") {
    OnceValue<std::string> value;
    CHECK_FALSE(value.is_made());
    int times = 0;
    const auto make = [&] {
        ++times;
        return std::string("made");
    };
    CHECK(value.get(make) == "made");
    CHECK(&value.get(make) == &value.get(make));
    CHECK(times == 1);
    CHECK(value.is_made());
}

TEST_CASE("a value that is given is not made", "[once_value]") {
    OnceValue<int> value(std::in_place, 7);
    CHECK(value.is_made());
    CHECK(value.get([]() -> int { throw std::logic_error("made"); }) == 7);
}

TEST_CASE("when making a value throws, the next one tries again", "[once_value]") {
    OnceValue<int> value;
    CHECK_THROWS_AS(value.get([]() -> int { throw std::runtime_error("not yet"); }), std::runtime_error);
    CHECK_FALSE(value.is_made());
    CHECK(value.get([] { return 3; }) == 3);
}

TEST_CASE("a value that asks for itself while it is made is an error, not a deadlock", "[once_value]") {
    OnceValue<int> value;
    CHECK_THROWS_AS(value.get([&] { return value.get([] { return 1; }); }), InvalidStateError);
    CHECK(value.get([] { return 3; }) == 3);
}

TEST_CASE("who asks while a value is made waits for it", "[once_value]") {
    OnceValue<int> value;
    std::atomic<int> made{0};
    support::Gate gate;
    std::vector<std::thread> threads;
    std::atomic<int> sum{0};
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            sum += value.get([&] {
                gate.wait();
                return ++made;
            });
        });
    gate.open();
    for (auto& thread : threads) thread.join();
    CHECK(made == 1);
    CHECK(sum == 4);
}

TEST_CASE("a worker that waits for a value that another thread makes has a substitute meanwhile", "[once_value]") {
    OnceValue<int> value;
    support::Gate begun, gate;
    std::jthread maker([&] {
        value.get([&] {
            begun.open();
            gate.wait();
            return 4;
        });
    });
    begun.wait();
    concurrent::futures::ThreadPoolExecutor pool(1);
    const auto waits = pool.submit([&] { return value.get([] { return 5; }); });
    const auto opens = pool.submit([&] { gate.open(); });
    const bool opened = opens.wait_for(support::deadline(30s)) == std::future_status::ready;
    gate.open();
    CHECK(opened);
    CHECK(waits.result() == 4);
    // It works again as before: two tasks are not run at once.
    CHECK(support::eventually([&] { return pool.stats().workers == 1; }));
}

}  // namespace
