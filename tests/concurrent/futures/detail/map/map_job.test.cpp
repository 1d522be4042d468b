// SPDX-License-Identifier: MIT
//
// What becomes of the inputs, results and exceptions of a map that does not run to its end.
#include <concurrent/futures/detail/map/map_job.hpp>
#include <concurrent/futures/errors.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;
using Pool = cf::ThreadPoolExecutor;

/// Counts those that are alive.
class Counted {
  public:
    explicit Counted(int number) : number_(number) { ++alive; }
    Counted(const Counted& other) : number_(other.number_) { ++alive; }
    Counted& operator=(const Counted&) = default;
    ~Counted() { --alive; }
    int number() const { return number_; }

    inline static std::atomic<int> alive = 0;

  private:
    int number_;
};

std::vector<Counted> counted(int size) {
    std::vector<Counted> all;
    for (int n = 0; n < size; ++n) all.emplace_back(n);
    return all;
}
Counted same_or_error(const Counted& one) {
    if (one.number() % 3 == 1) throw std::runtime_error("expected");
    return one;
}

TEST_CASE("inputs and results of a map are destroyed, whether its items ran, failed or never started", "[map_job]") {
    const bool ordered = GENERATE(true, false);
    const int taken = GENERATE(0, 2, 7);
    {
        Pool pool(2);
        auto results = ordered ? pool.map(same_or_error, counted(20)) : pool.map_unordered(same_or_error, counted(20));
        auto it = results.begin();
        for (int n = 0; n < taken; ++n, ++it) try {
                static_cast<void>(*it);
            } catch (const std::runtime_error&) {
            }
    }
    CHECK(Counted::alive == 0);
    {
        Pool pool(2);
        pool.pause();
        auto results = ordered ? pool.map(same_or_error, counted(20)) : pool.map_unordered(same_or_error, counted(20));
        results.cancel();
        CHECK(pool.stats().pending == 0);
        CHECK(results.begin() == results.end());
    }
    CHECK(Counted::alive == 0);
}

TEST_CASE("inputs of a map are destroyed when its input throws", "[map_job]") {
    {
        Pool pool(1);
        pool.pause();
        const auto input = std::views::iota(0, 10) | std::views::transform([](int n) {
                               if (n == 5) throw std::out_of_range("expected");
                               return Counted(n);
                           });
        CHECK_THROWS_AS(pool.map(same_or_error, input), std::out_of_range);
    }
    CHECK(Counted::alive == 0);
}

TEST_CASE("exceptions of items that nobody reads are let go, also where nothing else has to be", "[map_job]") {
    struct Error {
        std::shared_ptr<int> held;
    };
    auto held = std::make_shared<int>(0);
    const std::weak_ptr<int> left = held;
    {
        Pool pool(1);
        static_cast<void>(pool.map([&held](int n) -> int { throw Error{n == 0 ? held : nullptr}; }, std::vector{0, 1, 2}));
    }
    held.reset();
    CHECK(left.expired());
}

TEST_CASE("a map gives an outcome for each item when some throw, in any order", "[map_job]") {
    Pool pool(2);
    auto results = pool.map_unordered([](int n) { return n % 2 ? throw std::runtime_error("expected") : n; },
                                      std::views::iota(0, 100));
    int values = 0, errors = 0;
    for (auto it = results.begin(); it != results.end(); ++it) try {
            static_cast<void>(*it), ++values;
        } catch (const std::runtime_error&) {
            ++errors;
        }
    CHECK((values == 50 && errors == 50));
}

TEST_CASE("each item of a map that the pool has cancelled throws CancelledError, and none runs later", "[map_job]") {
    const bool ordered = GENERATE(true, false);
    const int size = GENERATE(1, 5, 500);
    std::atomic<int> ran = 0;
    const auto run = [&](int n) { return ++ran, n; };
    Pool pool(2);
    pool.pause();
    auto results = ordered ? pool.map(run, std::views::iota(0, size)) : pool.map_unordered(run, std::views::iota(0, size));
    pool.cancel_pending();
    int cancelled = 0;
    for (auto it = results.begin(); it != results.end(); ++it) {
        CHECK_THROWS_AS(*it, cf::CancelledError);
        ++cancelled;
    }
    CHECK(cancelled == size);
    pool.shutdown();
    CHECK(ran == 0);
}

TEST_CASE("a map keeps no result that was moved past, and has none left when it is cancelled", "[map_job]") {
    const bool ordered = GENERATE(true, false);
    Pool pool(1);
    std::vector<std::weak_ptr<int>> made(4);
    const auto make = [&made](std::size_t n) {
        auto result = std::make_shared<int>(0);
        made[n] = result;
        return result;
    };
    const auto numbers = std::views::iota(std::size_t{0}, made.size());
    auto results = ordered ? pool.map(make, numbers) : pool.map_unordered(make, numbers);
    auto it = results.begin();
    static_cast<void>(*it);  // not moved from
    CHECK(!made[0].expired());
    ++it;
    CHECK(made[0].expired());
    ++it;  // without a look
    CHECK(made[1].expired());
    static_cast<void>(*it);
    results.cancel();
    CHECK(it == results.end());
    CHECK(results.remaining() == 0u);
}

#if defined(__GLIBCXX__) && defined(__GLIBC__)  // there pthread_exit() unwinds the stack
TEST_CASE("of a large map each item ends, though some end their threads, none runs twice, and the pool goes on", "[map_job]") {
    static constexpr std::size_t size = 2000;
    const bool ordered = GENERATE(true, false);
    const std::size_t workers = GENERATE(1u, 3u), chunksize = GENERATE(0u, 4u), first = GENERATE(1u, 1501u);
    std::vector<std::atomic<int>> runs(size);
    Pool pool(workers);
    const auto end_thread = [&](std::size_t n) {
        ++runs[n];
        if (n >= first) ::pthread_exit(nullptr);
        return n;
    };
    const auto numbers = std::views::iota(std::size_t{0}, size);
    std::size_t values = 0, failed = 0;
    {
        const cf::MapOptions options{.chunksize = chunksize};
        auto results = ordered ? pool.map(options, end_thread, numbers) : pool.map_unordered(options, end_thread, numbers);
        for (auto it = results.begin(); it != results.end(); ++it) try {
                static_cast<void>(*it), ++values;
            } catch (const cf::BrokenPromiseError&) {
                ++failed;
            }
    }
    CHECK(values + failed == size);
    CHECK(std::ranges::none_of(runs, [](const auto& times) { return times > 1; }));
    CHECK(runs[first] == 1);
    if (workers == 1) {  // all before it have run, and nothing behind it
        CHECK(values == first);
        CHECK(std::ranges::count_if(runs, [](const auto& times) { return times == 1; }) == static_cast<std::ptrdiff_t>(first) + 1);
    }
    CHECK(pool.submit([] { return 3; }).result() == 3);
}
#endif

}  // namespace
