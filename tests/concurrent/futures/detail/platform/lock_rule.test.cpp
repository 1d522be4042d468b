// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/lock_rule.hpp>

#include <catch2/catch_test_macros.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace {

using namespace concurrent::futures::detail;

/// What another thread finds.
template <class Question>
bool elsewhere(Question question) {
    bool answer = false;
    std::thread([&] { answer = question(); }).join();
    return answer;
}

TEST_CASE("a thread holds a mutex from its lock to its unlock, and no other thread does", "[lock_rule]") {
    std::mutex mutex;
    if (held_here(mutex) == Held::unknown) SKIP("this C library does not tell");
    CHECK(held_here(mutex) == Held::no);
    std::unique_lock lock(mutex);
    CHECK(held_here(mutex) == Held::yes);
    CHECK(elsewhere([&] { return held_here(mutex) == Held::no; }));
    lock.unlock();
    CHECK(held_here(mutex) == Held::no);
    CHECK(elsewhere([&] {
        const std::unique_lock other(mutex, std::try_to_lock);
        return other.owns_lock() && held_here(mutex) == Held::yes;
    }));
    CHECK(held_here(mutex) == Held::no);
}

TEST_CASE("after a wait for a condition the mutex is held again", "[lock_rule]") {
    std::mutex mutex;
    if (held_here(mutex) == Held::unknown) SKIP("this C library does not tell");
    std::condition_variable changed;
    bool told = false;
    std::unique_lock lock(mutex);
    std::thread other([&] {
        const std::lock_guard other_lock(mutex);
        told = true;
        changed.notify_one();
    });
    changed.wait(lock, [&] { return told; });
    CHECK(held_here(mutex) == Held::yes);
    lock.unlock();
    other.join();
}

TEST_CASE("rules hold until they begin to apply", "[lock_rule]") {
    std::mutex mutex;
    const LockRule rule(mutex);
    CHECK((rule.locked() && rule.unlocked() && rule.on_engine_thread() && rule.readable() && rule.writable()));
    CHECK(&rule.mutex() == &mutex);
    CHECK((LockRule::none().locked() && LockRule::none().unlocked()));
}

TEST_CASE("with the mutex, without it, and in the engine's thread are told apart", "[lock_rule]") {
    std::mutex mutex;
    if (held_here(mutex) == Held::unknown) SKIP("this C library does not tell");
    LockRule rule(mutex);
    rule.begin();
    rule.note_engine_thread();
    CHECK((!rule.locked() && rule.unlocked() && rule.on_engine_thread()));
    CHECK((rule.readable() && !rule.writable()));
    CHECK(elsewhere([&] { return !rule.on_engine_thread() && !rule.readable() && !rule.writable(); }));
    {
        const std::lock_guard lock(mutex);
        CHECK((rule.locked() && !rule.unlocked() && rule.readable() && rule.writable()));
    }
    CHECK(elsewhere([&] {
        const std::lock_guard lock(mutex);
        return rule.locked() && rule.readable() && !rule.writable();
    }));
}

}  // namespace
