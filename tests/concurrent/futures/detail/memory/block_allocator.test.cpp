// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/memory/block_allocator.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <set>
#include <thread>
#include <vector>

namespace {

namespace cf = concurrent::futures;
using namespace concurrent::futures::detail;

struct Block {
    void* address;
    std::size_t size;
    unsigned char mark;
};

/// Many at once, of many sizes, each filled; any overlap would show in free_all().
std::vector<Block> make_many(unsigned char mark) {
    std::vector<Block> blocks;
    for (std::size_t n = 0; n < 2'000; ++n) {
        const std::size_t size = 1 + n * 7 % 600;  // also above what is pooled
        blocks.push_back({BlockAllocator::allocate(size), size, mark});
        std::memset(blocks.back().address, mark, size);
    }
    return blocks;
}

bool free_all(const std::vector<Block>& blocks) {
    bool whole = true;
    for (const Block& block : blocks) {
        for (std::size_t at = 0; at < block.size; ++at)
            whole = whole && static_cast<unsigned char*>(block.address)[at] == block.mark;
        BlockAllocator::deallocate(block.address, block.size);
    }
    return whole;
}

TEST_CASE("blocks do not overlap, and are aligned", "[block_allocator]") {
    const auto a = make_many('a'), b = make_many('b');
    for (const Block& block : a)
        REQUIRE(reinterpret_cast<std::uintptr_t>(block.address) % 16 == 0);
    CHECK(free_all(a));
    const auto c = make_many('c');
    CHECK(free_all(b));
    CHECK(free_all(c));
}

TEST_CASE("blocks may be freed by another thread, also after their own has ended",
          "[block_allocator]") {
    std::vector<Block> blocks;
    std::thread([&] { blocks = make_many('x'); }).join();
    bool whole = false;
    std::thread([&] { whole = free_all(blocks); }).join();
    CHECK(whole);
}

TEST_CASE("threads that make and free each other's blocks do not disturb one another",
          "[block_allocator]") {
    std::array<std::vector<Block>, 4> blocks;
    std::array<bool, 4> whole{};
    for (int round = 0; round < 5; ++round) {
        std::vector<std::thread> threads;
        for (std::size_t t = 0; t < 4; ++t)
            threads.emplace_back([&, t] { blocks[t] = make_many(static_cast<unsigned char>(t)); });
        for (std::thread& thread : threads) thread.join();
        threads.clear();
        for (std::size_t t = 0; t < 4; ++t)
            threads.emplace_back([&, t] {
                const auto mine = make_many(static_cast<unsigned char>(10 + t));
                whole[t] = free_all(blocks[(t + 1) % 4]) && free_all(mine);
            });
        for (std::thread& thread : threads) thread.join();
        CHECK(whole == std::array{true, true, true, true});
    }
}

#if !CONCURRENT_FUTURES_SANITIZED
TEST_CASE("a block that is freed at once is the next one made", "[block_allocator]") {
    void* const first = BlockAllocator::allocate(64);
    BlockAllocator::deallocate(first, 64);
    void* const second = BlockAllocator::allocate(64);
    CHECK(second == first);
    BlockAllocator::deallocate(second, 64);
}

TEST_CASE("pages come back: a million blocks in turn use few addresses", "[block_allocator]") {
    std::set<void*> pages;
    std::vector<void*> some;
    for (int n = 0; n < 10'000; ++n) {
        for (int i = 0; i < 100; ++i) {
            some.push_back(BlockAllocator::allocate(64));
            pages.insert(page_of(some.back()));
        }
        for (void* const block : some) BlockAllocator::deallocate(block, 64);
        some.clear();
    }
    CHECK(pages.size() < 100);
}
#endif

/// Makes and frees calls while the thread's own objects are destroyed.
struct LateUser {
    ~LateUser() {
        BlockAllocator::deallocate(kept, 64);
        for (int n = 0; n < 200; ++n) some.push_back(BlockAllocator::allocate(64));
        for (void* const block : some) BlockAllocator::deallocate(block, 64);
        *done = true;
    }
    bool* done;
    void* kept = nullptr;
    std::vector<void*> some{};
};

TEST_CASE("destructors of thread_local objects may make and free blocks", "[block_allocator]") {
    bool done = false;
    std::thread([&] {
        static thread_local LateUser user{&done};  // before the allocator's own: destroyed after it
        user.kept = BlockAllocator::allocate(64);
    }).join();
    CHECK(done);
}

TEST_CASE("a call with an over-aligned capture is aligned", "[block_allocator]") {
    struct alignas(256) Wide {
        int number = 7;
    };
    cf::ThreadPoolExecutor pool(1);
    const auto future = pool.submit([](const Wide& wide) {
        return reinterpret_cast<std::uintptr_t>(&wide) % 256 == 0 ? wide.number : -1;
    }, Wide{});
    CHECK(future.result() == 7);
}

}  // namespace
