// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/map/owned_blocks.hpp>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("what may be taken of a block begins behind the first item that has not ended", "[owned_blocks]") {
    OwnedBlocks blocks(2, 1);
    blocks.own(1, 10, 20);
    CHECK((blocks.is_empty(0) && !blocks.is_empty(1)));
    CHECK((blocks.has(1, 10) && blocks.has(1, 19) && !blocks.has(1, 9) && !blocks.has(1, 20)));
    for (std::size_t ended = 10; ended < 20; ++ended)
        CHECK(blocks.first_free(1, [&](std::size_t item) { return item < ended; }) == ended + 1);
    CHECK(blocks.first_free(1, [](std::size_t) { return true; }) == 20);
    blocks.end_at(1, 15);
    CHECK(blocks.end(1) == 15);
    CHECK(!blocks.has(1, 15));
    blocks.disown(1);
    CHECK(blocks.is_empty(1));
}

TEST_CASE("what may be taken of a block begins with a chunk", "[owned_blocks]") {
    OwnedBlocks blocks(1, 4);
    blocks.own(0, 8, 18);
    const auto first_free = [&](std::size_t ended) {
        return blocks.first_free(0, [&](std::size_t item) { return item < ended; });
    };
    CHECK((first_free(8) == 12 && first_free(9) == 12 && first_free(11) == 12));
    CHECK((first_free(12) == 16 && first_free(15) == 16 && first_free(16) == 18 && first_free(18) == 18));
}

TEST_CASE("an owner sees that it was called", "[owned_blocks]") {
    OwnedBlocks blocks(2, 1);
    const std::uint32_t before = blocks.calls_of(0).number();
    blocks.call(0);
    CHECK((blocks.calls_of(0).number() != before && blocks.calls_of(1).number() == before));
}

TEST_CASE("an owner and those who take its rest run each item once", "[owned_blocks]") {
    if (!has_asymmetric_barrier()) SKIP("the kernel gives no asymmetric barrier");
    constexpr std::uint32_t count = 2'000;
    constexpr int rounds = 100;
    int wrong = 0;
    for (int round = 0; round < rounds; ++round) {
        OwnedBlocks blocks(2, 1);
        std::mutex mutex;
        std::vector<std::atomic<int>> runs(count);
        const auto ended = [&](std::size_t item) { return runs[item].load(std::memory_order_acquire) != 0; };
        blocks.own(0, 0, count);
        const auto work = [&](std::size_t number) {
            std::unique_lock lock(mutex);
            for (;;) {
                if (blocks.is_empty(number)) {  // takes half of the rest of the other block
                    if (blocks.is_empty(1 - number)) return;
                    blocks.call(1 - number);
                    heavy_barrier();
                    const std::uint32_t begin = blocks.first_free(1 - number, ended), end = blocks.end(1 - number);
                    if (begin == end) return;
                    const std::uint32_t half = begin + (end - begin) / 2;
                    blocks.end_at(1 - number, half);
                    blocks.own(number, half, end);
                }
                std::uint32_t item = blocks.begin(number);
                while (item < blocks.end(number)) {
                    const std::uint32_t stop = blocks.end(number), seen = blocks.calls_of(number).number();
                    lock.unlock();
                    do {
                        runs[item++].fetch_add(1, std::memory_order_release);
                        light_barrier();
                    } while (item != stop && blocks.calls_of(number).number() == seen);
                    lock.lock();
                }
                blocks.disown(number);
            }
        };
        {
            const std::jthread first(work, 0u), second(work, 1u);
        }
        for (const auto& one : runs) wrong += one != 1;
    }
    CHECK(wrong == 0);
}

}  // namespace
