// SPDX-License-Identifier: MIT
//
// EngineSleep and EngineThread.
#include <concurrent/futures/detail/mpi/engine_sleep.hpp>
#include <concurrent/futures/detail/mpi/engine_thread.hpp>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <mutex>
#include <thread>

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("the engine sleeps until it is woken when no messages can come", "[engine_sleep]") {
    std::mutex mutex;
    const LockRule rule(mutex);
    EngineSleep engine(rule);
    CHECK(!engine.is_asleep());
    std::thread waker([&] {
        while (!engine.is_asleep()) std::this_thread::yield();
        engine.wake();
    });
    EngineSleep::Lock lock(mutex);
    engine.wait(lock, {}, [&] {
        CHECK(engine.is_asleep());
        return false;
    });
    CHECK((lock.owns_lock() && !engine.is_asleep()));
    lock.unlock();
    waker.join();
}

TEST_CASE("the engine does not sleep over news that came before", "[engine_sleep]") {
    std::mutex mutex;
    const LockRule rule(mutex);
    EngineSleep engine(rule);
    EngineSleep::Lock lock(mutex);
    engine.wait(lock, {}, [] { return true; });
    CHECK(!engine.is_asleep());
}

TEST_CASE("also when no messages can come, the engine sleeps no longer than it may", "[engine_sleep]") {
    std::mutex mutex;
    const LockRule rule(mutex);
    EngineSleep engine(rule);
    EngineSleep::Lock lock(mutex);
    const Deadline latest = Deadline::after(std::chrono::milliseconds(1));
    engine.wait(lock, {.polls = true, .latest = latest}, [] { return false; });  // without that it would for ever
    CHECK((latest.passed() && !engine.is_asleep()));
}

TEST_CASE("the engine looks for messages itself, but not while a waiting thread does", "[engine_sleep]") {
    std::mutex mutex;
    const LockRule rule(mutex);
    EngineSleep engine(rule);
    EngineSleep::Lock lock(mutex);
    engine.note_news();
    bool slept = false;
    const auto note = [&] { return slept = true; };
    engine.wait(lock, {.expects = true, .polls = true}, note);
    CHECK(!slept);
    engine.begin_watch();
    engine.wait(lock, {.expects = true, .polls = true}, note);
    CHECK(slept);
    engine.end_watch();
    CHECK(!engine.is_watched());
}

TEST_CASE("the engine sleeps until a rank rings, where all ranks do", "[engine_sleep]") {
    std::mutex mutex;
    const LockRule rule(mutex);
    EngineSleep engine(rule);
    SharedDoorbell bell;
    engine.set_bell(&bell);
    std::atomic<bool> sent{false}, over{false};
    std::thread rank([&] {
        while (!engine.is_asleep()) std::this_thread::yield();
        sent = true;
        bell.ring();
        // Another thread of the root wakes it as well.
        while (!over) {
            engine.wake();
            std::this_thread::yield();
        }
    });
    EngineSleep::Lock lock(mutex);
    while (!sent) engine.wait(lock, {.expects = true, .polls = true, .all_ring = true}, [&] { return sent.load(); });
    engine.wait(lock, {.polls = true, .all_ring = true}, [] { return false; });
    CHECK((lock.owns_lock() && !engine.is_asleep() && !engine.sleeps_deeply()));
    over = true;
    lock.unlock();
    rank.join();
}

TEST_CASE("an engine's thread can be started again when it has ended", "[engine_thread]") {
    EngineThread thread;
    std::atomic<int> runs{0};
    for (int i = 1; i <= 2; ++i) {
        const auto lock = thread.lock();
        thread.start([&] { ++runs; });
        thread.join();
        CHECK(runs == i);
        thread.join();  // there is none
    }
}

}  // namespace
