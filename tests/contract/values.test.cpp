// SPDX-License-Identifier: MIT
//
// The contract of every executor, part 6: values of any type; and callables of any type, where they need not
// cross to another process.
#include <array>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "contract/executors.hpp"

#if CONTRACT_HAS_PROCESSES
#include <concurrent/futures/broadcast.hpp>
#include <concurrent/futures/serialization.hpp>
#include <concurrent/futures/shared_array.hpp>
#endif

namespace contract {
namespace {

/// Can be made from a number only, and not assigned to.
class Exact {
  public:
    explicit Exact(int number) : number_(number) {}
    Exact(const Exact&) = default;
    Exact& operator=(const Exact&) = delete;
    ~Exact() = default;
    int number() const { return number_; }

  private:
    const int number_;
};

/// The same, and cannot be copied.
class Unique {
  public:
    explicit Unique(int number) : number_(std::make_unique<int>(number)) {}
    int number() const { return *number_; }

  private:
    std::unique_ptr<int> number_;
};

struct alignas(64) Wide {
    std::array<std::uint64_t, 8> words{};
};

struct Megabyte {
    std::array<unsigned char, 1'000'000> bytes{};
};

struct Fragile {
    int number = 0;
    bool breaks = false;

    Fragile() = default;
    explicit Fragile(int n) : number(n), breaks(true) {}
    Fragile(const Fragile& other) : number(other.number), breaks(other.breaks) {
        if (breaks) throw std::runtime_error("broken in the copy");
    }
    Fragile(Fragile&& other) noexcept : number(other.number), breaks(other.breaks) {}
    Fragile& operator=(const Fragile&) = delete;
    ~Fragile() = default;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(number, breaks);
    }
};

}  // namespace
}  // namespace contract

#if CONTRACT_HAS_PROCESSES
template <class T>
    requires std::same_as<T, contract::Exact> || std::same_as<T, contract::Unique>
struct concurrent::futures::Codec<T> {
    static void encode(Encoder& encoder, const T& value) { encoder.encode(value.number()); }
    static T decode(Decoder& decoder) { return T(decoder.decode<int>()); }
};
#endif

namespace contract {
namespace {

bool is_aligned(const Wide& wide) { return reinterpret_cast<std::uintptr_t>(&wide) % 64 == 0; }

Exact next_exact(const Exact& exact) { return Exact(exact.number() + 1); }
Unique next_unique(Unique unique) { return Unique(unique.number() + 1); }
Wide next_wide(const Wide& wide) {
    if (!is_aligned(wide)) throw std::logic_error("the argument is not aligned");
    Wide next = wide;
    ++next.words[7];
    return next;
}
Wide wide_of(int n) { return {{0, 0, 0, 0, 0, 0, 0, static_cast<std::uint64_t>(n)}}; }
Unique unique_of(int n) { return Unique(n); }
Exact exact_of(int n) { return Exact(n); }
Megabyte negative(const Megabyte& image) {
    Megabyte result;
    for (std::size_t i = 0; i < image.bytes.size(); ++i)
        result.bytes[i] = static_cast<unsigned char>(255 - image.bytes[i]);
    return result;
}
Fragile fragile_of(int n) { return Fragile(n); }

CONTRACT_CASE("values need no default constructor and no assignment") {
    TestType pool;
    const auto future = pool.submit(next_exact, Exact(1));
    CHECK(future.result().number() == 2);
    int expected = 0;
    for (const Exact& exact : pool.map(exact_of, std::vector{0, 1, 2}))
        CHECK(exact.number() == expected++);
    for (const Exact& exact : pool.map({.chunksize = 2}, exact_of, std::vector{3, 4, 5}))
        CHECK(exact.number() == expected++);
    CHECK(expected == 6);
}

CONTRACT_CASE("values that can only be moved go in and come out, one by one and in chunks") {
    TestType pool;
    CHECK(pool.submit(next_unique, Unique(1)).result().number() == 2);
    int expected = 0;
    for (Unique&& unique : pool.map({.chunksize = 2}, unique_of, std::vector{0, 1, 2}))
        CHECK(Unique(std::move(unique)).number() == expected++);
    CHECK(expected == 3);
}

CONTRACT_CASE("values stay aligned, in the call, in the future and in a map") {
    TestType pool;
    for (int i = 0; i < 5; ++i) {
        const auto future = pool.submit(next_wide, wide_of(i));
        CHECK(is_aligned(future.result()));
        CHECK(future.result().words[7] == static_cast<std::uint64_t>(i + 1));
    }
    std::uint64_t expected = 0;
    for (const Wide& wide : pool.map({.chunksize = 3}, wide_of, std::vector{0, 1, 2, 3, 4})) {
        CHECK(is_aligned(wide));
        CHECK(wide.words[7] == expected++);
    }
}

CONTRACT_CASE("a megabyte in the value itself goes in and comes out") {
    TestType pool;
    const auto image = std::make_unique<Megabyte>();
    image->bytes.front() = 1;
    image->bytes.back() = 2;
    const auto future = pool.submit(negative, *image);
    CHECK(future.result().bytes.front() == 254);
    CHECK(future.result().bytes.back() == 253);
}

CONTRACT_CASE("result() of an rvalue whose copy throws leaves the future as it was") {
    TestType pool;
    auto future = pool.submit(fragile_of, 7);
    {
        const auto other = future;
        CHECK_THROWS_AS(std::move(future).result(), std::runtime_error);
        REQUIRE(future == other);  // NOLINT: not moved from
    }
    // The executor may hold on for a moment; while it does this is a copy, which throws as well.
    CHECK(support::eventually([&] {
        try {
            return std::move(future).result().number == 7;
        } catch (const std::runtime_error&) {
            return false;
        }
    }));
}

// ---- callables ----

#define THREAD_CASE(name) TEMPLATE_TEST_CASE(name, "[contract]", Inline, Threads)

int twice(int n) noexcept { return 2 * n; }

struct Adder {
    int base = 0;
    int add(int n) const { return base + n; }
    int increase(int n) { return base += n; }
    int add_noexcept(int n) const noexcept { return base + n; }
    int given_up(int n) && { return base + n; }
};

struct Overloaded {
    int operator()(int n) { return n + 1; }
    int operator()(int n) const { return n + 2; }
    std::string operator()(const std::string& text) const { return text + "!"; }
};

struct OnlyOnce {
    std::unique_ptr<int> number;
    int operator()() && { return *number; }
};

THREAD_CASE("functions and function objects of any kind can be called") {
    TestType pool;
    CHECK(pool.submit(twice, 2).result() == 4);
    CHECK(pool.submit(&twice, 2).result() == 4);
    CHECK(pool.submit(std::function<int(int)>(twice), 2).result() == 4);
    CHECK(pool.submit(std::ref(twice), 2).result() == 4);
    CHECK(pool.submit(std::bind_front(std::plus<>(), 1), 2).result() == 3);
    CHECK(pool.submit([](auto n) { return n; }, 2.5).result() == 2.5);
    CHECK(pool.submit([calls = 0]() mutable { return ++calls; }).result() == 1);
    CHECK(pool.submit([number = std::make_unique<int>(6)] { return *number; }).result() == 6);
    CHECK(pool.submit(OnlyOnce{std::make_unique<int>(7)}).result() == 7);
    CHECK(pool.submit(Overloaded(), 1).result() == 2);
    CHECK(pool.submit(Overloaded(), std::string("oh")).result() == "oh!");
    Overloaded overloaded;
    CHECK(pool.submit(std::cref(overloaded), 1).result() == 3);
    CHECK(pool.submit([](std::unique_ptr<int>&& number) { return *number; }, std::make_unique<int>(8))
              .result() == 8);

    std::packaged_task<int(int)> task(twice);
    std::future<int> packaged = task.get_future();
    pool.submit(std::move(task), 5).wait();
    CHECK(packaged.get() == 10);
}

THREAD_CASE("members can be called, on a copy, a reference or a pointer of any kind") {
    TestType pool;
    Adder adder{10};
    CHECK(pool.submit(&Adder::add, adder, 1).result() == 11);
    CHECK(pool.submit(&Adder::add_noexcept, &adder, 1).result() == 11);
    CHECK(pool.submit(&Adder::increase, adder, 5).result() == 15);
    CHECK(adder.base == 10);
    CHECK(pool.submit(&Adder::increase, std::ref(adder), 5).result() == 15);
    CHECK(adder.base == 15);
    CHECK(pool.submit(&Adder::increase, &adder, 5).result() == 20);
    CHECK(pool.submit(&Adder::given_up, adder, 1).result() == 21);
    CHECK(pool.submit(&Adder::add, std::make_unique<Adder>(Adder{30}), 1).result() == 31);
    CHECK(pool.submit(&Adder::add, std::make_shared<Adder>(Adder{40}), 1).result() == 41);
    CHECK(pool.submit(std::mem_fn(&Adder::add), adder, 1).result() == 21);
}

THREAD_CASE("a data member of a copy is a value, of what stays a reference") {
    TestType pool;
    Adder adder{10};
    const auto copied = pool.submit(&Adder::base, adder);
    STATIC_REQUIRE(std::same_as<decltype(copied), const cf::Future<int>>);
    CHECK(copied.result() == 10);
    const auto referred = pool.submit(&Adder::base, std::ref(adder));
    STATIC_REQUIRE(std::same_as<decltype(referred), const cf::Future<int&>>);
    CHECK(&referred.result() == &adder.base);
    CHECK(&pool.submit(&Adder::base, &adder).result() == &adder.base);
    const auto moved = pool.submit([](std::string&& text) -> std::string&& { return std::move(text); },
                                   std::string("a text that is too long for a small string"));
    CHECK(moved.result() == "a text that is too long for a small string");
}

THREAD_CASE("post() and map() take the same callables") {
    TestType pool;
    Adder adder{10};
    pool.post(OnlyOnce{std::make_unique<int>(7)});
    pool.post(&Adder::increase, &adder, 1);
    std::vector<int> bases, sums, numbers;
    const std::vector<Adder> adders{{1}, {2}};
    for (const int base : pool.map(&Adder::base, adders)) bases.push_back(base);
    CHECK(bases == std::vector{1, 2});
    for (const int sum : pool.map(&Adder::add, adders, std::vector{10, 20})) sums.push_back(sum);
    CHECK(sums == std::vector{11, 22});
    for (const int number : pool.map({.chunksize = 2}, [&](int n) { return twice(n); }, std::vector{1, 2, 3}))
        numbers.push_back(number);
    CHECK(numbers == std::vector{2, 4, 6});
    pool.shutdown();
    CHECK(adder.base == 11);
}

#if CONTRACT_HAS_PROCESSES

void add_to_each(std::span<int> numbers, int summand) {
    for (int& number : numbers) number += summand;
}
cf::SharedArray<int> doubled(cf::SharedArray<int> numbers) {
    for (int& number : numbers) number *= 2;
    return numbers;
}
std::size_t total_length(const std::vector<std::string>& words, int times) {
    std::size_t sum = 0;
    for (const std::string& word : words) sum += word.size();
    return sum * static_cast<std::size_t>(times);
}

CONTRACT_CASE("a SharedArray is the same array for who submits and for the call, as argument and as result") {
    TestType pool(2);
    const cf::SharedArray<int> numbers{1, 2, 3};
    if constexpr (!shares_memory<TestType>) {
        CHECK_THROWS_AS(pool.submit(add_to_each, numbers, 10), std::invalid_argument);
        return;
    }
    pool.submit(add_to_each, numbers, 10).result();
    CHECK(numbers[2] == 13);
    CHECK(pool.submit(doubled, numbers).result() == numbers);
    CHECK(numbers[0] == 22);
    const std::vector arrays{numbers, numbers};
    // One chunk: the two calls write the same numbers, so they must run one after the other.
    for (const auto& each : pool.map({.chunksize = 2}, doubled, arrays)) CHECK(each == numbers);
    CHECK(numbers[0] == 88);
}

CONTRACT_CASE("a broadcast is taken as the value that it is") {
    TestType pool(2);
    const auto words = cf::broadcast(std::vector<std::string>{"one", "three"});
    for (int times = 0; times < 5; ++times)
        CHECK(pool.submit(total_length, words, times).result() == 8U * static_cast<unsigned>(times));
    CHECK(pool.submit([](const auto& each) { return each->size(); }, words).result() == 2);
}

// ---- larger than a stack ----

#if !defined(CONTRACT_MPI)  // ranks still decode on the stack: docs/more_machines.md
struct Frame {
    std::array<int, 3 << 20> pixels;  // 12 MiB
};
int last_pixel(const Frame& frame) { return frame.pixels.back(); }
int last_pixel_of(const std::optional<Frame>& frame) { return frame->pixels.back(); }
int stoppable_last_pixel(std::stop_token, const Frame& frame) { return frame.pixels.back(); }
Frame frame_with(int pixel) {
    Frame frame;
    frame.pixels.back() = pixel;
    return frame;
}

CONTRACT_CASE("arguments and results may be larger than a stack") {
    TestType pool(1);
    std::vector<Frame> frames(1);
    frames[0].pixels.back() = 7;
    CHECK(pool.submit(last_pixel, frames[0]).result() == 7);
    CHECK(pool.submit(stoppable_last_pixel, frames[0]).result() == 7);
    CHECK(pool.submit(last_pixel, cf::broadcast(frames[0])).result() == 7);
    const auto maybe = std::make_unique<std::optional<Frame>>(std::in_place);
    (*maybe)->pixels.back() = 7;
    CHECK(pool.submit(last_pixel_of, *maybe).result() == 7);
    const auto made = pool.submit(frame_with, 7);
    CHECK(made.result().pixels.back() == 7);
    for (const std::size_t chunksize : {1U, 2U})
        for (int pixel : pool.map({.chunksize = chunksize, .buffersize = 2}, last_pixel, frames)) CHECK(pixel == 7);
    for (int pixel : pool.map(last_pixel, frames)) CHECK(pixel == 7);
    for (auto&& frame : pool.map(frame_with, std::vector{7})) CHECK(frame.pixels.back() == 7);
}

CONCURRENT_CASE("arguments of a call with retries may be larger than a stack") {
    TestType pool(1);
    const auto frame = std::make_unique<Frame>();
    frame->pixels.back() = 7;
    CHECK(pool.submit({.retries = 1}, last_pixel, *frame).result() == 7);
    CHECK(pool.submit({.timeout = 1h, .retries = 1}, stoppable_last_pixel, *frame).result() == 7);
}
#endif

#endif

}  // namespace
}  // namespace contract
