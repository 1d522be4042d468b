// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/map/strips.hpp>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

namespace {

using concurrent::futures::detail::Deadline;
using concurrent::futures::detail::Strips;

constexpr auto never_ran = [](std::size_t) { return false; };

TEST_CASE("claiming a strip's items takes each once, in order", "[strips]") {
    Strips strips(2);
    std::vector<std::uint32_t> items;
    auto run = [&](std::uint32_t item) { items.push_back(item); };
    CHECK(strips.run_claimed(0, Strips::limit, run, never_ran) == 0);
    CHECK(strips.fullest() == 2);
    strips.fill(1, 10, 15);
    CHECK(strips.has_items(1));
    CHECK(strips.fullest() == 1);
    CHECK(strips.run_claimed(1, 2, run, never_ran) == 2);
    CHECK(strips.run_claimed(1, Strips::limit, run, never_ran) == 3);
    CHECK(strips.run_claimed(1, Strips::limit, run, never_ran) == 0);
    strips.fill(1, 20, 21);
    CHECK(strips.run_claimed(1, Strips::limit, run, never_ran) == 1);
    CHECK(items == std::vector<std::uint32_t>{10, 11, 12, 13, 14, 20});
}

TEST_CASE("with a stride, so many items are claimed at once, and the rest at the end", "[strips]") {
    Strips strips(1, 3);
    std::vector<std::uint32_t> items;
    auto run = [&](std::uint32_t item) {
        items.push_back(item);
        if (items.size() == 1) strips.empty_all([](std::uint32_t, std::uint32_t) {});
    };
    strips.fill(0, 10, 18);
    CHECK(strips.run_claimed(0, Strips::limit, run, never_ran) == 3);  // claimed before the others were taken
    strips.fill(0, 20, 24);
    CHECK(strips.run_claimed(0, 1, run, never_ran) == 3);
    CHECK(strips.run_claimed(0, Strips::limit, run, never_ran) == 1);
    CHECK(items == std::vector<std::uint32_t>{10, 11, 12, 20, 21, 22, 23});
}

TEST_CASE("what is taken away from strips is not run", "[strips]") {
    Strips strips(3);
    strips.fill(0, 0, 4);
    strips.fill(2, 7, 9);
    auto run = [](std::uint32_t) {};
    strips.run_claimed(0, 1, run, never_ran);
    std::vector<std::pair<std::uint32_t, std::uint32_t>> taken;
    strips.empty_all([&](std::uint32_t begin, std::uint32_t end) { taken.emplace_back(begin, end); });
    CHECK(taken == std::vector<std::pair<std::uint32_t, std::uint32_t>>{{1, 4}, {7, 9}});
    CHECK(strips.run_claimed(0, Strips::limit, run, never_ran) == 0);
    CHECK(strips.fullest() == 3);
}

TEST_CASE("several threads at one strip run each item once, and the waiter hears of his", "[strips]") {
    constexpr std::uint32_t count = 20'000;
    Strips strips(2);
    std::vector<std::atomic<int>> runs(count);
    auto run = [&](std::uint32_t item) { runs[item].fetch_add(1, std::memory_order_release); };
    auto ran = [&](std::size_t item) { return runs[item].load(std::memory_order_acquire) != 0; };
    strips.fill(0, 0, count / 2);
    strips.fill(1, count / 2, count);
    {
        const auto work = [&](std::size_t strip) {
            strips.run_claimed(strip, Strips::limit, run, ran);
            strips.run_claimed(1 - strip, Strips::limit, run, ran);
        };
        const std::jthread first(work, 0u), second(work, 1u);
        for (std::uint32_t item = 0; item < count; item += 97)
            while (!ran(item))
                strips.wait(item, [&] { return ran(item); }, Deadline::never());
        for (int i = 0; i < 3; ++i)
            strips.wait(Strips::any_item, [&] { return ran(count - 1) && ran(count / 2 - 1); },
                       Deadline::after(std::chrono::milliseconds(1)));
    }
    bool once = true;
    for (const auto& one : runs) once &= one == 1;
    CHECK(once);
}

}  // namespace
