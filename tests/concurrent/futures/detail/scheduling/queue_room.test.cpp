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

TEST_CASE("a submitter that sleeps until it is woken is woken when the tasks that wait are cancelled", "[queue_room]") {
    std::mutex mutex;
    const LockRule rule(mutex);
    QueueRoom room(rule, 2);
    std::unique_lock lock(mutex);
    room.note_waiting();
    room.note_waiting();
    std::thread other([&] {
        const std::lock_guard other_lock(mutex);  // the submitter lets go of it in order to sleep
        room.note_cancelled(2);
    });
    while (room.is_full()) room.wait(lock, true);
    CHECK(!room.is_full());
    lock.unlock();
    other.join();
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

TEST_CASE("an urgent submitter that sleeps is woken by the first free place of many", "[queue_room]") {
    std::mutex mutex;
    const LockRule rule(mutex);
    QueueRoom room(rule, 4);
    std::unique_lock lock(mutex);
    for (int n = 0; n < 4; ++n) room.note_waiting();
    std::thread other([&] { room.note_free(); });  // needs the mutex, which the submitter lets go of in order to sleep
    while (room.is_full()) room.wait(lock, true);
    CHECK(!room.is_full());
    lock.unlock();
    other.join();
}

TEST_CASE("a submitter that is not urgent looks again by itself, though few places become free", "[queue_room]") {
    std::mutex mutex;
    const LockRule rule(mutex);
    QueueRoom room(rule, 100);
    for (int n = 0; n < 100; ++n) room.note_waiting();
    std::thread worker([&] { room.note_free(); });  // wakes nobody: half of the places would
    std::unique_lock lock(mutex);
    while (room.is_full()) room.wait(lock, false);
    room.wait(lock, false);
    lock.unlock();
    worker.join();
    CHECK(!room.is_full());
}

}  // namespace
