// SPDX-License-Identifier: MIT
//
// completion_waiter.hpp: one thread waits for several tasks: wait(), as_completed(), map_unordered().
//
//     CompletionWaiter waiter;
//     Watch watch(waiter, state, 7);
//     watch.start();                                    // from now on waiter hears of the state's end
//     if (waiter.wait_for_one(deadline, worker, …))
//         waiter.try_take()->index();                   // 7
//
// A Watch is a waiter in the list of one state. When the state ends, the Watch goes into the queue of its
// CompletionWaiter, which gives them out in that order. The queue is linked through the Watches: nothing is allocated,
// so no end can be lost. A Watch is told under the lock of its state's list; that lock comes before this object's,
// and nothing is locked while this one is held. A Watch is destroyed before its CompletionWaiter. Before that it is
// removed from its state's list, under the lock of that list: so no thread is in add() then. It is not in the queue any
// more, or the whole queue is not looked at again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/futex.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"
#include "concurrent/futures/detail/platform/spin_mutex.hpp"
#include "concurrent/futures/detail/state/blocking.hpp"
#include "concurrent/futures/detail/state/shared_state.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// A worker runs what a wait without a limit needs in any case, see blocking.hpp.
inline void run_needed_here(SharedState& state, const RunHere& way) {
    while (!state.done() && state.run_here(way)) {
    }
}

class Watch;

class CompletionWaiter {
  public:
    CompletionWaiter() = default;
    CompletionWaiter(const CompletionWaiter&) = delete;
    CompletionWaiter& operator=(const CompletionWaiter&) = delete;

    void add(Watch& watch) noexcept;
    /// The next that has ended, in the order in which they did; or null. By the one thread that waits.
    Watch* try_take() noexcept;
    /// try_take() would find one.
    bool has_one() const noexcept {
        // (2) acquire, pairs with (1).
        return news_.load(std::memory_order_acquire) == some;
    }
    /// Blocks until has_one(); false when the deadline passed first. `worker` and `last_resort` as in
    /// block_until().
    template <class LastResort>
    bool wait_for_one(const Deadline& deadline, BlockingWorker* worker, LastResort last_resort) {
        const auto over = [this] { return has_one(); };
        if (worker && !deadline.passed() && spin_until(over)) return true;
        const auto sleep = [this](const Deadline& until) {
            std::uint32_t seen = none;
            // relaxed, both: has_one() acquires.
            if (news_.compare_exchange_strong(seen, sleeper, std::memory_order_relaxed,
                                              std::memory_order_relaxed) ||
                seen == sleeper)
                futex_wait(news_, sleeper, until);
        };
        return block_until({.what = "one of several tasks"}, worker, deadline, over, sleep, last_resort);
    }

  private:
    static constexpr std::uint32_t none = 0, some = 1, sleeper = 2;

    SpinMutex mutex_;
    struct EndedLink {
        static Watch* next(const Watch& watch) noexcept;
        static void set_next(Watch& watch, Watch* next) noexcept;
    };

    IntrusiveQueue<Watch, EndedLink> ended_;  // guarded by mutex_
    FutexWord news_{none};    // `some` is written and taken away under mutex_
};

class Watch final : public Listener {
  public:
    Watch(CompletionWaiter& waiter, SharedState& state, std::size_t index) noexcept
        : Listener(Kind::waiter), waiter_(waiter), state_(state), index_(index) {}
    ~Watch() override { stop(); }

    /// From now on the waiter hears of the end, at once if it is over.
    void start() noexcept {
        watching_ = state_.add_listener(*this);
        if (!watching_) waiter_.add(*this);
    }
    /// From now on the state may go away.
    void stop() noexcept {
        if (std::exchange(watching_, false)) state_.remove_listener(*this);
    }
    void notify(SharedState&, TaskQueue*) noexcept override { waiter_.add(*this); }

    SharedState& state() const noexcept { return state_; }
    std::size_t index() const noexcept { return index_; }

  private:
    friend CompletionWaiter;
    CompletionWaiter& waiter_;
    SharedState& state_;  // kept alive until stop() by a future that the owner of this holds
    const std::size_t index_;
    Watch* next_ended_ = nullptr;  // guarded by the waiter's mutex
    bool watching_ = false;
};

inline Watch* CompletionWaiter::EndedLink::next(const Watch& watch) noexcept { return watch.next_ended_; }
inline void CompletionWaiter::EndedLink::set_next(Watch& watch, Watch* next) noexcept { watch.next_ended_ = next; }

inline void CompletionWaiter::add(Watch& watch) noexcept {
    std::uint32_t before = none;
    {
        const std::lock_guard lock(mutex_);
        ended_.push_back(watch);
        // (1) release, pairs with (2): hands over what the call did. The queue is handed over by the mutex.
        before = news_.exchange(some, std::memory_order_release);
    }
    if (before == sleeper) futex_wake_one(&news_);
}

inline Watch* CompletionWaiter::try_take() noexcept {
    if (!has_one()) return nullptr;
    const std::lock_guard lock(mutex_);
    Watch* const watch = ended_.try_pop();
    if (!ended_.empty()) return watch;
    // relaxed: only this thread looks, and add() writes under the mutex.
    news_.store(none, std::memory_order_relaxed);
    return watch;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
