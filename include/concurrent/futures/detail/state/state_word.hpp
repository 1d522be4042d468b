// SPDX-License-Identifier: MIT
//
// state_word.hpp: the word of a SharedState: CallState, flags and references in one atomic number. So the thread that
// ends a task learns in the same atomic operation whether any thread or listener has to be told, and gives back its
// reference:
//
//     bits 0-2    CallState
//     bit  3      sleepers: a thread waits on the lower half as a futex
//     bit  4      listeners: one was added
//     bit  5      observed: the failure was given to a caller
//     bit  6      locked: a thread reads or changes the list of listeners
//     bit  7      pinned: there were too many handles to count; the state is never freed, its value never moved
//     bits 8-31   producers: threads that will run or end the task, or are telling listeners
//     bits 32-63  handles: futures
//
// Proof that no sleeper and no listener is forgotten. The task ends by one read-modify-write of the word (E). A sleeper
// sets its flag by a read-modify-write (S) and a listener by another (L); all three are in the modification order of
// one object. If S or L comes before E, E sees the flag and wakes or tells. If it comes after, S or L sees the
// final state and does not wait.
//
// The lock is in the word, not beside it, because everything that two modules (the program and a library that
// hides its symbols) must share has to be in the object itself. E takes no lock and leaves the bit alone. L is
// also what releases the lock. The thread that tells listeners takes the lock after E, so it finds the
// listener whose flag E has seen.
//
// Handles and producers are counted apart, so that "this is the last future" can be asked while a worker
// still has the state. A worker gives its reference back in the same operation that ends the task. So it does not touch
// an outcome that others may have seen, and does not destroy an exception that the caller still uses.
#pragma once

#include <cstdint>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/futex.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"
#include "concurrent/futures/detail/state/call_state.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// A base of SharedState, and not a member, so that the moves and the counts need no forwarding functions there. What
/// would leave listeners untold or an object undestroyed is protected.
class StateWord {
  public:
    /// Final states are read with acquire: after one is seen, the outcome may be read.
    CallState state() const noexcept {
        // (1) acquire, pairs with (3): after a final state, the outcome may be read.
        return state_of(word_.load(std::memory_order_acquire));
    }
    bool done() const noexcept { return is_final(state()); }
    /// Some thread has cancelled it; that may still be in the middle of it.
    bool was_cancelled() const noexcept { return is_cancelled(state()); }

    // The moves of call_state.hpp. Each returns true to exactly one caller.
    bool begin() noexcept { return move(CallState::pending, CallState::running); }
    bool claim() noexcept {
        return move(CallState::pending, CallState::completing) ||
               move(CallState::running, CallState::completing);
    }
    bool begin_cancel() noexcept { return move(CallState::pending, CallState::cancelling); }

    /// The failure was given to a caller.
    void mark_observed() noexcept {
        // relaxed: read only when no other reference is left.
        word_.fetch_or(observed, std::memory_order_relaxed);
    }

    /// Guards the list of listeners, and the few fields of derived classes that say so. A spin lock that lasts a
    /// few instructions. The holder has a reference.
    void lock() noexcept {
        // (7) acquire, pairs with (8): what was done under the lock before.
        if (word_.fetch_or(locked, std::memory_order_acquire) & locked) lock_slowly();
    }
    void unlock() noexcept {
        word_.fetch_and(~locked, std::memory_order_release);  // (8) release, pairs with (7)
    }

    void add_handle() noexcept {
        // relaxed: the caller has a handle, so the object cannot go away meanwhile.
        if (word_.fetch_add(handle, std::memory_order_relaxed) / handle >= most_handles) pin();
    }
    void add_producer() noexcept {
        // relaxed: the caller has a reference. Never too many to count: one per thread and call of finish().
        word_.fetch_add(producer, std::memory_order_relaxed);
    }
    bool last_handle() const noexcept {
        // acquire pairs with the acq_rel in drop(): what other handles did with the value is over.
        const std::uint64_t seen = word_.load(std::memory_order_acquire);
        return seen / handle == 1 && !(seen & pinned);
    }

  protected:
    static constexpr std::uint64_t producer = 1 << 8;
    static constexpr std::uint64_t handle = std::uint64_t{1} << 32;

    /// Born with one handle and one producer.
    StateWord() = default;
    ~StateWord() = default;

    /// Only by the thread that made the move before: publishes the outcome and wakes the sleepers. True: there are
    /// listeners, to be told by the caller.
    bool publish(CallState final_state) noexcept;
    /// The same, unless there are listeners: then false, and nothing has changed.
    bool try_publish_untold(CallState final_state) noexcept;
    /// The same, and drops a producer. `last`: that was the last reference, and the caller destroys the object; else it
    /// may be gone.
    bool try_publish_untold_and_drop_producer(CallState final_state, bool& last) noexcept;
    /// Until it has ended, until the deadline, or for no reason.
    void sleep(const Deadline& until) noexcept;
    /// With the lock: from here on publish() says that there are listeners. True: it has not ended, and the lock is
    /// released. False: nothing has changed.
    bool unlock_with_listener() noexcept;
    /// `reference`: handle or producer. True: it was the last reference.
    bool drop(std::uint64_t reference) noexcept;
    /// Only in a destructor.
    bool failed_unobserved() const noexcept {
        // relaxed: no other reference is left, and drop() has acquired all that was done before.
        const std::uint64_t last = word_.load(std::memory_order_relaxed);
        return state_of(last) == CallState::failed && !(last & observed);
    }

  private:
    friend struct StateWordProbe;  // of the tests
    static constexpr std::uint64_t state_bits = 7;
    static constexpr std::uint64_t sleepers = 1 << 3;
    static constexpr std::uint64_t listeners = 1 << 4;
    static constexpr std::uint64_t observed = 1 << 5;
    static constexpr std::uint64_t locked = 1 << 6;
    static constexpr std::uint64_t pinned = 1 << 7;
    static constexpr std::uint64_t references = ~(producer - 1);
    static constexpr std::uint64_t most_handles = std::uint64_t{1} << 31;  // half of what fits

    static CallState state_of(std::uint64_t word) noexcept {
        return static_cast<CallState>(word & state_bits);
    }
    bool move(CallState from, CallState to) noexcept;
    void lock_slowly() noexcept;
    void pin() noexcept {
        // relaxed: half of the count is still free, so it does not matter when others begin to see this.
        word_.fetch_or(pinned, std::memory_order_relaxed);
        word_.fetch_sub(handle, std::memory_order_relaxed);
    }

    DoubleFutexWord word_{static_cast<std::uint64_t>(CallState::pending) + handle + producer};
};

inline bool StateWord::drop(std::uint64_t reference) noexcept {
    // acquire, pairs with (6), just below: if this is the only reference left, no other thread can add one.
    const std::uint64_t seen = word_.load(std::memory_order_acquire);
    if (seen & pinned) return false;
    if ((seen & references) == reference) return true;
    // (6) acq_rel, pairs with itself: the last one sees everything the others did before letting go.
    return (word_.fetch_sub(reference, std::memory_order_acq_rel) & references) == reference;
}

inline bool StateWord::move(CallState from, CallState to) noexcept {
    // relaxed: a guess that the compare-exchange checks.
    std::uint64_t seen = word_.load(std::memory_order_relaxed);
    while (state_of(seen) == from) {
        const std::uint64_t wanted = (seen & ~state_bits) | static_cast<std::uint64_t>(to);
        // (2) acq_rel, pairs with itself: a thread that takes over from another one (running to
        // completing) sees what that one did. On failure relaxed: the loop looks only at the state.
        if (word_.compare_exchange_weak(seen, wanted, std::memory_order_acq_rel,
                                        std::memory_order_relaxed))
            return true;
    }
    return false;
}

inline bool StateWord::publish(CallState final_state) noexcept {
    // relaxed: only this thread changes the state from here on.
    const std::uint64_t now = word_.load(std::memory_order_relaxed) & state_bits;
    // (3) release, pairs with (1), (4) and (5): hands the outcome to each thread that sees the state. An
    // addition, because other threads may change flags and references meanwhile.
    const std::uint64_t before =
        word_.fetch_add(static_cast<std::uint64_t>(final_state) - now, std::memory_order_release);  // (3)
    if (before & sleepers) futex_wake_all(&word_);
    return (before & listeners) != 0;
}

inline bool StateWord::try_publish_untold(CallState final_state) noexcept {
    // relaxed: a guess that the compare-exchange checks.
    std::uint64_t seen = word_.load(std::memory_order_relaxed);
    while (!(seen & listeners)) {
        const std::uint64_t wanted = (seen & ~state_bits) | static_cast<std::uint64_t>(final_state);
        // (3) as in publish(). Failure is relaxed: the loop looks only at a flag.
        if (word_.compare_exchange_weak(seen, wanted, std::memory_order_release,
                                        std::memory_order_relaxed)) {
            if (seen & sleepers) futex_wake_all(&word_);
            return true;
        }
    }
    return false;
}

inline bool StateWord::try_publish_untold_and_drop_producer(CallState final_state, bool& last) noexcept {
    // relaxed: a guess that the compare-exchange checks.
    std::uint64_t seen = word_.load(std::memory_order_relaxed);
    while (!(seen & listeners)) {
        const std::uint64_t wanted =
            ((seen & ~state_bits) | static_cast<std::uint64_t>(final_state)) - producer;
        // (3) as in publish(), and (6) as in drop(). Failure is relaxed: the loop looks only at a flag.
        if (word_.compare_exchange_weak(seen, wanted, std::memory_order_acq_rel,
                                        std::memory_order_relaxed)) {
            last = (wanted & references) == 0;
            if (!last && (seen & sleepers)) futex_wake_all(&word_);  // takes only the address
            return true;
        }
    }
    return false;
}

inline void StateWord::sleep(const Deadline& until) noexcept {
    // (4) acquire, pairs with (3).
    std::uint64_t seen = word_.load(std::memory_order_acquire);
    if (is_final(state_of(seen))) return;
    if (!(seen & sleepers)) {
        // relaxed: only raises the flag; the caller reads the state again with (1).
        seen = word_.fetch_or(sleepers, std::memory_order_relaxed);
        if (is_final(state_of(seen))) return;
        seen |= sleepers;
    }
    futex_wait(word_, static_cast<std::uint32_t>(seen), until);
}

inline bool StateWord::unlock_with_listener() noexcept {
    // (5) acquire, pairs with (3): the caller goes on to read the outcome when this returns false.
    std::uint64_t seen = word_.load(std::memory_order_acquire);
    while (!is_final(state_of(seen))) {
        // On success release, (8): it gives back the lock. On failure acquire, (5).
        if (word_.compare_exchange_weak(seen, (seen | listeners) & ~locked, std::memory_order_release,
                                        std::memory_order_acquire))  // (5)
            return true;
    }
    return false;
}

inline void StateWord::lock_slowly() noexcept {
    for (unsigned waits = 0;; ++waits) {
        back_off(waits);
        // relaxed: a guess.
        if (word_.load(std::memory_order_relaxed) & locked) continue;
        // (7) as in lock().
        if (!(word_.fetch_or(locked, std::memory_order_acquire) & locked)) return;
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
