// SPDX-License-Identifier: MIT
//
// Submitters that wait at max_pending, without a pool.
#include <concurrent/futures/detail/scheduling/queue_room.hpp>

#include <catch2/catch_test_macros.hpp>
#include <mutex>
#include <thread>
#include <vector>

namespace {

using concurrent::futures::detail::LockRule;
using concurrent::futures::detail::QueueRoom;

TEST_CASE("the queue is full while max_pending tasks wait", "[queue_room]") {
    std::mutex mutex;
    const LockRule rule(mutex);
    QueueRoom room(rule, 2);
    CHECK(!room.is_full());
    room.note_waiting();
    CHECK(!room.is_full());
    room.note_waiting();
    CHECK(room.is_full());
    room.note_free();
    CHECK(!room.is_full());
}

TEST_CASE("each urgent submitter gets a free place", "[queue_room]") {
    constexpr int submitters = 4;
    std::mutex mutex;
    const LockRule rule(mutex);
    QueueRoom room(rule, 100);
    for (int n = 0; n < submitters; ++n) room.note_waiting();
    int places = 0;
    std::vector<std::thread> threads;
    for (int n = 0; n < submitters; ++n)
        threads.emplace_back([&] {
            std::unique_lock lock(mutex);
            while (places == 0) room.wait(lock, true);
            --places;
        });
    for (int n = 0; n < submitters; ++n) {
        {
            const std::lock_guard lock(mutex);
            ++places;
        }
        room.note_free();
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(places == 0);
}

TEST_CASE("a pool that closes wakes all submitters", "[queue_room]") {
    std::mutex mutex;
    const LockRule rule(mutex);
    QueueRoom room(rule, 100);
    bool closed = false;
    std::vector<std::thread> threads;
    for (int n = 0; n < 3; ++n)
        threads.emplace_back([&] {
            std::unique_lock lock(mutex);
            while (!closed) room.wait(lock, true);
        });
    {
        const std::lock_guard lock(mutex);
        closed = true;
        room.wake_all();
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(closed);
}

}  // namespace
