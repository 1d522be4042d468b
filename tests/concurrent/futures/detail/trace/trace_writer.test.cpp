// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/trace/trace_writer.hpp>

#include <catch2/catch_test_macros.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "support/file_size_limit.hpp"

namespace detail = concurrent::futures::detail;

namespace {

struct File {
    ~File() { std::remove(path.c_str()); }
    std::string text() const {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    std::string path = "trace_writer_test_" + std::to_string(detail::number_of_this_process()) + ".json";
};

void write_number(detail::TraceWriter& writer, std::size_t number) {
    detail::TraceRow* const row = writer.row();
    REQUIRE(row);
    writer.write(*row, [&](detail::JsonText& text) {
        text.put("\"number\":");
        text.put_number(number);
    });
}
/// In the order of the file.
std::vector<std::size_t> numbers_of(const std::string& text) {
    std::vector<std::size_t> numbers;
    const std::string key = "{\"number\":";
    for (std::size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + 1)) {
        numbers.push_back(std::strtoul(text.c_str() + at + key.size(), nullptr, 10));
        const std::size_t before = text.find_last_not_of(" \n", at - 1);
        if (text[before] != ',') FAIL("no comma before " << text.substr(at, 20));
    }
    return numbers;
}
std::string put_string(std::string_view text) {
    detail::JsonText json;
    json.put_string(text);
    return std::string(json.text());
}

TEST_CASE("text in a trace is JSON: control characters, quotes and what is not UTF-8", "[trace]") {
    CHECK(put_string("plain text") == "\"plain text\"");
    CHECK(put_string("a\"b\\c\n") == "\"a\\\"b\\\\c\\u000a\"");
    CHECK(put_string("\xc3\xa9\xff") == "\"\xc3\xa9?\"");
    CHECK(put_string(std::string(300, 'x')).size() == 258);
}

TEST_CASE("times in a trace are microseconds with three digits", "[trace]") {
    detail::JsonText json;
    json.put_time(1'234'567);
    json.put(" ");
    json.put_time(9);
    json.put(" ");
    json.put_time(-5);
    CHECK(json.text() == "1234.567 0.009 0.000");
}

TEST_CASE("a trace in which nothing was written is an empty list", "[trace]") {
    const File file;
    { const detail::TraceWriter writer(file.path); }
    CHECK(file.text() == "[]\n");
}

#if CONCURRENT_FUTURES_HAS_PROCESSES
TEST_CASE("a thread that fills its part of the trace loses no record, and each record is in the file at once", "[trace]") {
    const File file;
    constexpr std::size_t count = 10'000;  // some blocks
    std::vector<std::size_t> expected;
    {
        detail::TraceWriter writer(file.path);
        for (std::size_t number = 0; number < count; ++number) {
            expected.push_back(number);
            write_number(writer, number);
            if (number % 999 != 0) continue;
            // As after a crash.
            std::vector<std::size_t> now = numbers_of(file.text());
            std::sort(now.begin(), now.end());
            CHECK(now == expected);
        }
    }
    const std::string text = file.text();
    std::vector<std::size_t> found = numbers_of(text);
    std::sort(found.begin(), found.end());
    CHECK(found == expected);
    CHECK(text.substr(0, 2) == "[\n");
    CHECK(text.substr(text.size() - 3) == "\n]\n");
}

TEST_CASE("a trace for which there is no room any more keeps no part of its file in memory", "[trace]") {
    struct NoSignal {
        void (*before)(int) = std::signal(SIGXFSZ, SIG_IGN);
        ~NoSignal() { std::signal(SIGXFSZ, before); }
    };
    const NoSignal no_signal;
    const File file;
    const auto is_mapped = [&] {
        std::ifstream maps("/proc/self/maps");
        const std::string text{std::istreambuf_iterator<char>(maps), {}};
        return text.find(file.path) != std::string::npos;
    };
    detail::TraceWriter writer(file.path);
    write_number(writer, 0);
    if (!is_mapped()) SKIP("this system does not tell what is mapped");
    {
        const support::FileSizeLimit limit(2 * detail::TraceStorage::block_size);
        for (std::size_t number = 0; number < 100 && is_mapped(); ++number)
            for (int i = 0; i < 1'000; ++i)
                if (detail::TraceRow* const row = writer.row())
                    writer.write(*row, [](detail::JsonText& text) { text.put("\"number\":1"); });
    }
    CHECK_FALSE(is_mapped());
}
#endif

TEST_CASE("records of several threads are all in the trace", "[trace]") {
    const File file;
    constexpr std::size_t each = 5'000;
    {
        detail::TraceWriter writer(file.path);
        std::vector<std::thread> threads;
        for (std::size_t thread = 0; thread < 3; ++thread)
            threads.emplace_back([&writer, thread] {
                for (std::size_t number = 0; number < each; ++number) {
                    detail::TraceRow* const row = writer.row();
                    if (!row) return;
                    writer.write(*row, [&](detail::JsonText& text) {
                        text.put("\"number\":");
                        text.put_number(thread * each + number);
                    });
                }
            });
        for (std::thread& thread : threads) thread.join();
    }
    std::vector<std::size_t> found = numbers_of(file.text());
    std::sort(found.begin(), found.end());
    REQUIRE(found.size() == 3 * each);
    CHECK(found.front() == 0);
    CHECK(found.back() == 3 * each - 1);
    CHECK(std::adjacent_find(found.begin(), found.end()) == found.end());
}

}  // namespace
