// SPDX-License-Identifier: MIT
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/trace.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "support/process_log.hpp"

namespace cf = concurrent::futures;
using Catch::Matchers::ContainsSubstring;

namespace {

int square(int n) { return n * n; }
int kill_worker() { return std::raise(SIGKILL); }
void fail() { throw std::runtime_error("expected"); }

/// What tests/support/check_trace.py prints: it parses the file with Python's json.
std::string checked(const std::string& path, const std::string& option = {}) {
    const std::string script =
        (std::filesystem::path(__FILE__).parent_path() / "../../support/check_trace.py").string();
    const std::string command = "python3 '" + script + "' " + option + " '" + path + "' 2>&1";
    std::FILE* const output = ::popen(command.c_str(), "r");
    REQUIRE(output);
    std::string text;
    for (int c = 0; c != EOF || (std::ferror(output) && errno == EINTR);) {  // a signal may interrupt the read
        std::clearerr(output);
        c = std::fgetc(output);
        if (c != EOF) text.push_back(static_cast<char>(c));
    }
    INFO(text);
    CHECK(::pclose(output) == 0);
    return text;
}

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++found;
    return found;
}

TEST_CASE("a trace of threads is JSON, complete and in order", "[trace]") {
    const support::TemporaryDirectory directory;
    const std::string path = directory.path() + "/run.json";
    {
        cf::TraceFile trace(path);
        cf::ThreadPoolExecutor pool({.max_workers = 2, .thread_name_prefix = "io", .observer = trace.observer()});
        pool.submit({.name = "load"}, square, 2).add_done_callback([](const cf::Future<int>&) {});
        CHECK_THROWS(pool.submit({.name = "fails", .retries = 1}, fail).result());
        for (int i = 0; i < 3000; ++i) pool.post(square, i);
        std::vector<int> numbers(500);
        std::iota(numbers.begin(), numbers.end(), 0);
        for (const int n : pool.map(square, numbers)) static_cast<void>(n);
    }
    const std::string text = checked(path);
    CHECK_THAT(text, ContainsSubstring("submit load"));
    CHECK_THAT(text, ContainsSubstring("submit fails fails\n"));
    CHECK_THAT(text, ContainsSubstring("retry: fails"));
    CHECK(count(text, "submit task\n") == 3000);
    CHECK(count(text, "submit map\n") >= 1);
    CHECK_THAT(text, ContainsSubstring("in the end 0"));
    CHECK(count(text, "worker started") == count(text, "worker ended"));
}

TEST_CASE("a trace of processes shows deaths, each worker in its own row", "[trace]") {
    const support::TemporaryDirectory directory;
    const std::string path = directory.path() + "/run.json";
    {
        cf::TraceFile trace(path);
        cf::ProcessPoolExecutor pool({.max_workers = 2, .observer = trace.observer()});
        cf::ThreadPoolExecutor threads({.max_workers = 1, .observer = trace.observer()});  // one clock
        CHECK_THROWS(pool.submit({.name = "dies"}, kill_worker).result());
        for (int i = 0; i < 100; ++i) CHECK(pool.submit({.name = "lives"}, square, i).result() == i * i);
        CHECK(threads.submit({.name = "here"}, square, 3).result() == 9);
    }
    const std::string text = checked(path);
    CHECK_THAT(text, ContainsSubstring("submit dies\n"));
    CHECK(count(text, "submit lives\n") == 100);
    CHECK_THAT(text, ContainsSubstring("submit here\n"));
    CHECK_THAT(text, ContainsSubstring("worker died: was killed by signal 9"));
}

TEST_CASE("names of all kinds are JSON", "[trace]") {
    const support::TemporaryDirectory directory;
    const std::string path = directory.path() + "/run.json";
    {
        cf::TraceFile trace(path);
        cf::ThreadPoolExecutor pool({.max_workers = 1, .observer = trace.observer()});
        const std::string all = [] {
            std::string bytes;
            for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
            return bytes;
        }();
        for (const std::string& name :
             {std::string("quote \" backslash \\ line\n"), std::string("gr\xc3\xb6\xc3\x9f"), std::string("\xed\xa0\x80"),
              std::string("\xf0\x9f\x98\x80 \xf0\x80"), all, std::string(100'000, 'x')})
            pool.submit({.name = name}, square, 1);
    }
    const std::string text = checked(path);
    CHECK_THAT(text, ContainsSubstring("gr\xc3\xb6\xc3\x9f\n"));
    CHECK_THAT(text, ContainsSubstring("submit ???\n"));
    CHECK_THAT(text, ContainsSubstring("\xf0\x9f\x98\x80 ??\n"));
}

TEST_CASE("many threads write to one trace at once", "[trace]") {
    const support::TemporaryDirectory directory;
    const std::string path = directory.path() + "/run.json";
    {
        cf::TraceFile trace(path);
        cf::ThreadPoolExecutor pool({.max_workers = 2, .observer = trace.observer()});
        std::vector<std::jthread> submitters;
        for (int i = 0; i < 4; ++i)
            submitters.emplace_back([&pool] {
                for (int n = 0; n < 500; ++n) pool.post(square, n);
            });
        submitters.clear();
    }
    CHECK(count(checked(path), "submit task\n") == 2000);
}

TEST_CASE("a trace without events is an empty array", "[trace]") {
    const support::TemporaryDirectory directory;
    const std::string path = directory.path() + "/run.json";
    { const cf::TraceFile trace(path); }
    CHECK_THAT(checked(path), ContainsSubstring("events: 0"));
}

TEST_CASE("a pool may outlive its trace", "[trace]") {
    const support::TemporaryDirectory directory;
    const std::string path = directory.path() + "/run.json";
    cf::ThreadPoolExecutor pool([&] {
        cf::TraceFile trace(path);
        return cf::ThreadPoolOptions{.max_workers = 1, .observer = trace.observer()};
    }());
    for (int i = 0; i < 1000; ++i) pool.post(square, i);
    pool.shutdown();
    CHECK_THAT(checked(path), ContainsSubstring("events: 0"));
}

TEST_CASE("a file that cannot be written, and one that another trace writes, are refused by name", "[trace]") {
    const support::TemporaryDirectory directory;
    const std::string path = directory.path() + "/run.json";
    CHECK_THROWS_WITH(cf::TraceFile(directory.path() + "/no/run.json"), ContainsSubstring("no/run.json"));
    const cf::TraceFile trace(path);
    CHECK_THROWS_WITH(cf::TraceFile(path), ContainsSubstring("another trace") && ContainsSubstring(path));
}

}  // namespace
