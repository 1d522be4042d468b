// SPDX-License-Identifier: MIT
//
// shared_state.hpp: the state of one task, shared by its futures and by the thread or pool that runs it.
//
// One word holds the CallState, flags and references. So the thread that ends a task learns in the
// same atomic operation whether any thread or listener has to be told, and gives back its reference:
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
// Proof that no sleeper and no listener is forgotten. The task ends by one read-modify-write of the word (E). A sleeper sets its
// flag by a read-modify-write (S) and a listener by another (L); all three are in the modification order of
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
#include <exception>
#include <mutex>
#include <thread>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/futex.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"
#include "concurrent/futures/detail/state/blocking.hpp"
#include "concurrent/futures/detail/state/call_state.hpp"
#include "concurrent/futures/detail/state/listener.hpp"
#include "concurrent/futures/detail/state/run_here.hpp"
#include "concurrent/futures/detail/state/trampoline.hpp"
#include "concurrent/futures/detail/state/unhandled.hpp"
#include "concurrent/futures/detail/task/task.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// A Task, so that calls of thread pools need no second table of virtual functions; the calls of others
/// are never in a queue.
class SharedState : public Task {
  public:
    /// Final states are read with acquire: after one is seen, the outcome may be read.
    CallState state() const noexcept;
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
    /// Only by the thread that made the move before: publishes the outcome, wakes and tells all.
    /// `later`: see Trampoline::tell().
    /// It and those below throw nothing but a ForcedUnwind, of a callback, when all is done.
    void finish(CallState final_state, TaskQueue* later = nullptr);
    /// The same, unless there are listeners: then false, and nothing has changed.
    bool try_finish_untold(CallState final_state) noexcept;
    /// The same as finish(), and drop_producer(): this object may be gone afterwards.
    void finish_and_drop_producer(CallState final_state, TaskQueue* later = nullptr);

    /// The failure was given to a caller.
    void mark_observed() noexcept {
        // relaxed: read only when no other reference is left.
        word_.fetch_or(observed, std::memory_order_relaxed);
    }

    /// Blocks; false when the deadline passed first.
    bool wait(const Deadline& deadline);

    /// False when the state is final already: the listener was not added.
    bool add_listener(Listener& listener) noexcept;
    /// Afterwards a waiter will not be told and is not being told. True: it had not been told.
    bool remove_listener(Listener& listener) noexcept;
    /// In a final state: takes the next callback off the list, or gives null. `more`: it was not the last.
    Listener* take_callback(bool& more) noexcept;

    /// Guards the list of listeners, and the few fields of derived classes that say so. A spin lock that lasts a
    /// few instructions. The holder has a reference.
    void lock() noexcept {
        // (7) acquire, pairs with (8): what was done under the lock before.
        if (word_.fetch_or(locked, std::memory_order_acquire) & locked) lock_slowly();
    }
    void unlock() noexcept {
        word_.fetch_and(~locked, std::memory_order_release);  // (8) release, pairs with (7)
    }

    // What depends on the kind of pool that runs the task.
    virtual bool running() const noexcept {
        const CallState now = state();
        return now == CallState::running || now == CallState::completing;
    }
    /// True when the call will not run: it is cancelled now, or was.
    virtual bool cancel() noexcept;
    /// May throw std::invalid_argument where a call cannot be stopped.
    virtual void request_stop() { cancel(); }
    /// Called by a thread that is about to wait: runs the call, or one that this call waits for, if that is
    /// pending in the pool of this very worker. True when it ran something. The rule is in blocking.hpp.
    virtual bool run_here(const RunHere&) { return false; }
    /// The calling thread is a worker of the pool that this call belongs to, with stack for one more call.
    virtual bool could_run_here() const noexcept { return false; }
    /// The worker that the calling thread is, as far as the module knows that made this state; or null.
    virtual BlockingWorker* worker_here() const noexcept { return this_worker; }
    /// The one call that this one follows, with one more handle, or null.
    virtual SharedState* awaited() noexcept { return nullptr; }
    /// The number that an observer knows this task by (CallEvent::call); 0: nobody observes it.
    virtual std::uint64_t observed_id() const noexcept { return 0; }
    /// The task runs in this process and may end soon: looking again a few times may save a sleep.
    virtual bool may_end_soon() const noexcept { return false; }
    /// Called by a thread that is about to sleep: does that, as long as it takes less time than a sleep.
    /// True: the call has ended.
    virtual bool look_again() noexcept {
        return may_end_soon() && spin_until([this] { return done(); });
    }
    TaskEnd run() override { return TaskEnd::claimed; }
    TaskEnd abandon(const std::exception_ptr&) noexcept override { return TaskEnd::claimed; }
    Standing standing() const noexcept override { return Standing::claimed; }
    /// `callback` is off the list.
    virtual void run_callback(Listener& callback, TaskQueue* later) { callback.notify(*this, later); }
    /// Where exceptions of callbacks go.
    virtual void report(const std::exception_ptr& error) noexcept {
        report_unhandled(error, "a done callback");
    }

    void add_handle() noexcept {
        // relaxed: the caller has a handle, so the object cannot go away meanwhile.
        if (word_.fetch_add(handle, std::memory_order_relaxed) / handle >= most_handles) pin();
    }
    void drop_handle() noexcept { drop(handle); }
    void add_producer() noexcept {
        // relaxed: the caller has a reference. Never too many to count: one per thread and call of finish().
        word_.fetch_add(producer, std::memory_order_relaxed);
    }
    void drop_producer() noexcept { drop(producer); }
    bool last_handle() const noexcept {
        // acquire pairs with the acq_rel in drop(): what other handles did with the value is over.
        const std::uint64_t seen = word_.load(std::memory_order_acquire);
        return seen / handle == 1 && !(seen & pinned);
    }

  protected:
    /// Only in a destructor.
    bool failed_unobserved() const noexcept {
        // relaxed: no other reference is left, and drop() has acquired all that was done before.
        const std::uint64_t last = word_.load(std::memory_order_relaxed);
        return state_of(last) == CallState::failed && !(last & observed);
    }

    /// Born with one handle and one producer.
    SharedState() = default;
    ~SharedState() override = default;

  private:
    friend struct SharedStateProbe;  // of the tests
    static constexpr std::uint64_t state_bits = 7;
    static constexpr std::uint64_t sleepers = 1 << 3;
    static constexpr std::uint64_t listeners = 1 << 4;
    static constexpr std::uint64_t observed = 1 << 5;
    static constexpr std::uint64_t locked = 1 << 6;
    static constexpr std::uint64_t pinned = 1 << 7;
    static constexpr std::uint64_t producer = 1 << 8;
    static constexpr std::uint64_t handle = std::uint64_t{1} << 32;
    static constexpr std::uint64_t references = ~(producer - 1);
    static constexpr std::uint64_t most_handles = std::uint64_t{1} << 31;  // half of what fits

    static CallState state_of(std::uint64_t word) noexcept {
        return static_cast<CallState>(word & state_bits);
    }
    bool move(CallState from, CallState to) noexcept;
    std::uint64_t observed_or_awaited() noexcept;
    void lock_slowly() noexcept;
    void tell_listeners(TaskQueue* later);
    void pin() noexcept {
        // relaxed: half of the count is still free, so it does not matter when others begin to see this.
        word_.fetch_or(pinned, std::memory_order_relaxed);
        word_.fetch_sub(handle, std::memory_order_relaxed);
    }
    void drop(std::uint64_t reference) noexcept {
        // acquire, pairs with (6), just below: if this is the only reference left, no other thread can add one.
        const std::uint64_t seen = word_.load(std::memory_order_acquire);
        if (seen & pinned) return;
        if ((seen & references) == reference) {
            delete this;
            return;
        }
        // (6) acq_rel, pairs with itself: the last one sees everything the others did before letting go.
        if ((word_.fetch_sub(reference, std::memory_order_acq_rel) & references) == reference) delete this;
    }

    DoubleFutexWord word_{static_cast<std::uint64_t>(CallState::pending) + handle + producer};
    ListenerList listeners_;  // guarded by lock()
};

/// Drops a producer reference at the end of a scope.
class ProducerToDrop {
  public:
    explicit ProducerToDrop(SharedState& state) noexcept : state_(state) {}
    ProducerToDrop(const ProducerToDrop&) = delete;
    ProducerToDrop& operator=(const ProducerToDrop&) = delete;
    ~ProducerToDrop() { state_.drop_producer(); }

  private:
    SharedState& state_;
};

inline CallState SharedState::state() const noexcept {
    // (1) acquire, pairs with (3): after a final state, the outcome may be read.
    return state_of(word_.load(std::memory_order_acquire));
}

inline bool SharedState::move(CallState from, CallState to) noexcept {
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

inline void SharedState::finish(CallState final_state, TaskQueue* later) {
    // relaxed: only this thread changes the state from here on.
    const std::uint64_t now = word_.load(std::memory_order_relaxed) & state_bits;
    // (3) release, pairs with (1), (4) and (5): hands the outcome to each thread that sees the state. An
    // addition, because other threads may change flags and references meanwhile.
    const std::uint64_t before =
        word_.fetch_add(static_cast<std::uint64_t>(final_state) - now, std::memory_order_release);
    if (before & sleepers) futex_wake_all(&word_);
    if (before & listeners) tell_listeners(later);
}

inline bool SharedState::try_finish_untold(CallState final_state) noexcept {
    // relaxed: a guess that the compare-exchange checks.
    std::uint64_t seen = word_.load(std::memory_order_relaxed);
    while (!(seen & listeners)) {
        const std::uint64_t wanted = (seen & ~state_bits) | static_cast<std::uint64_t>(final_state);
        // (3) as in finish(). Failure is relaxed: the loop looks only at a flag.
        if (word_.compare_exchange_weak(seen, wanted, std::memory_order_release,
                                        std::memory_order_relaxed)) {
            if (seen & sleepers) futex_wake_all(&word_);
            return true;
        }
    }
    return false;
}

inline void SharedState::finish_and_drop_producer(CallState final_state, TaskQueue* later) {
    // relaxed: a guess that the compare-exchange checks.
    std::uint64_t seen = word_.load(std::memory_order_relaxed);
    while (!(seen & listeners)) {
        const std::uint64_t wanted =
            ((seen & ~state_bits) | static_cast<std::uint64_t>(final_state)) - producer;
        // (3) as in finish(), and (6) as in drop(). Failure is relaxed: the loop looks only at a flag.
        if (word_.compare_exchange_weak(seen, wanted, std::memory_order_acq_rel,
                                        std::memory_order_relaxed)) {
            if ((wanted & references) == 0)
                delete this;
            else if (seen & sleepers)
                futex_wake_all(&word_);  // takes only the address
            return;
        }
    }
    const ProducerToDrop reference(*this);
    finish(final_state, later);
}

inline bool SharedState::cancel() noexcept {
    if (begin_cancel()) {
        finish(CallState::cancelled);
        return true;
    }
    return was_cancelled();
}

/// Of this task, or of that which it follows.
inline std::uint64_t SharedState::observed_or_awaited() noexcept {
    std::uint64_t id = observed_id();
    for (SharedState* followed = id == 0 ? awaited() : nullptr; followed;) {
        id = followed->observed_id();
        SharedState* const next = id == 0 ? followed->awaited() : nullptr;
        followed->drop_handle();
        followed = next;
    }
    return id;
}

inline bool SharedState::wait(const Deadline& deadline) {
    if (done()) return true;
    Trampoline::catch_up();
    if (deadline.is_never() || served_pool)
        while (!done() && !deadline.passed() && run_here({.deadline = deadline})) {
        }
    if (done()) return true;
    if (!deadline.passed() && look_again()) return true;
    const auto sleep = [this](const Deadline& until) {
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
    };
    const WaitsFor task{.what = "a task", .task = BlockedThreads::wanted() ? observed_or_awaited() : 0};
    return block_until(task, this_worker ? this_worker : worker_here(), deadline, [this] { return done(); }, sleep,
                       [this] { return run_here({.last_resort = true}); });
}

inline void SharedState::lock_slowly() noexcept {
    for (unsigned waits = 0;; ++waits) {
        // A holder that was preempted gets the processor, also where it has a lower real-time priority.
        if (waits < 100)
            pause();
        else if (waits < 200)
            std::this_thread::yield();
        else
            std::this_thread::sleep_for(std::chrono::microseconds(waits < 1'000 ? waits / 4 : 1'000));
        // relaxed: a guess.
        if (word_.load(std::memory_order_relaxed) & locked) continue;
        // (7) as in lock().
        if (!(word_.fetch_or(locked, std::memory_order_acquire) & locked)) return;
    }
}

inline bool SharedState::add_listener(Listener& listener) noexcept {
    lock();
    listeners_.push(listener);
    // (5) acquire, pairs with (3): the caller goes on to read the outcome when this returns false.
    std::uint64_t seen = word_.load(std::memory_order_acquire);
    while (!is_final(state_of(seen))) {
        // Release is (8). Failure is (5).
        if (word_.compare_exchange_weak(seen, (seen | listeners) & ~locked, std::memory_order_release,
                                        std::memory_order_acquire))
            return true;
    }
    // Too late. If others are in the list, the thread that ended the call waits for the lock to tell them; this
    // one must not be among them.
    listeners_.remove(listener);
    unlock();
    return false;
}

inline bool SharedState::remove_listener(Listener& listener) noexcept {
    const std::lock_guard guard(*this);
    return listeners_.remove(listener);
}

inline Listener* SharedState::take_callback(bool& more) noexcept {
    const std::lock_guard guard(*this);
    Listener* const callback = listeners_.try_pop();
    more = !listeners_.empty();
    return callback;
}

inline void SharedState::tell_listeners(TaskQueue* later) {
    add_producer();  // a callback may drop the last handle
    bool any = false;
    {
        const std::lock_guard guard(*this);
        ListenerList callbacks;
        while (Listener* const listener = listeners_.try_pop()) {
            if (ListenerList::kind(*listener) == Listener::Kind::waiter)
                listener->notify(*this, nullptr);
            else
                callbacks.push(*listener);
        }
        listeners_ = callbacks;
        any = !callbacks.empty();
    }
    any ? Trampoline::tell(*this, later) : drop_producer();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#include "concurrent/futures/detail/state/trampoline_run.hpp"  // IWYU pragma: export
