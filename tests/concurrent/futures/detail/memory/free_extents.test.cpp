// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/memory/free_extents.hpp>

#include <catch2/catch_test_macros.hpp>
#include <random>
#include <utility>
#include <vector>

namespace {

using concurrent::futures::detail::FreeExtents;

TEST_CASE("what was in use comes first, the tightest fit of it", "[free_extents]") {
    FreeExtents free(0, 100);
    CHECK(free.take(10)->offset == 0);
    CHECK(free.take(30)->offset == 10);
    CHECK(free.take(5)->offset == 40);
    CHECK(free.take(20)->offset == 45);
    CHECK(free.take(1)->offset == 65);
    free.give_back(10, 30);
    free.give_back(45, 20);
    CHECK(free.warm() == 50);
    const auto tight = free.take(15);
    CHECK((tight->offset == 45 && tight->warm));
    const auto rest = free.take(5);
    CHECK((rest->offset == 60 && rest->warm));
    const auto large = free.take(34);
    CHECK((large->offset == 66 && !large->warm));
    CHECK(!free.take(31));
    CHECK(free.take(30)->offset == 10);
    CHECK(free.take(1) == std::nullopt);
}

TEST_CASE("neighbours become one, cold and warm ones when all is cold", "[free_extents]") {
    FreeExtents free(0, 100);
    for (std::size_t i = 0; i < 4; ++i) CHECK(free.take(10)->offset == 10 * i);
    free.give_back(0, 10);
    free.give_back(20, 10);
    free.give_back(10, 10);
    CHECK(free.take(30)->warm);
    free.give_back(0, 30);
    free.give_back(30, 10);
    CHECK(!free.take(61));
    std::vector<std::pair<std::size_t, std::size_t>> discarded;
    free.cool([&](std::size_t offset, std::size_t size) { discarded.emplace_back(offset, size); });
    CHECK(discarded == std::vector<std::pair<std::size_t, std::size_t>>{{0, 40}});
    CHECK(free.warm() == 0);
    const auto all = free.take(100);
    CHECK((all->offset == 0 && !all->warm));
}

TEST_CASE("no two that are out overlap, and all comes back", "[free_extents]") {
    constexpr std::size_t size = 1000;
    FreeExtents free(0, size);
    std::vector<int> owner(size, 0);
    std::vector<std::pair<std::size_t, std::size_t>> out;
    std::mt19937 random(7);
    for (int step = 1; step < 5000; ++step) {
        if (random() % 2 == 0) {
            const std::size_t wanted = 1 + random() % 60;
            const auto extent = free.take(wanted);
            if (!extent) continue;
            bool was_free = true;
            for (std::size_t i = 0; i < wanted; ++i)
                was_free = std::exchange(owner[extent->offset + i], step) == 0 && was_free;
            REQUIRE(was_free);
            out.emplace_back(extent->offset, wanted);
        } else if (!out.empty()) {
            std::swap(out[random() % out.size()], out.back());
            const auto [offset, length] = out.back();
            out.pop_back();
            for (std::size_t i = 0; i < length; ++i) owner[offset + i] = 0;
            free.give_back(offset, length);
        }
        if (step % 500 == 0) free.cool([](std::size_t, std::size_t) {});
    }
    for (const auto& [offset, length] : out) free.give_back(offset, length);
    free.cool([](std::size_t, std::size_t) {});
    CHECK(free.take(size));
}

}  // namespace
