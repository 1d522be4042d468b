// SPDX-License-Identifier: MIT
#include <concurrent/futures/as_completed.hpp>
#include <concurrent/futures/inline_executor.hpp>
#include <concurrent/futures/progress.hpp>
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <forward_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace cf = concurrent::futures;
using Catch::Matchers::ContainsSubstring;
using namespace std::chrono_literals;

// Without colour, as every test of the layout but one.
std::string line(const char* label, cf::detail::ProgressCounts counts, std::size_t width) {
    const cf::detail::ProgressLine line = cf::detail::progress_line(label, counts, width, false);
    CHECK(line.columns <= width);
    CHECK(line.columns == cf::detail::columns_of(line.text));
    return line.text;
}

/// An environment variable as it was, afterwards.
class Variable {
  public:
    Variable(const char* name, const char* value) : name_(name) {
        if (const char* const old = std::getenv(name)) old_ = old;
        set(value);
    }
    ~Variable() { set(old_ ? old_->c_str() : nullptr); }

  private:
    void set(const char* value) const {
        value ? ::setenv(name_, value, 1) : ::unsetenv(name_);
    }
    const char* name_;
    std::optional<std::string> old_;
};

/// stderr is something else while this lives.
class RedirectedError {
  public:
    explicit RedirectedError(int target) : old_(::dup(2)) { ::dup2(target, 2); }
    ~RedirectedError() {
        ::dup2(old_, 2);
        ::close(old_);
    }

  private:
    const int old_;
};

/// What `action` writes to a terminal of so many columns.
template <class Action>
std::string on_terminal(unsigned short columns, Action action) {
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(master >= 0);
    REQUIRE(::grantpt(master) == 0);
    REQUIRE(::unlockpt(master) == 0);
    const int terminal = ::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(terminal >= 0);
    ::winsize size{};
    size.ws_col = columns;
    REQUIRE(::ioctl(terminal, TIOCSWINSZ, &size) == 0);
    {
        const RedirectedError redirected(terminal);
        action();
    }
    ::close(terminal);
    std::string text;
    char buffer[4096];
    for (ssize_t count; (count = ::read(master, buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<std::size_t>(count));
    ::close(master);
    return text;
}

/// The lines as somebody sees them who looks at the terminal afterwards.
std::vector<std::string> seen(const std::string& text) {
    std::vector<std::string> lines(1);
    std::size_t column = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\r') {
            column = 0;
        } else if (text[i] == '\n') {
            lines.emplace_back();
        } else if (text[i] == '\x1b') {
            i = text.find('m', i);
        } else {
            if (lines.back().size() <= column) lines.back().resize(column + 1, ' ');
            lines.back()[column++] = text[i];
        }
    }
    for (std::string& each : lines) each.erase(each.find_last_not_of(' ') + 1);
    return lines;
}

TEST_CASE("a progress line tells part, count, rate, time left and failures", "[progress]") {
    CHECK(line("photos", {.done = 420, .failed = 3, .total = 1000, .seconds = 12}, 200) ==
          "photos   42% [################........................] 420/1000  35.0/s  0:17 left  3 failed");
    CHECK(line("", {.done = 7, .seconds = 3661}, 80) == "7  523.0 s each  in 1:01:01");
    CHECK(line("", {.done = 1'000'000, .total = 1'000'000, .seconds = 20}, 60) ==
          "100% [###################] 1000000/1000000  50.0k/s  in 0:20");
    CHECK(line("", {.done = 50'000'000, .seconds = 2}, 60) == "50000000  25.0M/s  in 0:02");
    CHECK(line("", {.done = 0, .total = 10}, 40) == "  0% [............................] 0/10");
    CHECK(line("", {.done = 0, .total = 0, .seconds = 1}, 20) == "100% 0/0  in 0:01");
}

TEST_CASE("a progress line is never wider than its terminal", "[progress]") {
    const cf::detail::ProgressCounts counts{.done = 420, .failed = 3, .total = 1000, .seconds = 12};
    CHECK(line("photos", counts, 45) == "photos   42% 420/1000  0:17 left  3 failed");
    CHECK(line("photos", counts, 36) == " 42% 420/1000  0:17 left  3 failed");
    CHECK(line("photos", counts, 30) == " 42% 420/1000  3 failed");
    CHECK(line("photos", counts, 18) == "420/1000  3 failed");
    CHECK(line("photos", counts, 12) == "420/1000  3 ");
    CHECK(line("photos", counts, 3) == "420");
    for (std::size_t width = 0; width < 100; ++width) line("Größe", counts, width);
}

TEST_CASE("a total that was wrong is forgotten", "[progress]") {
    CHECK(line("", {.done = 11, .total = 10, .seconds = 1}, 80) == "11  11.0/s  in 0:01");
}

TEST_CASE("colours take no columns", "[progress]") {
    const cf::detail::ProgressCounts counts{.done = 5, .failed = 3, .total = 10, .seconds = 1};
    const auto plain = cf::detail::progress_line("", counts, 60, false);
    const auto coloured = cf::detail::progress_line("", counts, 60, true);
    CHECK(plain.columns == coloured.columns);
    CHECK_THAT(coloured.text, ContainsSubstring("\x1b[31m3 failed\x1b[0m"));
    CHECK(seen(coloured.text) == std::vector<std::string>{plain.text});
}

TEST_CASE("progress() gives what its range gives, the very objects", "[progress]") {
    std::vector<int> numbers{1, 2, 3};
    std::vector<const int*> places;
    for (int& number : cf::progress(numbers)) places.push_back(&number);
    CHECK(places == std::vector<const int*>{&numbers[0], &numbers[1], &numbers[2]});
    const std::vector<bool> bits{true, false};  // gives proxies
    std::vector<bool> copy;
    for (const bool bit : cf::progress(bits)) copy.push_back(bit);
    CHECK(copy == bits);

    cf::InlineExecutor executor;
    std::vector<std::unique_ptr<int>> owned;
    for (std::unique_ptr<int>&& each :
         cf::progress(executor.map([](int n) { return std::make_unique<int>(n); }, std::vector{4, 5})))
        owned.push_back(std::move(each));
    CHECK(*owned.at(0) == 4);
    CHECK(*owned.at(1) == 5);
}

TEST_CASE("progress() knows how many items there will be", "[progress]") {
    cf::ThreadPoolExecutor pool(2);
    const auto twice = [](int n) { return 2 * n; };
    CHECK(cf::progress(std::vector{1, 2, 3}).total() == 3u);
    CHECK(cf::progress(std::forward_list{1, 2, 3}).total() == std::nullopt);
    CHECK(cf::progress(std::forward_list{1, 2, 3}, {.total = 3}).total() == 3u);
    CHECK(cf::progress(pool.map(twice, std::vector{1, 2})).total() == 2u);
    CHECK(cf::progress(pool.map_unordered(twice, std::vector{1, 2})).total() == 2u);
    CHECK(cf::progress(pool.map({.buffersize = 1}, twice, std::vector{1, 2})).total() == std::nullopt);
    std::vector futures{pool.submit(twice, 1), pool.submit(twice, 2)};
    CHECK(cf::progress(cf::as_completed(futures)).total() == 2u);
}

TEST_CASE("what maps and as_completed() have still to give counts down to 0", "[progress]") {
    cf::ThreadPoolExecutor pool(2);
    const auto twice = [](int n) { return 2 * n; };
    const std::vector inputs{1, 2, 3, 4, 5};
    const auto check = [](auto range) {
        std::size_t left = 5;
        for (auto it = range.begin(); it != range.end(); ++it) {
            CHECK(range.remaining() == left);
            static_cast<void>(*it);
            CHECK(range.remaining() == left--);
        }
        CHECK(range.remaining() == 0u);
    };
    check(pool.map(twice, inputs));
    check(pool.map_unordered(twice, inputs));
    std::vector<cf::Future<int>> futures;
    for (const int n : inputs) futures.push_back(pool.submit(twice, n));
    check(cf::as_completed(futures));
    // A buffer that holds all: known once the input has been read to its end.
    auto buffered = pool.map({.buffersize = 8}, twice, inputs);
    check(std::move(buffered));
}

TEST_CASE("progress() passes on what * throws, counts it and goes on", "[progress]") {
    cf::InlineExecutor executor;
    auto results = cf::progress(executor.map(
        [](int n) {
            if (n % 2 == 0) throw std::domain_error("even");
            return n;
        },
        std::vector{1, 2, 3, 4}));
    int sum = 0;
    for (auto it = results.begin(); it != results.end(); ++it) {
        try {
            sum += *it;
        } catch (const std::domain_error&) {
            CHECK_THROWS_AS(*it, std::domain_error);  // again the same, and no failure more
        }
    }
    CHECK(sum == 4);
    CHECK(results.done() == 4);
    CHECK(results.failed() == 2);
}

TEST_CASE("progress() counts futures that failed or were cancelled, and leaves the failure unobserved",
          "[progress]") {
    std::atomic<int> reports = 0;
    {
        cf::ThreadPoolExecutor executor({.max_workers = 1,
                                         .report_unobserved = true,
                                         .on_unhandled_exception = [&](std::exception_ptr) { ++reports; }});
        std::vector futures{executor.submit([] { return 1; }),
                            executor.submit([]() -> int { throw std::domain_error("x"); })};
        cf::Promise<int> promise;
        futures.push_back(promise.get_future());
        REQUIRE(futures.back().cancel());
        auto progress = cf::progress(cf::as_completed(futures));
        for (cf::Future<int>& future : progress) static_cast<void>(future);
        CHECK(progress.failed() == 2);
        CHECK(progress.done() == 3);
    }
    CHECK(reports == 1);
}

TEST_CASE("a timeout of the range passes through and is no failed item", "[progress]") {
    cf::Promise<int> promise;
    auto progress = cf::progress(cf::as_completed(std::vector{promise.get_future()}, 0s));
    CHECK_THROWS_AS(progress.begin(), cf::TimeoutError);
    CHECK(progress.failed() == 0);
}

TEST_CASE("progress() writes nothing where stderr is no terminal", "[progress]") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    {
        const RedirectedError redirected(ends[1]);
        for (const int n : cf::progress(std::vector{1, 2, 3})) static_cast<void>(n);
    }
    char byte;
    CHECK(::read(ends[0], &byte, 1) == -1);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_CASE("on a terminal progress() leaves one line, and its end", "[progress]") {
    const Variable no_color("NO_COLOR", nullptr);
    const Variable terminal("TERM", "xterm");
    const std::string text = on_terminal(60, [] {
        for (const int n : cf::progress(std::vector{1, 2, 3, 4}, {.label = "two\nlines"})) static_cast<void>(n);
    });
    const auto lines = seen(text);
    REQUIRE(lines.size() == 2);
    CHECK_THAT(lines[0], Catch::Matchers::StartsWith("two lines  100% [######"));
    CHECK_THAT(lines[0], ContainsSubstring("] 4/4"));
    CHECK(lines[1].empty());
    CHECK_THAT(text, ContainsSubstring("  0% "));
    CHECK_THAT(text, ContainsSubstring("\x1b[32m"));
}

TEST_CASE("NO_COLOR and TERM=dumb give the bar without escape sequences", "[progress]") {
    const auto draw = [] {
        for (const int n : cf::progress(std::vector{1, 2})) static_cast<void>(n);
    };
    {
        const Variable no_color("NO_COLOR", "1");
        const Variable terminal("TERM", "xterm");
        CHECK_THAT(on_terminal(80, draw), ContainsSubstring("2/2") && !ContainsSubstring("\x1b"));
    }
    const Variable no_color("NO_COLOR", nullptr);
    const Variable terminal("TERM", "dumb");
    CHECK_THAT(on_terminal(80, draw), ContainsSubstring("2/2") && !ContainsSubstring("\x1b"));
}

TEST_CASE("a narrow terminal gets a short line that does not wrap", "[progress]") {
    const Variable no_color("NO_COLOR", "1");
    const std::string text = on_terminal(12, [] {
        for (const int n : cf::progress(std::vector<int>(1000), {.label = "label"})) static_cast<void>(n);
    });
    for (const std::string& each : seen(text)) CHECK(each.size() < 12);
    CHECK_THAT(seen(text)[0], ContainsSubstring("1000/1000"));
}

TEST_CASE("many quick items are drawn a few times only", "[progress]") {
    const Variable no_color("NO_COLOR", "1");
    const auto before = std::chrono::steady_clock::now();
    const std::string text = on_terminal(60, [] {
        for (const int n : cf::progress(std::vector<int>(20'000))) static_cast<void>(n);
    });
    const auto tenths = (std::chrono::steady_clock::now() - before) / 100ms;
    CHECK(std::count(text.begin(), text.end(), '[') <= 2 + tenths);
}

TEST_CASE("the line is clear when an exception comes out of the range, and drawn again afterwards",
          "[progress]") {
    const Variable no_color("NO_COLOR", "1");
    const std::string text = on_terminal(60, [] {
        cf::InlineExecutor executor;
        auto results = cf::progress(executor.map(
            [](int n) {
                if (n == 2) throw std::domain_error("no luck");
                return n;
            },
            std::vector{1, 2, 3}));
        for (auto it = results.begin(); it != results.end(); ++it) {
            try {
                static_cast<void>(*it);
            } catch (const std::domain_error& error) {
                const std::string message = std::string(error.what()) + "\n";
                CHECK(::write(2, message.data(), message.size()) > 0);
            }
        }
    });
    const auto lines = seen(text);
    REQUIRE(lines.size() == 3);
    CHECK(lines[0] == "no luck");
    CHECK_THAT(lines[1], ContainsSubstring("3/3") && ContainsSubstring("1 failed"));
}

TEST_CASE("a loop that is left early, also by an exception, ends the line", "[progress]") {
    const Variable no_color("NO_COLOR", "1");
    const std::string text = on_terminal(60, [] {
        for (const int n : cf::progress(std::vector{1, 2, 3, 4}))
            if (n == 3) break;
        try {
            for (const int n : cf::progress(std::vector{1, 2, 3, 4}))
                if (n == 2) throw std::domain_error("stop");
        } catch (const std::domain_error&) {
        }
    });
    const auto lines = seen(text);
    REQUIRE(lines.size() == 3);
    CHECK_THAT(lines[0], ContainsSubstring("2/4"));
    CHECK_THAT(lines[1], ContainsSubstring("1/4"));
    CHECK(lines[2].empty());
}

}  // namespace
