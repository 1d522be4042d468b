// SPDX-License-Identifier: MIT
//
// completion_waiter.hpp: one thread waits for several calls, in wait() and as_completed().
//
// A Watch is a waiter in the list of one state. All Watches of one thread share a
// CompletionWaiter: a queue of the indexes that ended, in the order they ended, and one futex word
// for the thread to sleep on. Watches are told under the lock of their state's list; that lock comes
// before this object's, and nothing is locked while this one is held. The Watches are destroyed
// before their CompletionWaiter, each under the lock of its state's list, so nobody is still in add().
#pragma once

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/futex.hpp"
#include "concurrent/futures/detail/state/shared_state.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class CompletionWaiter {
  public:
    /// For up to `capacity` ends.
    explicit CompletionWaiter(std::size_t capacity) { ended_.reserve(capacity); }

    void add(std::size_t index) noexcept {
        const std::lock_guard lock(mutex_);
        ended_.push_back(index);  // within the capacity: cannot throw
        // (1) release, pairs with (2). The list itself is handed over by the mutex.
        ends_.fetch_add(1, std::memory_order_release);
        futex_wake_one(&ends_);
    }

    /// How many have ended so far; grows.
    std::uint32_t ends() const noexcept {
        return ends_.load(std::memory_order_acquire);  // (2) acquire, pairs with (1)
    }

    /// Sleeps until ends() is more than `seen`; false when the deadline passed first.
    bool wait_for_more(std::uint32_t seen, const Deadline& deadline) const {
        while (ends() == seen) {
            if (deadline.passed()) return false;
            if (Trampoline::catch_up()) continue;
            futex_wait(ends_, seen, deadline);
        }
        return true;
    }

    /// The index of the n-th call that ended, n below ends().
    std::size_t ended(std::size_t n) const {
        const std::lock_guard lock(mutex_);
        return ended_[n];
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::size_t> ended_;  // guarded by mutex_
    FutexWord ends_{0};
};

class Watch final : public Listener {
  public:
    Watch(CompletionWaiter& waiter, SharedState& state, std::size_t index) noexcept
        : Listener(Kind::waiter), waiter_(waiter), state_(state), index_(index) {}
    ~Watch() override { stop(); }

    /// From now on the waiter hears of the end, at once if it is over.
    void start() noexcept {
        watching_ = state_.add_listener(*this);
        if (!watching_) waiter_.add(index_);
    }
    /// From now on the state may go away.
    void stop() noexcept {
        if (std::exchange(watching_, false)) state_.remove_listener(*this);
    }
    void notify(SharedState&) noexcept override { waiter_.add(index_); }

  private:
    CompletionWaiter& waiter_;
    SharedState& state_;  // kept alive until stop() by a future that the owner of this holds
    const std::size_t index_;
    bool watching_ = false;
};

}  // namespace concurrent::futures::inline v1::detail
