// SPDX-License-Identifier: MIT
//
// lock_rule.hpp: the rules "with the mutex", "without it" and "in the engine's thread only", so that assertions check them.
//
//     LockRule rule{mutex};
//     rule.begin();                                        // other threads come now
//     CONCURRENT_FUTURES_ASSERT(rule.locked());            // in a function that says "with the mutex"
//
// Before begin() all of them hold: no other thread is there yet. So the tests of an engine's parts need no lock. Costs
// nothing where assertions are off.
#pragma once

#include "concurrent/futures/detail/platform/config.hpp"

#if CONCURRENT_FUTURES_LINUX
#include <unistd.h>
#endif

#include <mutex>
#include <thread>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

enum class Held : unsigned char { no, yes, unknown };

/// Whether this thread holds the mutex. For assertions only: glibc notes the owner of each mutex, and other libraries, and
/// the model checker, do not.
inline Held held_here([[maybe_unused]] std::mutex& mutex) noexcept {
#if CONCURRENT_FUTURES_LINUX && defined(__GLIBC__) && !defined(CONCURRENT_FUTURES_MODEL)
#if __GLIBC_PREREQ(2, 30)
    return mutex.native_handle()->__data.__owner == ::gettid() ? Held::yes : Held::no;
#endif
#endif
    return Held::unknown;
}

class LockRule {
  public:
    explicit LockRule(std::mutex& mutex) noexcept : mutex_(mutex) {}
    LockRule(const LockRule&) = delete;
    LockRule& operator=(const LockRule&) = delete;

    /// For what is used in one thread.
    static const LockRule& none() noexcept {
        static std::mutex mutex;
        static const LockRule rule(mutex);
        return rule;
    }

    std::mutex& mutex() const noexcept { return mutex_; }

    /// Before other threads are there.
    void begin() noexcept { applies_ = true; }
    /// By the engine's thread, as the first thing it does.
    void note_engine_thread() noexcept { engine_ = std::this_thread::get_id(); }

    /// This thread holds the mutex.
    bool locked() const noexcept { return !applies_ || held_here(mutex_) != Held::no; }
    /// It does not: user code may run, or the thread may block.
    bool unlocked() const noexcept { return !applies_ || held_here(mutex_) != Held::yes; }
    bool on_engine_thread() const noexcept { return !applies_ || std::this_thread::get_id() == engine_; }
    /// What only the engine's thread changes, and only with the mutex, that thread may read without.
    bool readable() const noexcept { return locked() || on_engine_thread(); }
    bool writable() const noexcept { return locked() && on_engine_thread(); }

  private:
    std::mutex& mutex_;
    bool applies_ = false;
    std::thread::id engine_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
