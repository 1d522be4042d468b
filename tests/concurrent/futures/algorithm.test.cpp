// SPDX-License-Identifier: MIT
#include <concurrent/futures/algorithm.hpp>
#include <concurrent/futures/inline_executor.hpp>
#include <concurrent/futures/sort.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <forward_list>
#include <functional>
#include <iterator>
#include <latch>
#include <list>
#include <memory>
#include <mutex>
#include <numeric>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/deadline.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

std::vector<int> up_to(int count) {
    std::vector<int> numbers(static_cast<std::size_t>(count));
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}

/// Long enough that workers are woken.
void take_a_while() {
    const auto end = std::chrono::steady_clock::now() + 5us;
    while (std::chrono::steady_clock::now() < end) {
    }
}

TEST_CASE("for_each() calls once with each element, in place", "[algorithm]") {
    const int workers = GENERATE(1, 2, 4);
    const int count = GENERATE(0, 1, 2, 100, 1'000, 100'000);
    cf::ThreadPoolExecutor pool(workers);
    for (int round = 0; round < 3; ++round) {  // unknown, then remembered
        std::vector<int> numbers = up_to(count);
        cf::for_each(pool, numbers, [](int& n) { n = -n; });
        bool right = true;
        for (int n = 0; n < count; ++n) right &= numbers[static_cast<std::size_t>(n)] == -n;
        CHECK(right);
    }
}

TEST_CASE("for_each() takes long and uneven elements", "[algorithm]") {
    cf::ThreadPoolExecutor pool(2);
    std::vector<std::atomic<int>> visits(2'000);
    std::vector<std::size_t> places(visits.size());
    std::iota(places.begin(), places.end(), std::size_t{0});
    cf::for_each(pool, places, [&](std::size_t i) {
        if (i % 10 == 0) take_a_while();
        ++visits[i];
    });
    bool right = true;
    for (const auto& visit : visits) right &= visit == 1;
    CHECK(right);
}

TEST_CASE("a few long elements are run side by side, also the first time", "[algorithm]") {
    cf::ThreadPoolExecutor pool(2);
    std::latch both(2);
    cf::for_each(pool, std::vector{0, 1}, [&](int) { both.arrive_and_wait(); });
    CHECK(both.try_wait());
}

TEST_CASE("ranges of every kind can be walked", "[algorithm]") {
    cf::ThreadPoolExecutor pool(2);
    const std::vector<int> numbers = up_to(1'000);
    const int sum = 999 * 1'000 / 2;
    const auto sum_of = [&](auto&& range) {
        std::atomic<int> total = 0;
        cf::for_each(pool, range, [&](int n) { total += n; });
        return total.load();
    };
    CHECK(sum_of(numbers) == sum);
    CHECK(sum_of(std::list<int>(numbers.begin(), numbers.end())) == sum);
    CHECK(sum_of(std::forward_list<int>(numbers.begin(), numbers.end())) == sum);
    CHECK(sum_of(std::set<int>(numbers.begin(), numbers.end())) == sum);
    CHECK(sum_of(std::deque<int>(numbers.begin(), numbers.end())) == sum);
    int array[] = {1, 2, 3};
    CHECK(sum_of(array) == 6);
    struct Words {  // single pass
        std::istringstream text{"1 2 3 4"};
        auto begin() { return std::istream_iterator<int>(text); }
        auto end() { return std::istream_iterator<int>(); }
    };
    CHECK(sum_of(Words()) == 10);
    std::list<int> in_place(numbers.begin(), numbers.end());
    cf::for_each(pool, in_place, [](int& n) { n *= 2; });
    CHECK(std::accumulate(in_place.begin(), in_place.end(), 0) == 2 * sum);
    std::vector<bool> bits(1'000);
    cf::for_each(pool, bits, [](auto&& bit) { bit = true; });
    CHECK(std::count(bits.begin(), bits.end(), true) == 1'000);
}

TEST_CASE("for_each_index() counts", "[algorithm]") {
    cf::ThreadPoolExecutor pool(2);
    std::vector<std::atomic<int>> visits(1'000);
    cf::for_each_index(pool, -500, 500L, [&](long i) { ++visits[static_cast<std::size_t>(i + 500)]; });
    bool right = true;
    for (const auto& visit : visits) right &= visit == 1;
    CHECK(right);
    cf::for_each_index(pool, 3, 3, [](int) { FAIL("there is no index"); });
    std::vector<int> squares(100);
    cf::for_each_index(pool, squares.size(), [&](std::size_t i) { squares[i] = static_cast<int>(i * i); });
    CHECK(squares[0] == 0);
    CHECK(squares[99] == 99 * 99);
    cf::for_each_index(pool, 0, [](int) { FAIL("there is no index"); });
    cf::for_each_index(pool, 3u, -1, [](auto) { FAIL("there is no index"); });
}

TEST_CASE("transform() writes in the order of the input", "[algorithm]") {
    cf::ThreadPoolExecutor pool(2);
    const std::vector<int> numbers = up_to(10'000);
    std::vector<std::string> texts(numbers.size() + 1, "untouched");
    const auto end =
        cf::transform(pool, numbers, texts.begin(), [](int n) { return std::to_string(n); });
    CHECK(end == std::prev(texts.end()));
    CHECK(texts.back() == "untouched");
    bool right = true;
    for (int n : numbers) right &= texts[static_cast<std::size_t>(n)] == std::to_string(n);
    CHECK(right);
    SECTION("to an output that has to be written in order") {
        std::list<std::string> list;
        cf::transform(pool, numbers, std::back_inserter(list), [](int n) { return std::to_string(n); });
        CHECK(std::equal(list.begin(), list.end(), texts.begin(), std::prev(texts.end())));
    }
    SECTION("to bits") {
        std::vector<bool> odd(numbers.size());
        cf::transform(pool, numbers, odd.begin(), [](int n) { return n % 2 == 1; });
        CHECK(std::count(odd.begin(), odd.end(), true) == 5'000);
        CHECK(odd[1]);
    }
    SECTION("in place") {
        std::vector<int> same = numbers;
        cf::transform(pool, same, same.begin(), [](int n) { return n + 1; });
        CHECK(same.front() == 1);
        CHECK(same.back() == 10'000);
    }
}

TEST_CASE("transform_reduce() needs an associative operation only", "[algorithm]") {
    cf::ThreadPoolExecutor pool(3);
    const int count = GENERATE(0, 1, 7, 3'000);
    std::string expected = "<";
    for (int n = 0; n < count; ++n) expected += std::to_string(n) + ",";
    const auto joined = cf::transform_reduce(pool, up_to(count), std::string("<"), std::plus<>(),
                                             [](int n) {
                                                 take_a_while();
                                                 return std::to_string(n) + ",";
                                             });
    CHECK(joined == expected);
    CHECK(cf::transform_reduce(pool, up_to(count), std::int64_t{5}, std::plus<>(), [](int n) {
              return std::int64_t{n};
          }) == 5 + std::int64_t{count} * (count - 1) / 2);
}

TEST_CASE("a sum of floating-point numbers is the same in each run and with any number of workers", "[algorithm]") {
    const int count = GENERATE(1, 7, 256, 257, 1'000, 300'000);
    std::vector<double> numbers;
    for (int n = 0; n < count; ++n) numbers.push_back(1.0 / (n + 1) * (n % 3 == 0 ? 1e9 : 1));
    std::set<double> sums;
    for (const int workers : {1, 2, 3, 4}) {
        cf::ThreadPoolExecutor pool(workers);
        for (int round = 0; round < 5; ++round) sums.insert(cf::reduce(pool, numbers));
    }
    CHECK(sums.size() == 1);
}

TEST_CASE("reduce() starts with init and keeps the order", "[algorithm]") {
    cf::ThreadPoolExecutor pool(3);
    CHECK(cf::reduce(pool, std::vector<int>()) == 0);
    CHECK(cf::reduce(pool, up_to(1'000)) == 499'500);
    CHECK(cf::reduce(pool, up_to(1'000), 1) == 499'501);
    CHECK(cf::reduce(pool, up_to(1'000), std::int64_t{1'000'000'000'000}) == 1'000'000'499'500);
    std::vector<std::string> letters;
    std::string expected = "-";
    for (int n = 0; n < 3'000; ++n) expected += letters.emplace_back(1, static_cast<char>('a' + n % 26));
    CHECK(cf::reduce(pool, letters, std::string("-")) == expected);
    CHECK(cf::reduce(pool, std::list<int>{3, 1, 2}, 0, [](int a, int b) { return std::max(a, b); }) == 3);
}

TEST_CASE("for_each_index_2d() calls with each row and column once", "[algorithm]") {
    const int rows = GENERATE(0, 1, 3, 700), columns = GENERATE(0, 1, 5, 300);
    cf::ThreadPoolExecutor pool(2);
    std::vector<std::atomic<int>> visits(static_cast<std::size_t>(rows * columns));
    cf::for_each_index_2d(pool, rows, columns, [&](int row, int column) {
        ++visits[static_cast<std::size_t>(row * columns + column)];
    });
    bool right = true;
    for (const auto& visit : visits) right &= visit == 1;
    CHECK(right);
    cf::for_each_index_2d(pool, -1, 3, [](int, int) { FAIL("there is no row"); });
}

TEST_CASE("the first exception ends a loop and comes out of it", "[algorithm]") {
    const int workers = GENERATE(1, 2, 4);
    const int at = GENERATE(0, 5, 50'000, 99'999);
    cf::ThreadPoolExecutor pool(workers);
    std::atomic<int> visits = 0;
    try {
        cf::for_each(pool, up_to(100'000), [&](int n) {
            ++visits;
            if (n == at) throw std::runtime_error("number " + std::to_string(n));
        });
        FAIL("nothing was thrown");
    } catch (const std::runtime_error& error) {
        CHECK(error.what() == "number " + std::to_string(at));
    }
    const int seen = visits;
    pool.shutdown();
    CHECK(visits == seen);  // nothing runs on
}

TEST_CASE("loops may be nested on one worker and in each other", "[algorithm]") {
    const int workers = GENERATE(1, 2);
    cf::ThreadPoolExecutor pool(workers);
    const auto cube = [&] {
        std::atomic<int> visits = 0;
        cf::for_each_index(pool, 0, 20, [&](int) {
            cf::for_each_index(pool, 0, 20, [&](int) {
                cf::for_each_index(pool, 0, 20, [&](int) { ++visits; });
                take_a_while();
            });
        });
        return visits.load();
    };
    CHECK(cube() == 8'000);
    CHECK(pool.submit(cube).result() == 8'000);
    std::vector<cf::Future<int>> many;
    for (int i = 0; i < 6; ++i) many.push_back(pool.submit(cube));
    for (const auto& one : many) CHECK(one.result() == 8'000);
}

TEST_CASE("a loop ends although all workers are busy, or gone", "[algorithm]") {
    support::Gate go;
    cf::ThreadPoolExecutor pool(2);
    const std::vector<cf::Future<void>> busy{pool.submit([&] { go.wait(); }), pool.submit([&] { go.wait(); })};
    const auto visits = [&] {
        std::atomic<int> count = 0;
        cf::for_each_index(pool, 0, 1'000, [&](int) {
            take_a_while();
            ++count;
        });
        cf::parallel_invoke(pool, [&] { ++count; }, [&] { ++count; });
        return count.load();
    };
    CHECK(visits() == 1'002);
    go.open();
    pool.shutdown();
    CHECK(visits() == 1'002);
    cf::InlineExecutor here;
    std::atomic<int> count = 0;
    cf::for_each_index(here, 0, 100, [&](int) { ++count; });
    cf::parallel_invoke(here, [&] { ++count; }, [&] { ++count; });
    CHECK(count == 102);
}

TEST_CASE("short loops wake nobody", "[algorithm]") {
    std::vector<double> numbers(support::thread_sanitized ? 20 : 200, 2.0);  // some microseconds at most
    const int rounds = 200;
    // A loop whose thread loses its processor looks long, so that a busy machine may spoil an attempt.
    bool few_wakes = false;
    for (int attempt = 0; !few_wakes && attempt < 50; ++attempt) {
        cf::ThreadPoolExecutor pool(2);
        for (int round = 0; round < rounds; ++round)
            cf::for_each(pool, numbers, [](double& x) { x = x * 0.5 + 1.0; });
        const cf::ExecutorStats stats = pool.stats();
        few_wakes = stats.pending + stats.running + stats.completed + stats.cancelled < rounds / 4;
    }
    CHECK(few_wakes);
    CHECK(numbers.front() == 2.0);
}

TEST_CASE("parallel_invoke() calls each once, side by side", "[algorithm]") {
    cf::ThreadPoolExecutor pool(2);
    std::latch both(2);
    cf::parallel_invoke(pool, [&] { both.arrive_and_wait(); }, [&] { both.arrive_and_wait(); });
    int calls[4] = {};
    cf::parallel_invoke(pool, [&] { ++calls[0]; }, [&] { ++calls[1]; }, [&] { ++calls[2]; },
                        [&] { ++calls[3]; });
    CHECK(std::accumulate(std::begin(calls), std::end(calls), 0) == 4);
    cf::parallel_invoke(pool, [&] { ++calls[0]; });
    CHECK(calls[0] == 2);
}

TEST_CASE("parallel_invoke() throws the first exception when all have ended", "[algorithm]") {
    cf::ThreadPoolExecutor pool(2);
    support::Gate started;
    std::atomic<bool> ended = false;
    CHECK_THROWS_AS(cf::parallel_invoke(
                        pool,
                        [&] {
                            started.wait();
                            throw std::domain_error("first");
                        },
                        [&] {
                            started.open();
                            take_a_while();
                            ended = true;
                        }),
                    std::domain_error);
    CHECK(ended);
    CHECK_THROWS_AS(cf::parallel_invoke(pool, [] {}, [] { throw std::domain_error("second"); }),
                    std::domain_error);
}

std::int64_t fibonacci(cf::ThreadPoolExecutor& pool, int n) {
    if (n < 2) return n;
    std::int64_t a = 0, b = 0;
    cf::parallel_invoke(pool, [&] { a = fibonacci(pool, n - 1); }, [&] { b = fibonacci(pool, n - 2); });
    return a + b;
}

TEST_CASE("parallel_invoke() itself calls what its pool did not run because it broke or was shut down meanwhile", "[algorithm]") {
    const bool breaks = GENERATE(true, false);
    support::Gate begun, may_start;
    cf::ThreadPoolExecutor pool({.max_workers = 1, .initializer = [&] {
        begun.open();
        may_start.wait();
        if (breaks) throw std::runtime_error("no worker");
    }});
    std::array<int, 3> calls{};
    cf::parallel_invoke(
        pool,
        [&] {
            begun.wait();  // the other two are in the queue
            ++calls[0];
            if (!breaks) pool.shutdown({.wait = false, .cancel_futures = true});
            may_start.open();
            CHECK(support::eventually([&] { return !breaks || pool.is_broken(); }));
        },
        [&] { ++calls[1]; }, [&] { ++calls[2]; });
    CHECK(calls == std::array{1, 1, 1});
}

TEST_CASE("sort() sorts all, also when its pool breaks meanwhile", "[algorithm]") {
    support::Gate may_start;
    cf::ThreadPoolExecutor pool({.max_workers = 2, .initializer = [&] {
        may_start.wait();
        throw std::runtime_error("no worker");
    }});
    std::vector<int> numbers(5000);
    for (int i = 0; i < 5000; ++i) numbers[static_cast<std::size_t>(i)] = i * 7919 % 5000;
    const std::thread::id here = std::this_thread::get_id();
    std::atomic<int> comparisons = 0;
    cf::sort(pool, numbers, [&](int a, int b) {
        if (std::this_thread::get_id() == here && ++comparisons == 30'000) {
            may_start.open();
            static_cast<void>(support::eventually([&] { return pool.is_broken(); }));
        }
        return a < b;
    });
    may_start.open();
    CHECK(std::is_sorted(numbers.begin(), numbers.end()));
}

TEST_CASE("parallel_invoke() may be nested to any depth, in tasks and outside", "[algorithm]") {
    const int workers = GENERATE(1, 2, 4);
    cf::ThreadPoolExecutor pool(workers);
    CHECK(pool.submit(fibonacci, std::ref(pool), 15).result() == 610);
    CHECK(pool.stats().cancelled == 0);  // a worker takes back what it has submitted, and leaves no entries
    CHECK(fibonacci(pool, 15) == 610);
}

TEST_CASE("parts of a loop are submitted until the pool takes no more", "[algorithm]") {
    cf::ThreadPoolExecutor pool(1);
    std::atomic<int> ran = 0;
    {
        cf::detail::SubmittedParts parts;
        CHECK(parts.submit(pool, [&] { ++ran; }));
        pool.shutdown();
        CHECK_FALSE(parts.submit(pool, [&] { ++ran; }));
    }
    CHECK(ran == 1);  // shutdown() has waited for it
}

}  // namespace
