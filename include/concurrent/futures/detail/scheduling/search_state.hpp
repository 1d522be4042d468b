// SPDX-License-Identifier: MIT
//
// search_state.hpp: how the submitters of a thread pool know whether a worker will find their task, or must be brought.
//
//     push the task; if (state.needs_worker()) { lock; workforce.bring(lock); }        // a submitter
//     state.begin_search(); … state.begin_take(); task = queues.try_take(worker); state.end_take();      // a worker
//
// So a burst of submissions costs one wake-up. Proof that no task is forgotten:
//   A worker W that lies down raises available_, lowers searching_, and then looks into all queues with their locks
//   (WorkQueues::empty()). A submitter pushes with the lock of a queue, and then reads searching_ and available_. If its
//   push came before W's look, W sees the task. If it came after, the lock has handed over what W did before its look. So
//   the submitter sees a worker available, and brings one, unless it reads a searching_ above 0. Then another worker is
//   counted there, which will look in turn.
//   A worker W that has found something lowers searching_, later taking_, and then reads available_ (A). If that is not 0,
//   W looks into all queues as above, and brings a worker for what is left. Another thread (a submitter, or a worker that
//   blocks) reads searching_ or taking_ (B) after available_ was raised (C); a lock has told it of C. A, B, C and the
//   decrements (D) are seq_cst, so all threads agree on one order. If B comes before the decrement, then C comes before A,
//   and W looks. If B comes after the decrement, the other thread does not count W. If A reads a 0 that was stored after
//   C, then all places are taken again, by workers that will look after that.
//   A worker that is one too many lowers searching_ with the mutex, unlocks, and sleeps without a look. At that moment
//   max_workers others are at work. Each of them looks before it lies down or, with the mutex, when it blocks.
//   While the pool is paused, available_ is 0, and each worker is one too many. Whoever ends the pause, or allows more
//   workers, raises available_ and then looks, as W does, with the mutex.
//
// Measured against one mutex around one queue: benchmarks/README.md. Wake-ups: cf. tokio's scheduler.
#pragma once

#include <cstddef>

#include "concurrent/futures/detail/platform/atomic.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Read at each submission; written rarely under load, so it has a cache line of its own.
class alignas(64) SearchState {
  public:
    explicit SearchState(std::size_t max_workers) noexcept : available_(max_workers) {}

    /// A submitter, after its push.
    bool needs_worker() const noexcept {
        // (B) seq_cst, pairs with (D) in begin_take(). relaxed: the lock of the push orders it. See the proof.
        return searching_.load(std::memory_order_seq_cst) == 0 && available_.load(std::memory_order_relaxed) != 0;
    }
    /// With the mutex, after available_ was raised: a worker is about to look.
    bool is_searched() const noexcept {
        // (B) seq_cst, pairs with (D) in begin_take(). A worker that is not counted here any more has raised taking_ before,
        // so Workforce::should_grow() counts it.
        return searching_.load(std::memory_order_seq_cst) != 0;
    }
    /// With the mutex: workers that have found something and have not taken it yet.
    std::size_t taking() const noexcept {
        // (B) seq_cst, pairs with (D) in end_take().
        return taking_.load(std::memory_order_seq_cst);
    }

    // A worker's search. Each worker is counted in searching_, in taking_, or in neither.
    /// The caller will look into all queues after this.
    void begin_search() noexcept {
        searching_.fetch_add(1, std::memory_order_relaxed);  // relaxed: it adds one that will look again
    }
    /// The caller looks into all queues with their locks after this, or is one worker too many and holds the mutex.
    void end_search() noexcept {
        searching_.fetch_sub(1, std::memory_order_relaxed);  // relaxed: those locks order it, see the proof
    }
    bool is_searched_once() const noexcept {
        return searching_.load(std::memory_order_relaxed) == 1;  // relaxed: a guess, one that waits for work is enough
    }
    void begin_take() noexcept {
        // relaxed: handed over by the decrement that follows.
        taking_.fetch_add(1, std::memory_order_relaxed);
        // (D) seq_cst, pairs with (B) in needs_worker() and is_searched().
        searching_.fetch_sub(1, std::memory_order_seq_cst);
    }
    void end_take() noexcept {
        // (D) seq_cst, pairs with (B) in taking().
        taking_.fetch_sub(1, std::memory_order_seq_cst);
    }
    /// After end_take(): another worker could be brought for what is left.
    bool has_available() const noexcept {
        // (A) seq_cst, pairs with (C) in set_available().
        return available_.load(std::memory_order_seq_cst) != 0;
    }

    // With the mutex.
    /// Workers that could be brought: asleep, or not started yet.
    void set_available(std::size_t count) noexcept {
        // (C) seq_cst, pairs with (A) in has_available().
        available_.store(count, std::memory_order_seq_cst);
    }
    void set_surplus(bool surplus) noexcept {
        // relaxed, both: a hint.
        if (surplus_.load(std::memory_order_relaxed) != surplus) surplus_.store(surplus, std::memory_order_relaxed);
    }
    void close() noexcept {
        // (5) release, pairs with (6) in is_closed(): what was done before the shutdown is seen.
        closed_.store(true, std::memory_order_release);
    }

    /// A hint without the mutex: more workers are at work than max_workers.
    bool has_surplus() const noexcept {
        return surplus_.load(std::memory_order_relaxed);  // relaxed: Headcount::too_many() decides, with the mutex
    }
    /// Shut down, or broken.
    bool is_closed() const noexcept {
        // (6) acquire, pairs with (5) in close().
        return closed_.load(std::memory_order_acquire);
    }

  private:
    Atomic<std::size_t> searching_{0};  // workers that will look into all queues once more
    Atomic<std::size_t> taking_{0};     // workers that have found something and have not taken it yet
    Atomic<std::size_t> available_;
    Atomic<bool> closed_{false};
    Atomic<bool> surplus_{false};
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
