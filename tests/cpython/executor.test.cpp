// SPDX-License-Identifier: MIT
//
// CPython's test_concurrent_futures/executor.py: what every executor does with one call and with
// map().
#include <iterator>
#include <limits>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <system_error>

#include "cpython/translation.hpp"

namespace cpython {
namespace {

int power(int base, int exponent) {
    int result = 1;
    while (exponent-- > 0) result *= base;
    return result;
}

using Quotient = std::pair<int, int>;
Quotient divide(int a, int b) {
    if (b == 0) throw std::domain_error(std::to_string(a) + " by zero");
    return {a / b, a % b};
}

std::string join(const std::string& self, int function, std::string name, double timeout,
                 std::unique_ptr<int> owned) {
    return self + std::to_string(function) + name + std::to_string(static_cast<int>(timeout)) +
           std::to_string(*owned);
}

int own_timeout(int n) {
    if (n == 0) throw cf::TimeoutError("the call's own");
    if (n == 1) throw std::system_error(std::make_error_code(std::errc::timed_out), "a socket's");
    return n;
}

int stay_for(int n, const std::string& gate) {
    if (n != 0) support::wait_at_gate(gate);
    return n;
}

int use(const Counted& object) { return object.number; }
Counted counted(int n) { return Counted(n); }

int throw_empty_message() { throw std::runtime_error(""); }
int throw_zero() { throw 0; }
int throw_null() { throw nullptr; }
int throw_false() { throw false; }

/// An input that counts what is taken from it.
class Naturals {
  public:
    struct Iterator {
        using value_type = int;
        using difference_type = std::ptrdiff_t;
        using reference = int;
        using pointer = void;
        using iterator_category = std::input_iterator_tag;

        int operator*() const { return *taken - 1; }
        Iterator& operator++() {
            ++*taken;
            return *this;
        }
        void operator++(int) { ++*taken; }
        bool operator==(std::default_sentinel_t) const { return false; }
        int* taken;
    };
    Iterator begin() { return ++taken_, Iterator{&taken_}; }  // as a stream, which begins with its first element
    std::default_sentinel_t end() const { return {}; }
    int taken() const { return taken_; }

  private:
    int taken_ = 0;
};

std::vector<int> powers(int count) {
    std::vector<int> all;
    for (int i = 0; i < count; ++i) all.push_back(power(i, i));
    return all;
}

#if CONCURRENT_FUTURES_TSAN
TEST_CASE("the translation on forked processes", "[cpython]") {
    SKIP(
        "ThreadSanitizer cannot follow a fork; threads and spawned processes are tested in this "
        "lane");
}
#endif

// ---- submit ----

EXECUTOR_CASE("submit() gives a future of what the call returns", "executor.test_submit") {
    TestType pool(5);
    const auto future = pool.submit(power, 2, 8);
    CHECK(future.result() == 256);
}

EXECUTOR_CASE("submit() hands on arguments of any kind and number, whatever they are called",
              "executor.test_submit_keyword") {
    TestType pool(5);
    const std::string self = "self";
    CHECK(pool.submit(join, self, 1, "fn", 2.0, std::make_unique<int>(3)).result() == "self1fn23");
    CHECK(pool.submit({.name = "named"}, join, self, 1, "fn", 2.0, std::make_unique<int>(3))
              .result() == "self1fn23");
    CHECK(pool.submit([](int a, int b) { return a - b; }, 5, 3).result() == 2);
}

CPYTHON_CASE("a call on a thread takes references where std::ref says so, and may be move-only",
             "executor.test_submit_keyword") {
    cf::ThreadPoolExecutor pool(5);
    int n = 1;
    pool.submit([](int& m) { m = 7; }, std::ref(n)).result();
    CHECK(n == 7);
    CHECK(
        pool.submit([owned = std::make_unique<int>(3)](int m) { return *owned + m; }, 4).result() ==
        7);
}

// ---- map ----

EXECUTOR_CASE("map() gives what the calls one after the other would have given",
              "executor.test_map") {
    TestType pool(5);
    CHECK(collected(pool.map(power, numbers_below(10), numbers_below(10))) == powers(10));
    CHECK(collected(pool.map({.chunksize = 3}, power, numbers_below(10), numbers_below(10))) ==
          powers(10));
}

template <class Results>
void check_quotients(Results results) {
    auto it = results.begin();
    CHECK(*it == Quotient(2, 1));
    ++it;
    CHECK(message_of([&] { *it; }) == "5 by zero");
    ++it;
    CHECK(*it == Quotient(1, 2));
    ++it;
    CHECK(*it == Quotient(1, 0));
    ++it;
    CHECK(it == results.end());
    ++it;
    CHECK(it == results.end());
}

EXECUTOR_CASE("an exception of a map comes at its item and the iteration goes on",
              "executor.test_map_exception") {
    TestType pool(5);
    const std::vector fives{5, 5, 5, 5};
    const std::vector divisors{2, 0, 3, 5};
    check_quotients(pool.map(divide, fives, divisors));
    check_quotients(pool.map({.chunksize = 1}, divide, fives, divisors));
    check_quotients(pool.map({.chunksize = 3}, divide, fives, divisors));
    check_quotients(pool.map({.buffersize = 2}, divide, fives, divisors));
}

EXECUTOR_CASE("a timeout that the call itself throws is not the map's",
              "executor.test_map_timeout_from_callable") {
    TestType pool(5);
    for (const int chunksize : {1, 3}) {
        auto results =
            pool.map({.timeout = 1h, .chunksize = chunksize}, own_timeout, numbers_below(3));
        auto it = results.begin();
        CHECK(message_of([&] { *it; }) == "the call's own");
        ++it;
        REQUIRE(it != results.end());
        CHECK_THROWS_AS(*it, std::system_error);
        ++it;
        REQUIRE(it != results.end());
        CHECK(*it == 2);
        ++it;
        CHECK(it == results.end());
    }
}

EXECUTOR_CASE("when the time is up a map gives what has ended, then TimeoutError, then its end",
              "executor.test_map_timeout") {
    TestType pool(5);
    support::ProcessGate gate;
    auto results = pool.map({.timeout = 1ms, .chunksize = 1}, stay_for, std::vector{0, 0, 6},
                            std::vector<std::string>(3, gate.path()));
    REQUIRE(support::eventually([&] { return pool.stats().completed == 2; }));
    auto it = results.begin();
    CHECK(*it == 0);
    ++it;
    CHECK(*it == 0);
    ++it;
    CHECK_THROWS_AS(*it, cf::TimeoutError);
    ++it;
    CHECK(it == results.end());
}

EXECUTOR_CASE("a map that is cancelled, or thrown away when it was begun, is at its end and starts nothing more",
              "executor.test_map_close") {
    support::ProcessLog log;
    for (const int chunksize : {1, 3}) {
        BusyPool<TestType> busy;
        const std::vector<std::string> logs(10, log.path());
        auto results = busy.pool.map({.chunksize = chunksize}, record, logs, numbers_below(10));
        {
            auto dropped = busy.pool.map({.chunksize = chunksize}, record, logs, numbers_below(10));
            dropped.begin();
        }
        auto it = results.begin();
        results.cancel();
        CHECK(it == results.end());
        CHECK(results.begin() == results.end());
        busy.open();
        busy.pool.shutdown();
    }
    CHECK(log.lines().empty());
}

// ---- map with buffersize ----

EXECUTOR_CASE("a buffer for no result makes no sense",
              "executor.test_map_buffersize_value_validation") {
    TestType pool(5);
    CHECK_THROWS_AS(pool.map({.buffersize = 0}, to_text, numbers_below(3)), std::invalid_argument);
    const int negative = -1;
    CHECK_THROWS_AS(pool.map({.buffersize = negative}, to_text, numbers_below(3)),
                    std::invalid_argument);
}

EXECUTOR_CASE("whatever the size of its buffer a map gives all results in order",
              "executor.test_map_buffersize") {
    TestType pool(5);
    for (const int size : {1, 2, 10, 20})
        CHECK(collected(pool.map({.buffersize = size}, power, numbers_below(10),
                                 numbers_below(10))) == powers(10));
}

EXECUTOR_CASE("a buffered map takes from several inputs in step",
              "executor.test_map_buffersize_on_multiple_iterables") {
    TestType pool(5);
    for (const int size : {1, 2, 10, 20})
        CHECK(collected(
                  pool.map({.buffersize = size}, multiply, numbers_below(10), numbers_below(12))) ==
              std::vector{0, 1, 4, 9, 16, 25, 36, 49, 64, 81});
}

EXECUTOR_CASE("the input of a buffered map may be endless",
              "executor.test_map_buffersize_on_infinite_iterable") {
    TestType pool(5);
    auto results = pool.map({.buffersize = 2}, to_text, std::views::iota(0));
    auto it = results.begin();
    for (int i = 0; i < 4; ++i, ++it) CHECK(*it == std::to_string(i));
}

EXECUTOR_CASE("several inputs of a buffered map may be endless",
              "executor.test_map_buffersize_on_multiple_infinite_iterables") {
    TestType pool(5);
    auto results = pool.map({.buffersize = 2}, multiply, std::views::iota(0), std::views::iota(1));
    auto it = results.begin();
    for (int i = 0; i < 4; ++i, ++it) CHECK(*it == i * (i + 1));
}

EXECUTOR_CASE("a buffered map over nothing is at its end",
              "executor.test_map_buffersize_on_empty_iterable") {
    TestType pool(5);
    auto results = pool.map({.buffersize = 2}, to_text, std::vector<int>());
    CHECK(results.begin() == results.end());
}

EXECUTOR_CASE("exactly as much input is taken as there is room in the buffer",
              "executor.test_map_buffersize_when_buffer_is_full") {
    TestType pool(5);
    Naturals input;
    auto results = pool.map({.buffersize = 7}, to_text, input);
    CHECK(input.taken() == 7);
    pool.shutdown({.wait = false});
    CHECK(input.taken() == 7);
}

// ---- the rest ----

EXECUTOR_CASE("shutdown() right after a map of more items than workers ends",
              "executor.test_shutdown_race_issue12456") {
    for (int round = 0; round < 5; ++round) {
        TestType pool(5);
        auto results = pool.map(to_text, numbers_below(6));
        pool.shutdown();
        CHECK(collected(std::move(results)).size() == 6);
    }
}

EXECUTOR_CASE(
    "an argument is gone when its call has run, though the future was dropped and the pool lives",
    "executor.test_no_stale_references") {
    TestType pool(5);
    static_cast<void>(pool.submit(use, Counted(3)));
    CHECK(support::eventually([] { return Counted::alive == 0; }));
    CHECK(pool.submit(use, Counted(4)).result() == 4);
    CHECK(support::eventually([] { return Counted::alive == 0; }));
}

EXECUTOR_CASE("a number of workers below zero is refused", "executor.test_max_workers_negative") {
    CHECK_THROWS_AS(TestType(-1), std::invalid_argument);
    CHECK(TestType(0).max_workers() == cf::available_parallelism());
}

EXECUTOR_CASE("a map keeps nothing of the items that it has given",
              "executor.test_free_reference") {
    TestType pool(5);
    auto results = pool.map({.chunksize = 1}, counted, numbers_below(10));
    int left = 10;
    for (auto it = results.begin(); it != results.end(); ++it) {
        CHECK((*it).number == 10 - left--);
        // This one, and those to come that are here already. For a moment the thread that ends a
        // call holds its result, too.
        CHECK(support::eventually([&] { return Counted::alive <= left + 1; }));
    }
    CHECK(left == 0);
    CHECK(support::eventually([] { return Counted::alive == 0; }));
}

EXECUTOR_CASE("an exception that looks like nothing is an exception",
              "executor.test_swallows_falsey_exceptions") {
    TestType pool(5);
    for (const auto call : {throw_empty_message, throw_zero, throw_null, throw_false}) {
        const auto future = pool.submit(call);
        CHECK(future.exception() != nullptr);
        CHECK_THROWS(future.result());
    }
    CHECK_THROWS_AS(pool.submit(throw_empty_message).result(), std::runtime_error);
    CHECK(pool.stats().failed == 5);
}

}  // namespace
}  // namespace cpython
