// SPDX-License-Identifier: MIT
//
// The contract of every executor, part 1: values, exceptions and arguments.
#include <future>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <vector>

#include "contract/executors.hpp"

#if CONTRACT_HAS_PROCESSES
#include <concurrent/futures/serialization.hpp>
#endif

namespace contract {
namespace {

void append_done(const std::string& log) { support::append_line(log, "done"); }

std::string twice(const std::string& text) { return text + text; }

std::vector<std::string> repeated(const std::string& text, int count) {
    return std::vector<std::string>(static_cast<std::size_t>(count), text);
}

std::unique_ptr<int> squared(std::unique_ptr<int> number) {
    *number *= *number;
    return number;
}

long total(const std::vector<int>& numbers) {
    long result = 0;
    for (const int n : numbers) result += n;
    return result;
}

long total_behind(const std::string& gate, const std::vector<int>& numbers) {
    support::wait_at_gate(gate);
    return total(numbers);
}

int out_of_range(int index) { throw std::out_of_range("no element " + std::to_string(index)); }

int not_permitted() {
    throw std::system_error(std::make_error_code(std::errc::permission_denied), "the door");
}

int nested() {
    try {
        throw std::invalid_argument("the reason");
    } catch (...) {
        std::throw_with_nested(std::runtime_error("the consequence"));
    }
}

int no_exception_type() { throw 42; }

struct OutOfPaper : std::runtime_error {
    using std::runtime_error::runtime_error;
};

int print() { throw OutOfPaper("tray 2"); }

#if CONTRACT_HAS_PROCESSES
const bool out_of_paper_crosses = cf::register_exception<OutOfPaper>();
#endif

/// Can be neither copied nor encoded, once it is told so.
struct Unwilling {
    bool willing = true;

    Unwilling() = default;
    Unwilling(const Unwilling& other) : willing(other.willing) { require_willing(); }
    Unwilling(Unwilling&&) = default;
    Unwilling& operator=(const Unwilling&) = delete;
    ~Unwilling() = default;

    template <class Archive>
    void serialize(Archive& archive) {
        require_willing();
        archive(willing);
    }
    void require_willing() const {
        if (!willing) throw std::runtime_error("I would rather not");
    }
};

int use(const std::string& log, const Unwilling&) { return record(log, 1); }

CONTRACT_CASE("submit() gives a future of what the call returns") {
    TestType pool;
    const cf::Future<int> answer = pool.submit(square, 12);
    CHECK(answer.result() == 144);
    CHECK(answer.result() == 144);
    CHECK(answer.done());
    CHECK_FALSE(answer.running());
    CHECK_FALSE(answer.cancelled());
}

CONTRACT_CASE("a call that returns nothing ends its future too") {
    support::ProcessLog log;
    TestType pool;
    const cf::Future<void> end = pool.submit(append_done, log.path());
    end.result();
    CHECK(log.lines() == std::vector<std::string>{"done"});
}

CONTRACT_CASE("a captureless lambda is a call like any other") {
    TestType pool;
    CHECK(pool.submit([](int a, int b) { return a - b; }, 50, 8).result() == 42);
}

CONTRACT_CASE("strings and vectors come back whole") {
    TestType pool;
    CHECK(pool.submit(twice, std::string("ab")).result() == "abab");
    CHECK(pool.submit(repeated, std::string("x"), 3).result() ==
          std::vector<std::string>{"x", "x", "x"});
    CHECK(pool.submit(repeated, std::string("x"), 0).result().empty());
}

CONTRACT_CASE("an argument and a result of a megabyte come back whole") {
    TestType pool;
    std::string text(1 << 20, '.');
    for (std::size_t i = 0; i < text.size(); i += 1000) text[i] = static_cast<char>('a' + i % 26);
    const auto result = pool.submit(twice, text);
    CHECK((result.result() == text + text));
}

CONTRACT_CASE("a unique_ptr goes in as an argument and comes out as the result") {
    TestType pool;
    const std::unique_ptr<int> nine = pool.submit(squared, std::make_unique<int>(3)).result();
    REQUIRE(nine);
    CHECK(*nine == 9);
}

CONTRACT_CASE("the arguments are those of the moment of submit()") {
    TestType pool;
    std::vector<int> numbers(1000, 1);
    const auto first = pool.submit(total, numbers);
    numbers.assign(1000, 100);
    const auto second = pool.submit(total, numbers);
    numbers.clear();
    CHECK(first.result() == 1000);
    CHECK(second.result() == 100000);
}

CONCURRENT_CASE("a call that waits keeps no reference to the arguments of submit()") {
    support::ProcessGate gate;
    TestType pool(1);
    cf::Future<long> result;
    {
        std::vector<int> numbers{1, 2, 3};
        result = pool.submit(total_behind, gate.path(), numbers);
        numbers.assign(3, -1);
    }
    gate.open();
    CHECK(result.result() == 6);
}

CONTRACT_CASE("result() rethrows what the call threw, type and message") {
    TestType pool;
    const auto failed = pool.submit(fail_with, std::string("no luck"));
    CHECK_THROWS_AS(failed.result(), std::runtime_error);
    CHECK(message_of([&] { failed.result(); }) == "no luck");
    CHECK(failed.done());
    CHECK_FALSE(failed.cancelled());
}

CONTRACT_CASE("a derived exception does not become its base") {
    TestType pool;
    const auto failed = pool.submit(out_of_range, 9);
    CHECK_THROWS_AS(failed.result(), std::out_of_range);
    CHECK(message_of([&] { failed.result(); }) == "no element 9");
}

CONTRACT_CASE("a system_error keeps its code") {
    TestType pool;
    const auto failed = pool.submit(not_permitted);
    try {
        failed.result();
        FAIL("result() did not throw");
    } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::permission_denied);
    }
}

CONTRACT_CASE("a nested exception stays nested") {
    TestType pool;
    const auto failed = pool.submit(nested);
    try {
        failed.result();
        FAIL("result() did not throw");
    } catch (const std::runtime_error& error) {
        CHECK(std::string(error.what()) == "the consequence");
        CHECK_THROWS_AS(std::rethrow_if_nested(error), std::invalid_argument);
        CHECK(message_of([&] { std::rethrow_if_nested(error); }) == "the reason");
    }
}

CONTRACT_CASE("an exception type of one's own arrives as itself") {
    TestType pool;
    const auto failed = pool.submit(print);
    CHECK_THROWS_AS(failed.result(), OutOfPaper);
    CHECK(message_of([&] { failed.result(); }) == "tray 2");
}

CONTRACT_CASE("what is thrown need not be a std::exception") {
    TestType pool(1);
    const auto failed = pool.submit(no_exception_type);
    CHECK(failed.exception() != nullptr);
    CHECK_THROWS(failed.result());
    CHECK(pool.submit(square, 2).result() == 4);
}

CONTRACT_CASE("the same exception is thrown every time") {
    TestType pool;
    const auto failed = pool.submit(fail_with, std::string("once"));
    CHECK(failed.exception() != nullptr);
    CHECK(failed.exception() == failed.exception());
    const auto copy = failed;
    CHECK(copy.exception() == failed.exception());
    try {
        failed.result();
        FAIL("result() did not throw");
    } catch (...) {
        CHECK(std::current_exception() == failed.exception());
    }
}

CONTRACT_CASE("exception() of a call that returned is null") {
    TestType pool;
    CHECK(pool.submit(square, 1).exception() == nullptr);
}

CONTRACT_CASE("a failed call leaves the executor as it was") {
    TestType pool(1);
    for (int i = 0; i < 20; ++i) {
        CHECK_THROWS_AS(pool.submit(fail_with, std::string("again")).result(), std::runtime_error);
        CHECK(pool.submit(square, i).result() == i * i);
    }
}

CONTRACT_CASE("each of a thousand calls gets its own result") {
    TestType pool(3);
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 1000; ++i) futures.push_back(pool.submit(sum, i, i));
    for (int i = 0; i < 1000; ++i) CHECK(futures[static_cast<std::size_t>(i)].result() == 2 * i);
}

CONTRACT_CASE("results outlive the executor") {
    cf::Future<std::string> kept;
    cf::Future<int> failed;
    {
        TestType pool;
        kept = pool.submit(twice, std::string("long enough to live on the heap "));
        failed = pool.submit(fail_with, std::string("still known"));
    }
    CHECK(kept.result() == "long enough to live on the heap long enough to live on the heap ");
    CHECK(message_of([&] { failed.result(); }) == "still known");
}

CONTRACT_CASE("copies of a future are the same call, and can be keys") {
    TestType pool;
    const auto first = pool.submit(square, 2);
    const auto second = pool.submit(square, 2);
    const auto copy = first;  // NOLINT: the copy is the point
    CHECK(copy == first);
    CHECK_FALSE(second == first);
    const std::unordered_set<cf::Future<int>> seen{first, second, copy};
    CHECK(seen.size() == 2);
    CHECK(copy.result() == 4);
}

CONTRACT_CASE("a future can be waited for as a std::shared_future can") {
    TestType pool;
    const auto future = pool.submit(square, 5);
    future.wait();
    CHECK(future.wait_for(0s) == std::future_status::ready);
    CHECK(future.wait_until(std::chrono::system_clock::now()) == std::future_status::ready);
    CHECK(future.get() == 25);
}

CONTRACT_CASE("a finished future is printed as such") {
    TestType pool;
    const auto returned = pool.submit(square, 5);
    const auto failed = pool.submit(fail_with, std::string("no"));
    returned.wait();
    failed.wait();
    std::ostringstream text;
    text << returned << ' ' << failed;
    CHECK(text.str() == "<Future: finished> <Future: finished raised std::runtime_error>");
}

CONTRACT_CASE("submit() takes options, and a name is one that everybody honours") {
    TestType pool;
    CHECK(pool.submit({.name = "the square of three"}, square, 3).result() == 9);
    const cf::TaskOptions options{.name = "the square of four"};
    CHECK(pool.submit(options, square, 4).result() == 16);
}

CONTRACT_CASE("several threads may submit at once") {
    TestType pool(2);
    std::vector<std::vector<cf::Future<int>>> futures(4);
    {
        std::vector<std::jthread> submitters;
        for (std::size_t t = 0; t < futures.size(); ++t)
            submitters.emplace_back([&pool, &mine = futures[t], t] {
                for (int i = 0; i < 100; ++i) mine.push_back(pool.submit(sum, static_cast<int>(t), i));
            });
    }
    for (std::size_t t = 0; t < futures.size(); ++t)
        for (int i = 0; i < 100; ++i)
            CHECK(futures[t][static_cast<std::size_t>(i)].result() == static_cast<int>(t) + i);
}

CONTRACT_CASE("when an argument cannot be copied or encoded nothing is queued") {
    support::ProcessLog log;
    TestType pool(1);
    Unwilling argument;
    argument.willing = false;
    CHECK_THROWS(pool.submit(use, log.path(), argument));
    CHECK_THROWS(pool.post(use, log.path(), argument));
    const cf::ExecutorStats stats = pool.stats();
    CHECK(stats.pending == 0);
    CHECK(stats.running == 0);
    argument.willing = true;
    CHECK(pool.submit(use, log.path(), argument).result() == 1);
    pool.shutdown();
    CHECK(log.lines().size() == 1);
}

CONTRACT_CASE("code for any Executor runs on this one") {
    const auto generic = [](cf::Executor auto& pool) { return pool.submit(square, 6).result(); };
    TestType pool;
    CHECK(generic(pool) == 36);
}

#if CONTRACT_HAS_PROCESSES && CONCURRENT_FUTURES_TSAN
TEST_CASE("the contract on forked processes", "[contract]") {
    SKIP("ThreadSanitizer cannot follow a fork; spawned processes are tested in this lane");
}
#endif

}  // namespace
}  // namespace contract
