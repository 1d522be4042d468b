// SPDX-License-Identifier: MIT
#include <concurrent/futures/bind_task.hpp>

#include <memory>
#include <string>
#include <vector>

#include "concurrent/futures/process_pool.hpp"

namespace process_pools {
namespace {

struct Announce {
    std::string word;
    void operator()(const std::string& log) const { support::append_line(log, word); }
};

void append_all(const std::string& log, const std::vector<std::string>& words) {
    for (const std::string& word : words) support::append_line(log, word);
}

/// Runs the bytes of a bound call here, as a worker would.
void run_here(const cf::BoundTask& task) {
    cf::Decoder call(task.bytes());
    cf::Encoder result;
    cf::detail::run_encoded_call(call, result);
}

TEST_CASE("a bound call is empty unless it was made by bind_task()", "[bind_task]") {
    const cf::BoundTask nothing;
    CHECK(!nothing);
    CHECK(nothing.bytes().empty());
    CHECK(cf::bind_task(square, 3));
    CHECK(!cf::bind_task(square, 3).bytes().empty());
}

TEST_CASE("a bound call runs with the arguments it was given, as often as wanted", "[bind_task]") {
    support::ProcessLog log;
    std::vector<std::string> words{"one", "two"};
    const cf::BoundTask task = cf::bind_task(append_all, log.path(), words);
    words.clear();
    const cf::BoundTask copy = task;
    run_here(task);
    run_here(copy);
    CHECK(log.lines() == std::vector<std::string>{"one", "two", "one", "two"});
}

TEST_CASE("functors and lambdas can be bound, and literals become strings", "[bind_task]") {
    support::ProcessLog log;
    run_here(cf::bind_task(Announce{"functor"}, log.path()));
    run_here(cf::bind_task([](const std::string& path, std::string word) {
        support::append_line(path, word);
    }, log.path(), "lambda"));
    CHECK(log.lines() == std::vector<std::string>{"functor", "lambda"});
}

TEST_CASE("bind_task() throws for a null function pointer", "[bind_task]") {
    void (*const nothing)() = nullptr;
    CHECK_THROWS_AS(cf::bind_task(nothing), cf::SerializationError);
}

PROCESS_CASE("a bound call may be used by several pools") {
    support::ProcessLog log;
    const cf::BoundTask hello = cf::bind_task(append_all, log.path(), std::vector<std::string>{"hi"});
    for (int i = 0; i < 2; ++i) {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .initializer = hello}));
        CHECK(pool.submit(square, i).result() == i * i);
    }
    CHECK(log.lines() == std::vector<std::string>{"hi", "hi"});
}

}  // namespace
}  // namespace process_pools
