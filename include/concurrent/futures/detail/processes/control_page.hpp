// SPDX-License-Identifier: MIT
//
// control_page.hpp: what has become of each task that was sent to a worker, readable without a message
// and after the worker's death.
//
// It is the first part of the memory that the pool shares with one worker (worker_page.hpp). It has a slot for each task
// in flight:
//
//     pool                     slot                      worker
//     put(slot, task)          sent
//                              running                   start(slot, task)
//                              done                      end(slot, task), then sends the result
//     try_revoke(slot, task)   revoked                   start() fails: answers "skipped"
//     ask_to_stop(task)                                  stop_request(): it is told
//
// start() and try_revoke() are compare-exchanges of the same word, so exactly one of the two succeeds: a
// revoked task never runs, a running one never counts as revoked. There is nothing here to lock and
// nothing to wait for. The worker may write anything: the pool compares what it reads with its own tables, and a wrong
// value harms only the tasks of that worker.
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

enum class SlotState : std::uint64_t { free, sent, running, done, revoked };

/// The worker writes the time of a start and may write anything: a time in the future counts as now, one below 0 as 0,
/// or as now if that is below 0 (a program whose clock was replaced).
inline std::int64_t plausible_start(std::int64_t started, std::int64_t now) noexcept {
    return std::clamp(started, (std::min)(now, std::int64_t{0}), now);
}

class ControlPage {
  public:
    static constexpr std::size_t slot_count = 64;

    /// Pool: before WorkerLink::flush() lets the worker see the frame of the task.
    void put(std::size_t slot, std::uint64_t task) noexcept {
        // (1) release, pairs with (3) in start(): hands over no data, which the ring does, but a worker that has
        // read the frame finds this word and nothing older.
        slots_[slot].word.store(word(task, SlotState::sent), std::memory_order_release);
    }
    /// Pool: true when the worker will not run it.
    bool try_revoke(std::size_t slot, std::uint64_t task) noexcept {
        std::uint64_t expected = word(task, SlotState::sent);
        // (2) acq_rel, pairs with (3) in start(), on the same word: exactly one of the two succeeds. On failure acquire,
        // pairs with (3) in start() and (4) in end(): hands over `started`.
        return slots_[slot].word.compare_exchange_strong(expected, word(task, SlotState::revoked),
                                                         std::memory_order_acq_rel,  // (2)
                                                         std::memory_order_acquire);  // with (3) and (4)
    }
    /// Worker: false when it was revoked.
    bool start(std::size_t slot, std::uint64_t task) noexcept {
        // relaxed: handed over by (3), just below.
        slots_[slot].started.store(monotonic_nanoseconds(), std::memory_order_relaxed);
        std::uint64_t expected = word(task, SlotState::sent);
        // (3) acq_rel, pairs with (2) in try_revoke(), on the same word: exactly one of the two succeeds. Its release
        // pairs with (5) in state(): hands over `started`. On failure acquire, pairs with (2): the task is revoked.
        return slots_[slot].word.compare_exchange_strong(expected, word(task, SlotState::running),
                                                         std::memory_order_acq_rel,  // (3)
                                                         std::memory_order_acquire);  // with (2)
    }
    /// Worker: the function has returned, and its result is not sent yet.
    void end(std::size_t slot, std::uint64_t task) noexcept {
        // relaxed, both: records_end_times_ is set before there is a worker; `ended` is handed over by (4), just below.
        if (records_end_times_.load(std::memory_order_relaxed))
            slots_[slot].ended.store(monotonic_nanoseconds(), std::memory_order_relaxed);
        // (4) release, pairs with (5) in state(): hands over `started` and `ended`.
        slots_[slot].word.store(word(task, SlotState::done), std::memory_order_release);
    }
    /// Pool: `free` when the slot speaks of another task.
    SlotState state(std::size_t slot, std::uint64_t task) const noexcept {
        // (5) acquire, pairs with (3) in start() and (4) in end(): `started` and `ended` may be read.
        const std::uint64_t seen = slots_[slot].word.load(std::memory_order_acquire);
        return seen >> state_width == task ? static_cast<SlotState>(seen & state_bits)
                                           : SlotState::free;
    }
    /// Pool: when the task started, on the clock of monotonic_nanoseconds(); after state() said so.
    std::int64_t started(std::size_t slot) const noexcept {
        // relaxed: handed over by (5) in state().
        return slots_[slot].started.load(std::memory_order_relaxed);
    }

    /// Pool, before there is a worker: the worker is to write the time at which each task ends, for an observer.
    void record_end_times() noexcept {
        // relaxed: the start of the process hands it over.
        records_end_times_.store(1, std::memory_order_relaxed);
    }
    /// Pool, before there is a worker: its number among those of the pool.
    void set_worker_number(std::uint64_t number) noexcept {
        // relaxed: as above.
        worker_number_.store(number, std::memory_order_relaxed);
    }
    /// Worker.
    std::uint64_t worker_number() const noexcept {
        return worker_number_.load(std::memory_order_relaxed);  // relaxed: written before this process started
    }
    /// Pool: when the task ended, with record_end_times() and after state() said so.
    std::int64_t ended(std::size_t slot) const noexcept {
        // relaxed: handed over by (5) in state().
        return slots_[slot].ended.load(std::memory_order_relaxed);
    }

    /// Pool: the running task is to stop, by its std::stop_token if it has one.
    void ask_to_stop(std::uint64_t task) noexcept { stop_request_.ask_to_stop(task); }
    /// Worker: where it learns that its task is to stop.
    StopRequest& stop_request() noexcept { return stop_request_; }

    /// Pool: SIGTERM, which follows, is meant for this worker.
    void ask_to_end() noexcept {
        // (10) release, pairs with (11) in on_group_signal(), group_signals.hpp: hands over no data; the signal is sent
        // after this store.
        end_request_.store(1, std::memory_order_release);
    }
    const EndRequest& end_request() const noexcept { return end_request_; }

    /// Why the worker dies. The worker writes it, and the pool reads it when the worker is dead.
    LastWords& last_words() noexcept { return last_words_; }
    const LastWords& last_words() const noexcept { return last_words_; }

    /// Worker: the initializer or worker_exit starts now; 0: it is over. The clock is monotonic_nanoseconds().
    void note_hook(std::int64_t started) noexcept {
        // (8) release, pairs with (9) in hook_started(): hands over no data; what the hook does comes after it.
        hook_started_.store(started, std::memory_order_release);
    }
    /// Pool: since when one of the two has been running; 0: none is.
    std::int64_t hook_started() const noexcept {
        return hook_started_.load(std::memory_order_acquire);  // (9) acquire, pairs with (8) in note_hook()
    }

    /// Worker: its own_peak_memory() before it did anything.
    void note_first_peak(std::int64_t bytes) noexcept {
        // (6) release, pairs with (7) in first_peak(): hands over no data; what the worker does later comes after it.
        first_peak_.store(bytes, std::memory_order_release);
    }
    std::int64_t first_peak() const noexcept {
        return first_peak_.load(std::memory_order_acquire);  // (7) acquire, pairs with (6) in note_first_peak()
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
    Atomic<std::uint64_t> records_end_times_{0};
    Atomic<std::uint64_t> worker_number_{0};
    Atomic<std::int64_t> first_peak_{0};
    Atomic<std::int64_t> hook_started_{0};
    EndRequest end_request_{0};
    LastWords last_words_;
};

static_assert(Atomic<std::uint64_t>::is_always_lock_free, "shared between processes");

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
