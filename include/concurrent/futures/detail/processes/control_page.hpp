// SPDX-License-Identifier: MIT
//
// control_page.hpp: what has become of each task that was sent to a worker, readable without a message
// and after the worker's death.
//
// One page per worker, mapped by the pool and that worker only. A slot per task in flight:
//
//     pool                     slot                      worker
//     put(slot, task)          queued
//                              running                   start(slot, task)
//                              done                      end(slot, task), then sends the result
//     try_revoke(slot, task)   revoked                   start() fails: answers "skipped"
//     ask_to_stop(task)                                  stop_request(): it is told
//
// start() and try_revoke() are compare-exchanges of the same word, so exactly one of them wins: a
// revoked task never runs, a running one is never thought revoked. There is nothing here to lock and
// nothing to wait on. The worker may write garbage: the pool compares with its own tables and takes
// what it reads as a hint that can only harm that worker's own tasks.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/group_signals.hpp"
#include "concurrent/futures/detail/platform/last_words.hpp"
#include "concurrent/futures/detail/platform/monotonic_clock.hpp"
#include "concurrent/futures/detail/wire/stop_request.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

enum class SlotState : std::uint64_t { free, queued, running, done, revoked };

/// The page is written by the worker: a start in the future or before there was one is no start.
inline std::int64_t plausible_start(std::int64_t started, std::int64_t now) noexcept {
    return std::clamp<std::int64_t>(started, 0, now);
}

class ControlPage {
  public:
    static constexpr std::size_t slot_count = 64;

    /// Pool: before the task is sent.
    void put(std::size_t slot, std::uint64_t task) noexcept {
        // (1) release, pairs with (3): not for data, which the ring carries, but so that the worker,
        // having read the frame, finds this and nothing older.
        slots_[slot].word.store(word(task, SlotState::queued), std::memory_order_release);
    }
    /// Pool: true when the worker will not run it.
    bool try_revoke(std::size_t slot, std::uint64_t task) noexcept {
        std::uint64_t expected = word(task, SlotState::queued);
        // (2) acq_rel, against (3) on the same word: one of the two wins. Failure: acquire, as (5).
        return slots_[slot].word.compare_exchange_strong(expected, word(task, SlotState::revoked),
                                                         std::memory_order_acq_rel,
                                                         std::memory_order_acquire);
    }
    /// Worker: false when it was revoked.
    bool start(std::size_t slot, std::uint64_t task) noexcept {
        // relaxed: published by (3).
        slots_[slot].started.store(monotonic_nanoseconds(), std::memory_order_relaxed);
        std::uint64_t expected = word(task, SlotState::queued);
        // (3) acq_rel, against (2) on the same word; its release hands `started` to (5). Failure: the pool has
        // revoked the task; acquire pairs with (2).
        return slots_[slot].word.compare_exchange_strong(expected, word(task, SlotState::running),
                                                         std::memory_order_acq_rel,
                                                         std::memory_order_acquire);
    }
    /// Worker: the call is over, its result not yet sent.
    void end(std::size_t slot, std::uint64_t task) noexcept {
        // relaxed, both: set before there is a worker; published by (4).
        if (keeps_ends_.load(std::memory_order_relaxed))
            slots_[slot].ended.store(monotonic_nanoseconds(), std::memory_order_relaxed);
        // (4) release, pairs with (5).
        slots_[slot].word.store(word(task, SlotState::done), std::memory_order_release);
    }
    /// Pool: `free` when the slot speaks of another task.
    SlotState state(std::size_t slot, std::uint64_t task) const noexcept {
        // (5) acquire, pairs with (3) and (4).
        const std::uint64_t seen = slots_[slot].word.load(std::memory_order_acquire);
        return seen >> state_width == task ? static_cast<SlotState>(seen & state_bits)
                                           : SlotState::free;
    }
    /// Pool: when the task started, on the clock of monotonic_nanoseconds(); after state() said so.
    std::int64_t started(std::size_t slot) const noexcept {
        // relaxed: handed over by (5).
        return slots_[slot].started.load(std::memory_order_relaxed);
    }

    /// Pool: before there is a worker: it is to keep when tasks end, for an observer.
    void keep_ends() noexcept {
        // relaxed: the start of the process hands it over.
        keeps_ends_.store(1, std::memory_order_relaxed);
    }
    /// Pool: when the task ended, with keep_ends() and after state() said so.
    std::int64_t ended(std::size_t slot) const noexcept {
        // relaxed: handed over by (5).
        return slots_[slot].ended.load(std::memory_order_relaxed);
    }

    /// Pool: the running task is to stop, by its std::stop_token if it has one.
    void ask_to_stop(std::uint64_t task) noexcept { stop_request_.ask_to_stop(task); }
    /// Worker: where it hears of that.
    StopRequest& stop_request() noexcept { return stop_request_; }

    /// Pool: SIGTERM, which follows, is meant for this worker.
    void ask_to_end() noexcept {
        // (1) release, pairs with (2) in on_group_signal(), for nothing but order with the signal.
        end_request_.store(1, std::memory_order_release);
    }
    const EndRequest& end_request() const noexcept { return end_request_; }

    /// Why the worker dies, if it does: its to write, the pool's to read afterwards.
    LastWords& last_words() noexcept { return last_words_; }
    const LastWords& last_words() const noexcept { return last_words_; }

    /// Worker: the initializer or worker_exit starts now; 0: it is over. The clock is monotonic_nanoseconds().
    void note_hook(std::int64_t started) noexcept {
        // (8) release, pairs with (9), for nothing but order with what the hook does.
        hook_started_.store(started, std::memory_order_release);
    }
    /// Pool: since when one of the two has been running; 0: none is.
    std::int64_t hook_started() const noexcept {
        return hook_started_.load(std::memory_order_acquire);  // (9) with (8)
    }

    /// Worker: its own_peak_memory() before it did anything.
    void note_first_peak(std::int64_t bytes) noexcept {
        // (6) release, pairs with (7), for nothing but order with what the worker does later.
        first_peak_.store(bytes, std::memory_order_release);
    }
    std::int64_t first_peak() const noexcept {
        return first_peak_.load(std::memory_order_acquire);  // (7) with (6)
    }

  private:
    static constexpr unsigned state_width = 3;
    static constexpr std::uint64_t state_bits = 7;
    static constexpr std::uint64_t word(std::uint64_t task, SlotState state) noexcept {
        return task << state_width | static_cast<std::uint64_t>(state);
    }

    struct Slot {
        Atomic<std::uint64_t> word{0};
        Atomic<std::int64_t> started{0};
        Atomic<std::int64_t> ended{0};
    };
    StopRequest stop_request_;  // first: tests find the page by it
    std::array<Slot, slot_count> slots_{};
    Atomic<std::uint64_t> keeps_ends_{0};
    Atomic<std::int64_t> first_peak_{0};
    Atomic<std::int64_t> hook_started_{0};
    EndRequest end_request_{0};
    LastWords last_words_;
};

static_assert(Atomic<std::uint64_t>::is_always_lock_free, "shared between processes");

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
