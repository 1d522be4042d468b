// SPDX-License-Identifier: MIT
//
// What may be called in another process, with what, and what comes back.
#include <concurrent/futures/process_pool_executor.hpp>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <variant>
#include <vector>

#include "concurrent/futures/process_pool.hpp"

// Codecs of types in a namespace without a name would be fine for the compiler; these are named so
// that messages read well.
namespace process_pool_test {

struct Point {
    double x, y;
    double squared_length() const { return x * x + y * y; }
    Point moved(double dx, double dy) const { return {x + dx, y + dy}; }
    bool operator==(const Point&) const = default;
};

/// Encodes, cannot be decoded.
struct Unreadable {
    int value = 0;
};
struct UnreadableAsInt {
    int value = 0;
};
/// Cannot be encoded.
struct Unwritable {
    int value = 0;
};
/// Is read only in part.
struct HalfRead {
    int value = 0;
};

struct RegisteredError : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct UnregisteredError : std::exception {
    const char* what() const noexcept override { return "nobody knows my type"; }
};
/// Looks at a pool while it is decoded.
struct NosyError : std::runtime_error {
    using std::runtime_error::runtime_error;
};
const concurrent::futures::ProcessPoolExecutor* looked_at = nullptr;

}  // namespace process_pool_test

namespace concurrent::futures {

template <>
struct Codec<process_pool_test::Unreadable> {
    static void encode(Encoder& encoder, const process_pool_test::Unreadable& item) {
        encoder.encode(item.value);
    }
    static process_pool_test::Unreadable decode(Decoder& decoder) {
        throw std::domain_error("cannot read " + std::to_string(decoder.decode<int>()));
    }
};
template <>
struct Codec<process_pool_test::UnreadableAsInt> {
    static void encode(Encoder& encoder, const process_pool_test::UnreadableAsInt& item) {
        encoder.encode(item.value);
    }
    static process_pool_test::UnreadableAsInt decode(Decoder& decoder) {
        throw decoder.decode<int>();
    }
};
template <>
struct Codec<process_pool_test::Unwritable> {
    static void encode(Encoder&, const process_pool_test::Unwritable& item) {
        throw std::domain_error("cannot write " + std::to_string(item.value));
    }
    static process_pool_test::Unwritable decode(Decoder&) { return {}; }
};
template <>
struct Codec<process_pool_test::HalfRead> {
    static void encode(Encoder& encoder, const process_pool_test::HalfRead& item) {
        encoder.encode(item.value);
        encoder.encode(std::string("more"));
    }
    static process_pool_test::HalfRead decode(Decoder& decoder) { return {decoder.decode<int>()}; }
};

template <>
struct Codec<process_pool_test::NosyError> {
    static void encode(Encoder& encoder, const process_pool_test::NosyError& error) {
        encoder.encode(std::string(error.what()));
    }
    static process_pool_test::NosyError decode(Decoder& decoder) {
        const auto message = decoder.decode<std::string>();
        const auto* const pool = process_pool_test::looked_at;
        return process_pool_test::NosyError(
            message + (pool ? " " + std::to_string(pool->stats().workers) : ""));
    }
};

}  // namespace concurrent::futures

namespace process_pools {

const bool registered = cf::register_exception<process_pool_test::RegisteredError>() &&
                        cf::register_exception<process_pool_test::NosyError>();

namespace {

using process_pool_test::HalfRead;
using process_pool_test::Point;
using process_pool_test::RegisteredError;
using process_pool_test::Unreadable;
using process_pool_test::UnreadableAsInt;
using process_pool_test::UnregisteredError;
using process_pool_test::Unwritable;

#if CONCURRENT_FUTURES_TSAN
TEST_CASE("the start method fork is left out under ThreadSanitizer") {
    WARN("StartMethod::fork is not tested here: ThreadSanitizer cannot follow the fork of a process "
         "that has threads. The other lanes test it");
}
#endif

// ---- callables ----

int twice_noexcept(int n) noexcept { return 2 * n; }

/// Crosses as a plain aggregate.
struct Scale {
    int factor;
    int operator()(int n) const { return factor * n; }
};
/// Crosses by its serialize member.
class Prefix {
  public:
    Prefix() = default;
    explicit Prefix(std::string text) : text_(std::move(text)) {}
    std::string operator()(const std::string& rest) const { return text_ + rest; }
    template <class Archive>
    void serialize(Archive& archive) {
        archive(text_);
    }

  private:
    std::string text_;
};
struct Overloaded {
    int operator()(int) const { return 1; }
    int operator()(const std::string&) const { return 2; }
};

PROCESS_CASE("a function is called in another process") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    CHECK(pool.submit(square, 12).result() == 144);
    CHECK(pool.submit(&square, -3).result() == 9);
    CHECK(pool.submit(twice_noexcept, 21).result() == 42);
    CHECK(pool.submit(worker_pid).result() != ::getpid());
    CHECK(pool.submit<&square>(5).result() == 25);
}

PROCESS_CASE("a lambda without captures is called in another process") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    CHECK(pool.submit([] { return ::getpid(); }).result() != ::getpid());
    CHECK(pool.submit([](int a, int b) noexcept { return a - b; }, 5, 3).result() == 2);
    CHECK(pool.submit([](auto a, auto b) { return a + b; }, 2, 0.5).result() == 2.5);
    CHECK(pool.submit([](auto text) { return text + "!"; }, std::string("hello")).result() ==
          "hello!");
    const auto named = [](std::string text) { return text.size(); };
    CHECK(pool.submit(named, "four").result() == 4);
}

PROCESS_CASE("a functor crosses with its values") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    CHECK(pool.submit(Scale{3}, 14).result() == 42);
    CHECK(pool.submit(Prefix("pre"), "fix").result() == "prefix");
    CHECK(pool.submit(Overloaded{}, 1).result() == 1);
    CHECK(pool.submit(Overloaded{}, std::string("x")).result() == 2);
    CHECK(pool.submit(Overloaded{}, "x").result() == 2);  // a literal travels as a string
}

PROCESS_CASE("a member function is called on a copy of its object") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const Point point{3, 4};
    CHECK(pool.submit<&Point::squared_length>(point).result() == 25);
    CHECK(pool.submit<&Point::moved>(point, 1.0, -1.0).result() == Point{4, 3});
}

PROCESS_CASE("a function of a shared library is called in another process") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    CHECK(pool.submit(::labs, -5L).result() == 5);
    CHECK(pool.submit(::toupper, 'a').result() == 'A');
    CHECK(pool.submit(::getppid).result() != 0);
}

PROCESS_CASE("a null function pointer is refused by submit") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    int (*const nothing)(int) = nullptr;
    const auto error = thrown_by<cf::SerializationError>([&] { pool.submit(nothing, 1); });
    CHECK_THAT(error.what(), ContainsSubstring("function pointer is null"));
    CHECK(pool.stats().pending == 0);
    CHECK(pool.worker_pids().empty());
}

// ---- arguments ----

double half(double n) { return n / 2; }
std::size_t length(const std::string& text) { return text.size(); }
std::string upper(std::string text) {
    for (char& c : text) c = static_cast<char>(::toupper(c));
    return text;
}
std::string copy_of_view(std::string_view text) { return std::string(text); }
std::int64_t sum_of_span(std::span<const int> numbers) {
    std::int64_t sum = 0;
    for (const int n : numbers) sum += n;
    return sum;
}
bool is_aligned(std::span<const double> numbers) {
    return reinterpret_cast<std::uintptr_t>(numbers.data()) % alignof(double) == 0 &&
           numbers.size() == 3 && numbers[2] == 3.5;
}
/// Where the bytes of the views lie: a view of what was received is in one piece of memory.
std::ptrdiff_t distance_of_views(std::span<const char> first, std::string_view second) {
    return second.data() - first.data();
}
int value_of(std::unique_ptr<int> pointer) { return pointer ? *pointer : -1; }
int take_rvalue(std::vector<int>&& numbers) { return static_cast<int>(numbers.size()); }
std::vector<int> reversed_when_open(std::vector<int> numbers, const std::string& gate) {
    support::wait_at_gate(gate);
    std::reverse(numbers.begin(), numbers.end());
    return numbers;
}

PROCESS_CASE("arguments are converted to the types of the parameters before they cross") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    CHECK(pool.submit(half, 7).result() == 3.5);
    CHECK(pool.submit(half, 7.0F).result() == 3.5);
    CHECK(pool.submit(length, "seven..").result() == 7);
    const char* const text = "pointer";
    CHECK(pool.submit(upper, text).result() == "POINTER");
    CHECK(pool.submit(upper, std::string_view("view").data()).result() == "VIEW");
}

PROCESS_CASE("span and string_view parameters are views of the received bytes") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    CHECK(pool.submit(copy_of_view, "a literal").result() == "a literal");
    CHECK(pool.submit(copy_of_view, std::string(100'000, 'x')).result() ==
          std::string(100'000, 'x'));
    CHECK(pool.submit(copy_of_view, "").result().empty());
    CHECK(pool.submit(sum_of_span, std::vector{1, 2, 3}).result() == 6);
    CHECK(pool.submit(sum_of_span, std::array{4, 5}).result() == 9);
    CHECK(pool.submit(sum_of_span, std::vector<int>{}).result() == 0);
    CHECK(pool.submit(sum_of_span, std::vector<int>(1'000'000, 2)).result() == 2'000'000);
    CHECK(pool.submit(is_aligned, std::vector{1.0, 2.0, 3.5}).result());
    const std::ptrdiff_t distance =
        pool.submit(distance_of_views, std::vector<char>(1000, 'a'), "b").result();
    CHECK(distance >= 1000);
    CHECK(distance < 1100);
}

PROCESS_CASE("arguments that can only be moved, or are empty, cross") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    CHECK(pool.submit(value_of, std::make_unique<int>(7)).result() == 7);
    CHECK(pool.submit(value_of, nullptr).result() == -1);
    CHECK(pool.submit(take_rvalue, std::vector{1, 2}).result() == 2);
    CHECK(pool.submit(take_rvalue, std::vector<int>{}).result() == 0);
}

PROCESS_CASE("submit keeps no reference to its arguments") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    support::ProcessGate gate;
    cf::Future<std::vector<int>> future;
    {
        std::vector<int> numbers{1, 2, 3};
        future = pool.submit(reversed_when_open, numbers, gate.path());
        numbers.assign(3, 0);
    }
    gate.open();
    CHECK(future.result() == std::vector{3, 2, 1});
}

// ---- results ----

template <class T>
T same(T value) {
    return value;
}
const std::string constant_result() { return "constant"; }
enum class Colour : std::uint8_t { red = 1, green = 2 };
std::unique_ptr<std::string> make_pointer(const std::string& text) {
    return std::make_unique<std::string>(text);
}
std::vector<char> make_bytes(std::size_t size) {
    std::vector<char> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 % 251);
    return bytes;
}
void nothing() {}

PROCESS_CASE("results of many types come back") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto comes_back = [&]<class T>(const T& value) {
        return pool.submit(same<T>, value).result() == value;
    };
    CHECK(comes_back(true));
    CHECK(comes_back('c'));
    CHECK(comes_back(std::uint64_t{1} << 63));
    CHECK(comes_back(-1.5));
    CHECK(comes_back(Colour::green));
    CHECK(comes_back(std::string("text")));
    CHECK(comes_back(std::string()));
    CHECK(comes_back(std::vector<int>()));
    CHECK(comes_back(std::vector<std::string>{"a", "", "ccc"}));
    CHECK(comes_back(std::vector<bool>{true, false, true}));
    CHECK(comes_back(std::map<std::string, std::vector<int>>{{"one", {1}}, {"none", {}}}));
    CHECK(comes_back(std::optional<int>()));
    CHECK(comes_back(std::optional<std::string>("set")));
    CHECK(comes_back(std::variant<int, std::string>("second")));
    CHECK(comes_back(std::tuple(1, std::string("two"), 3.0)));
    CHECK(comes_back(std::pair(1, 2)));
    CHECK(comes_back(std::array{1, 2, 3}));
    CHECK(comes_back(std::chrono::nanoseconds(5)));
    CHECK(comes_back(std::filesystem::path("/a/b")));
    CHECK(comes_back(Point{1, 2}));
    CHECK(pool.submit(constant_result).result() == "constant");
    pool.submit(nothing).result();
}

PROCESS_CASE("a result that can only be moved is moved out") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    cf::Future<std::unique_ptr<std::string>> future = pool.submit(make_pointer, "moved");
    CHECK(*future.result() == "moved");
    const std::unique_ptr<std::string> own = std::move(future).result();
    CHECK(*own == "moved");
}

PROCESS_CASE("a result of 20 MB comes back whole") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    constexpr std::size_t size = 20'000'001;
    CHECK(pool.submit(make_bytes, size).result() == make_bytes(size));
    CHECK(pool.submit(same<std::vector<char>>, make_bytes(size)).result() == make_bytes(size));
    CHECK(pool.submit(square, 3).result() == 9);
}

// ---- exceptions ----

void throw_out_of_range(const std::string& message) { throw std::out_of_range(message); }
void throw_system_error(int code) {
    throw std::system_error(code, std::generic_category(), "while testing");
}
void throw_nested() {
    try {
        throw std::invalid_argument("the inner one");
    } catch (...) {
        std::throw_with_nested(std::runtime_error("the outer one"));
    }
}
void throw_registered(const std::string& message) { throw RegisteredError(message); }
void throw_unregistered() { throw UnregisteredError(); }
void throw_int() { throw 42; }

PROCESS_CASE("exceptions of the standard library keep type and message") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto range = error_of<std::out_of_range>(pool.submit(throw_out_of_range, "index 7"));
    CHECK(std::string(range.what()) == "index 7");
    const auto system = error_of<std::system_error>(pool.submit(throw_system_error, EACCES));
    CHECK(system.code() == std::errc::permission_denied);
    CHECK_THAT(system.what(), ContainsSubstring("while testing"));
    CHECK(pool.submit(square, 2).result() == 4);
    CHECK(pool.stats().failed == 2);
}

PROCESS_CASE("a nested exception comes with what it is nested in") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    bool seen = false;
    try {
        pool.submit(throw_nested).result();
    } catch (const std::runtime_error& outer) {
        CHECK(std::string(outer.what()) == "the outer one");
        try {
            std::rethrow_if_nested(outer);
        } catch (const std::invalid_argument& inner) {
            seen = true;
            CHECK(std::string(inner.what()) == "the inner one");
        }
    }
    CHECK(seen);
}

PROCESS_CASE("a registered exception of the user keeps its type") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto error = error_of<RegisteredError>(pool.submit(throw_registered, "mine"));
    CHECK(std::string(error.what()) == "mine");
}

void throw_nosy() { throw process_pool_test::NosyError("nosy"); }

PROCESS_CASE("the codec of an exception may use the pool") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    process_pool_test::looked_at = &pool;
    const auto call = pool.submit(throw_nosy);
    const std::string text = error_of<process_pool_test::NosyError>(call).what();
    CHECK(text == "nosy 1");
    cf::ProcessPoolExecutor broken(
        TestType::with({.max_workers = 1, .initializer = cf::bind_task(throw_nosy)}));
    CHECK_THAT(error_of<cf::BrokenProcessPool>(broken.submit(square, 1)).what(),
               ContainsSubstring("nosy 1"));
    process_pool_test::looked_at = nullptr;
}

PROCESS_CASE("an exception of an unknown type becomes a RemoteError that names it") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const int pid = pool.submit(worker_pid).result();
    const auto error = error_of<cf::RemoteError>(pool.submit(throw_unregistered));
    CHECK_THAT(error.type_name(), ContainsSubstring("UnregisteredError"));
    CHECK(error.message() == "nobody knows my type");
    CHECK(error.pid() == pid);
    CHECK_THAT(error.what(), ContainsSubstring(std::to_string(pid)));
    const auto number = error_of<cf::RemoteError>(pool.submit(throw_int));
    CHECK(number.type_name() == "int");
    CHECK(pool.submit(worker_pid).result() == pid);
}

// ---- what cannot be encoded or decoded ----

Unreadable make_unreadable(int value) { return {value}; }
UnreadableAsInt make_unreadable_as_int(int value) { return {value}; }
Unwritable make_unwritable(int value) { return {value}; }
HalfRead make_half_read(int value) { return {value}; }
int take_unreadable(const Unreadable& item) { return item.value; }
int take_unwritable(const Unwritable& item) { return item.value; }
int take_half_read(const HalfRead& item) { return item.value; }

PROCESS_CASE("a result that cannot be decoded fails only its own future") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto before = pool.submit(worker_pid);
    const auto unreadable = pool.submit(make_unreadable, 7);
    const auto as_int = pool.submit(make_unreadable_as_int, 8);
    const auto half_read = pool.submit(make_half_read, 9);
    const auto after = pool.submit(worker_pid);
    CHECK(std::string(error_of<std::domain_error>(unreadable).what()) == "cannot read 7");
    CHECK(thrown_by<int>([&] { as_int.result(); }) == 8);
    error_of<cf::SerializationError>(half_read);
    CHECK(before.result() == after.result());
    CHECK(pool.stats().failed == 3);
    CHECK(pool.stats().completed == 2);
}

PROCESS_CASE("an argument that cannot be encoded makes submit throw and leaves nothing behind") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    CHECK(std::string(
              thrown_by<std::domain_error>([&] { pool.submit(take_unwritable, Unwritable{7}); })
                  .what()) == "cannot write 7");
    CHECK_THROWS_AS(pool.post(take_unwritable, Unwritable{8}), std::domain_error);
    CHECK(pool.stats().pending == 0);
    CHECK(pool.worker_pids().empty());
    CHECK(pool.submit(square, 2).result() == 4);
}

PROCESS_CASE("an argument that cannot be decoded in the worker fails only its own future") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto before = pool.submit(worker_pid);
    const auto unreadable = pool.submit(take_unreadable, Unreadable{7});
    const auto half_read = pool.submit(take_half_read, HalfRead{8});
    const auto after = pool.submit(worker_pid);
    CHECK(std::string(error_of<std::domain_error>(unreadable).what()) == "cannot read 7");
    error_of<cf::SerializationError>(half_read);
    CHECK(before.result() == after.result());
}

PROCESS_CASE("a result that cannot be encoded fails with what its codec throws") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto before = pool.submit(worker_pid);
    CHECK(std::string(error_of<std::domain_error>(pool.submit(make_unwritable, 7)).what()) ==
          "cannot write 7");
    CHECK(pool.submit(worker_pid).result() == before.result());
}

// ---- post, map ----

void post_failure(const std::string& message) { throw std::runtime_error(message); }

PROCESS_CASE("post() runs a call, and what it throws goes to the hook") {
    support::ProcessLog log;
    std::vector<std::string> reports;
    {
        cf::ProcessPoolExecutor pool(TestType::with(
            {.max_workers = 2, .on_unhandled_exception = [&](const std::exception_ptr& error) {
                 try {
                     std::rethrow_exception(error);
                 } catch (const std::exception& e) {
                     reports.emplace_back(e.what());
                 }
             }}));
        for (int i = 0; i < 20; ++i) pool.post(record, log.path(), i);
        pool.post(post_failure, "posted and failed");
        pool.post([](int code) { ::_exit(code); }, 3);  // ::_exit itself and a void(int): one name to clang, two types
        pool.shutdown();
    }
    CHECK(recorded(log) == numbers_below(20));
    REQUIRE(reports.size() == 2);
    std::sort(reports.begin(), reports.end());
    CHECK(reports[0] == "posted and failed");
    CHECK_THAT(reports[1], ContainsSubstring("exit code 3"));
}

PROCESS_CASE("with report_unobserved a failure that nobody looks at is reported") {
    std::atomic<int> reports{0};
    {
        cf::ProcessPoolExecutor pool(TestType::with(
            {.max_workers = 1,
             .report_unobserved = true,
             .on_unhandled_exception = [&](const std::exception_ptr&) { ++reports; }}));
        static_cast<void>(pool.submit(post_failure, "nobody looks"));
        const auto looked_at = pool.submit(post_failure, "somebody looks");
        CHECK(looked_at.exception() != nullptr);
        static_cast<void>(pool.submit(square, 2));
    }
    CHECK(reports == 1);
}

PROCESS_CASE("a map in chunks gives every item its own outcome") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    const std::vector<int> numbers = numbers_below(50);
    std::vector<int> results;
    for (const int result : pool.map({.chunksize = 7}, square, numbers)) results.push_back(result);
    REQUIRE(results.size() == 50);
    for (int i = 0; i < 50; ++i) CHECK(results[static_cast<std::size_t>(i)] == i * i);

    int failures = 0;
    int sum = 0;
    auto range = pool.map({.chunksize = 4},
                          [](int n) { return n % 5 == 0 ? throw std::out_of_range("five") : n; },
                          numbers);
    for (auto it = range.begin(); it != range.end(); ++it) {
        try {
            sum += *it;
        } catch (const std::out_of_range&) {
            ++failures;
        }
    }
    CHECK(failures == 10);
    CHECK(sum == 49 * 50 / 2 - 5 * (9 * 10 / 2));
}

// ---- a bounded queue ----

PROCESS_CASE("submit() throws when the queue is full and was made to") {
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 1, .max_pending = 2, .on_full = cf::QueueFull::raise}));
    BusyWorker busy(pool);
    std::vector<cf::Future<int>> taken;
    const auto fill = [&] {
        for (int i = 0; i < 100; ++i) taken.push_back(pool.submit(square, i));
    };
    CHECK_THAT(thrown_by<cf::QueueFullError>(fill).what(), ContainsSubstring("max_pending"));
    const std::size_t before = taken.size();
    CHECK(before >= 2);
    busy.open();
    for (std::size_t i = 0; i < before; ++i) CHECK(taken[i].result() == square(static_cast<int>(i)));
}

PROCESS_CASE("a full queue that is cancelled has room again") {
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 1, .max_pending = 2, .on_full = cf::QueueFull::raise}));
    BusyWorker busy(pool);
    std::vector<cf::Future<int>> taken;
    CHECK_THROWS_AS([&] { for (;;) taken.push_back(pool.submit(square, 1)); }(), cf::QueueFullError);
    for (const auto& future : taken) CHECK(future.cancel());
    const auto more = pool.submit(square, 6);
    busy.open();
    CHECK(more.result() == 36);
}

PROCESS_CASE("submit() to a full queue waits for room, which cancel() makes as well") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .max_pending = 1}));
    support::ProcessCounter ran;
    BusyWorker busy(pool);
    std::atomic<int> submitted{0};
    std::thread submitter([&] {
        std::vector<cf::Future<int>> futures;
        for (int i = 0; i < 40; ++i, ++submitted) futures.push_back(pool.submit(square, i));
        for (int i = 0; i < 40; ++i)
            if (futures[static_cast<std::size_t>(i)].result() != i * i) submitted = -100;
    });
    CHECK(support::eventually([&] { return submitted.load() >= 2; }));
    busy.open();
    submitter.join();
    CHECK(submitted == 40);
    // Now with a queue that is emptied by cancel() alone.
    BusyWorker again(pool);
    support::Gate full("the queue is full");
    std::vector<cf::Future<int>> futures;
    std::mutex mutex;
    std::thread blocked([&] {
        for (int i = 0; i < 40; ++i) {
            auto future = pool.submit(square, i);
            const std::lock_guard lock(mutex);
            futures.push_back(std::move(future));
        }
        full.open();
    });
    while (!full.is_open()) {
        const std::lock_guard lock(mutex);
        for (const auto& future : futures) future.cancel();
    }
    blocked.join();
    again.open();
    for (const auto& future : futures) future.wait();
    CHECK(pool.submit(square, 7).result() == 49);
}

PROCESS_CASE("the caller runs the call when the queue is full and was made so") {
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 1, .max_pending = 1, .on_full = cf::QueueFull::caller_runs}));
    BusyWorker busy(pool);
    std::vector<cf::Future<int>> futures;
    // Fifteen are sent ahead to the busy worker; the queue has room for one more.
    while (pool.stats().pending < 16) futures.push_back(pool.submit(worker_pid));
    futures.push_back(pool.submit(worker_pid));
    CHECK(futures.back().done());
    CHECK(futures.back().result() == ::getpid());
    const auto failing = pool.submit(throw_out_of_range, "here");
    CHECK(failing.done());
    CHECK(std::string(error_of<std::out_of_range>(failing).what()) == "here");
    busy.open();
    for (const auto& future : futures)
        CHECK((future.result() == busy.pid() || future.result() == ::getpid()));
    CHECK(pool.submit(square, 2).result() == 4);
}

// ---- options ----

PROCESS_CASE("options that make no sense are refused before there is a process") {
    CHECK_THROWS_AS(cf::ProcessPoolExecutor(TestType::with({.max_workers = 100'000})),
                    std::invalid_argument);
    CHECK_THROWS_AS(cf::ProcessPoolExecutor(TestType::with({.idle_timeout = -1s})),
                    std::invalid_argument);
    CHECK_THROWS_AS(cf::ProcessPoolExecutor(TestType::with({.max_workers = -1})),
                    std::invalid_argument);
    CHECK_THROWS_AS(cf::ProcessPoolExecutor(TestType::with({.task_timeout = -1s})),
                    std::invalid_argument);
    CHECK_THROWS_AS(cf::ProcessPoolExecutor(TestType::with({.stop_grace = -1s})),
                    std::invalid_argument);
    cf::ProcessPoolExecutor pool(TestType::with({}));
    CHECK(pool.max_workers() == cf::available_parallelism());
    CHECK_THROWS_AS(pool.submit({.timeout = -1s}, square, 2), std::invalid_argument);
}

PROCESS_CASE("calls of higher priority are sent first") {
    support::ProcessLog log;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    BusyWorker busy(pool);
    // More than the worker is given ahead, so that the rest waits in the pool.
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 40; ++i) futures.push_back(pool.submit(square, i));
    futures.push_back(pool.submit({.priority = cf::Priority::low}, record, log.path(), 1));
    futures.push_back(pool.submit(record, log.path(), 2));
    futures.push_back(pool.submit({.priority = cf::Priority::high}, record, log.path(), 3));
    busy.open();
    for (const auto& future : futures) future.wait();
    CHECK(log.lines() == std::vector<std::string>{"3", "2", "1"});
}

// ---- callbacks ----

PROCESS_CASE("a thread that waits with a lock meets no callback of its call that takes that lock") {
    // A thread that waits may read its own result; the callbacks of that call are not its to run.
    std::mutex mutex;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    for (int n = 0; n < 200; ++n) {
        const auto told = std::make_shared<support::Gate>();
        const auto call = pool.submit(square, n);
        call.add_done_callback([&mutex, told](const cf::Future<int>&) {
            { const std::lock_guard lock(mutex); }
            told->open();
        });
        {
            const std::lock_guard lock(mutex);
            CHECK(call.result() == n * n);
        }
        told->wait();  // the next call's result would wait for it with the lock
    }
}

PROCESS_CASE("worker_pids() has the worker that has just ended a call") {
    for (int i = 0; i < 20; ++i) {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
        const int pid = pool.submit(worker_pid).result();
        REQUIRE(pool.worker_pids() == std::vector{pid});
    }
}

PROCESS_CASE("a callback may wait for other calls of its pool") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    support::ProcessLog log;
    support::ProcessGate gate;
    std::atomic<int> outcome{0};
    const auto first = pool.submit(stay, log.path(), gate.path());
    support::Gate called("the callback");
    const auto second = pool.submit(square, 4);
    second.add_done_callback([&](const cf::Future<int>& ended) {
        const auto more = pool.submit(square, ended.result());
        const auto inner = pool.submit(square, 5);
        inner.add_done_callback([&](const cf::Future<int>& last) { outcome += last.result(); });
        outcome += more.result() + inner.result();
        called.open();
    });
    gate.open();
    called.wait();
    CHECK(support::eventually([&] { return outcome == 256 + 25 + 25; }));
    CHECK(first.result() > 0);
}

PROCESS_CASE("a callback that throws harms nobody") {
    std::atomic<int> reports{0};
    {
        cf::ProcessPoolExecutor pool(TestType::with(
            {.max_workers = 1,
             .on_unhandled_exception = [&](const std::exception_ptr&) { ++reports; }}));
        BusyWorker busy(pool);
        const auto call = pool.submit(square, 3);
        std::atomic<bool> second{false};
        call.add_done_callback([](const cf::Future<int>&) { throw std::runtime_error("callback"); });
        call.add_done_callback([&](const cf::Future<int>&) { second = true; });
        busy.open();
        CHECK(call.result() == 9);
        CHECK(support::eventually([&] { return second.load(); }));
        CHECK(pool.submit(square, 4).result() == 16);
    }
    CHECK(reports == 1);
}

}  // namespace
}  // namespace process_pools
