// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/stack_limit.hpp>

#include <catch2/catch_test_macros.hpp>
#include <thread>

namespace {

using concurrent::futures::detail::StackLimit;

/// Goes down until the limit is reached. Gives how many frames.
int descend(const StackLimit& limit, int frames) {  // NOLINT(misc-no-recursion)
    volatile char used[1024];
    used[0] = 0;
    if (!limit.has_room() || frames == 1'000'000) return frames + used[0];
    return descend(limit, frames + 1) + used[0];
}

TEST_CASE("a thread is told before its stack is full", "[stack_limit]") {
    int frames = 0;
    std::thread([&] {
        const StackLimit limit = StackLimit::of_this_thread();
        CHECK(limit.has_room());
        frames = descend(limit, 0);
        CHECK(limit.has_room());
    }).join();
    CHECK(frames > 10);
    CHECK(frames < 1'000'000);
}

TEST_CASE("without bounds there is always room", "[stack_limit]") { CHECK(StackLimit().has_room()); }

}  // namespace
