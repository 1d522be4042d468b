// SPDX-License-Identifier: MIT
#include <concurrent/futures/options.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

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
                                     .observer = nullptr,
                                     .stack_size = 1 << 20};
    CHECK(pool.max_pending == 9);
    CHECK(pool.stack_size == 1 << 20);
}

TEST_CASE("a name in options is a std::string in every form of writing it", "[options]") {
    struct Named {
        operator std::string() const { return "converted"; }
    };
    const std::string text = "text";
    CHECK(cf::TaskOptions{.name = "t"}.name == "t");
    CHECK(cf::TaskOptions{.name = text}.name == text);
    CHECK(cf::TaskOptions{.name = std::string("t") + text}.name == "ttext");
    CHECK(cf::TaskOptions{.name = Named{}}.name == "converted");
    CHECK(cf::TaskOptions{.name = {}}.name.empty());
    CHECK(cf::TaskOptions{.name = {"text", 2}}.name == "te");
    CHECK(cf::TaskOptions{.name = {'t', 'e'}}.name == "te");
    CHECK(cf::TaskOptions{.name = {text.begin(), text.end()}}.name == text);
    cf::TaskOptions options{.name = text};
    options.name = std::string_view("view");
    CHECK(options.name == "view");
    options.name = "u";
    CHECK(cf::TaskOptions{.name = options.name}.name + "v" == "uv");
    options.name = {};
    CHECK(options.name.empty());
    options = cf::TaskOptions{.name = text};
    const std::string taken = options.name;
    CHECK(taken == text);
}

TEST_CASE("a hook in options is a std::function in every form of writing it", "[options]") {
    int calls = 0;
    const std::function<void()> count = [&] { ++calls; };
    const std::function<void()> nothing;
    cf::ThreadPoolOptions options{.initializer = count, .worker_exit = nothing};
    CHECK(options.initializer);
    CHECK_FALSE(options.worker_exit);
    CHECK_FALSE(cf::ThreadPoolOptions{.initializer = nullptr}.initializer);
    CHECK_FALSE(cf::ThreadPoolOptions{.initializer = {}}.initializer);
    CHECK_FALSE(cf::ThreadPoolOptions{.initializer = options.worker_exit}.initializer);

    std::function<void()> taken = options.worker_exit;
    CHECK_FALSE(taken);
    taken = options.initializer;
    taken();
    CHECK(calls == 1);
    const auto kept = options.initializer;
    options.initializer = [kept] { kept(), kept(); };
    options.worker_exit = options.initializer;
    std::as_const(options).worker_exit();
    CHECK(calls == 3);
    options.initializer = nullptr;
    CHECK(options.initializer == nullptr);
}

// What g++ 12 does in an expression with co_await, done here by hand, on every compiler.
TEST_CASE("a copy of an option's bytes may be read and copied, and leaves the value to the original", "[options]") {
    using Name = cf::detail::OptionValue<std::string>;
    for (const char* const text : {"short", "a text that does not fit into the string itself"}) {
        alignas(Name) std::byte bytes[sizeof(Name)];
        {
            const Name original(text);
            std::memcpy(bytes, static_cast<const void*>(&original), sizeof(Name));
            Name& same = *std::launder(reinterpret_cast<Name*>(bytes));
            CHECK(same == text);
            const Name copied = same;
            Name moved = std::move(same);
            CHECK(copied == text);
            CHECK(moved == text);
            moved = std::move(same);
            CHECK(moved == text);
            CHECK(original == text);
            same = "another text, also too long for the string itself";
            CHECK(same == "another text, also too long for the string itself");
            CHECK(original == text);
            std::destroy_at(&same);
            std::memcpy(bytes, static_cast<const void*>(&original), sizeof(Name));
            std::destroy_at(&same);
            CHECK(original == text);
        }
    }
}

static_assert(std::is_trivially_destructible_v<cf::MapOptions> && std::is_trivially_destructible_v<cf::WaitOptions> &&
              std::is_trivially_destructible_v<cf::ShutdownOptions>);
static_assert(std::is_aggregate_v<cf::TaskOptions> && std::is_aggregate_v<cf::ThreadPoolOptions>);

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

TEST_CASE("the longest durations of any unit mean for ever in options", "[options]") {
    CHECK(cf::TaskOptions{.timeout = std::chrono::hours::max()}.timeout == std::chrono::nanoseconds::max());
    CHECK(cf::ThreadPoolOptions{.idle_timeout = std::chrono::years::max()}.idle_timeout ==
          std::chrono::nanoseconds::max());
    CHECK_THROWS_AS((cf::WaitOptions{.timeout = std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())}),
                    std::invalid_argument);
}

TEST_CASE("negative durations and absurd worker counts are named in the refusal", "[options]") {
    CHECK_NOTHROW(cf::detail::require_not_negative(cf::Duration(), "x"));
    CHECK_NOTHROW(cf::detail::require_not_negative(cf::Duration(0s), "x"));
    CHECK_NOTHROW(cf::detail::require_sane_worker_count(64, 64));
    try {
        cf::detail::require_not_negative(cf::Duration(-1ns), "idle_timeout");
        FAIL("accepted");
    } catch (const std::invalid_argument& error) {
        CHECK(std::string(error.what()) ==
              "idle_timeout must not be negative, but is -1 ns; leave it out for the default");
    }
    try {
        cf::detail::require_sane_worker_count(65, 64);
        FAIL("accepted");
    } catch (const std::invalid_argument& error) {
        CHECK(std::string(error.what()).find("max_workers = 65") == 0);
    }
    try {
        cf::detail::require_sane_worker_count(100'000, 65'536, "ThreadPoolOptions::max_workers");
        FAIL("accepted");
    } catch (const std::invalid_argument& error) {
        CHECK(std::string(error.what()).find("ThreadPoolOptions::max_workers = 100000 is above the limit") == 0);
    }
}

}  // namespace
