// SPDX-License-Identifier: MIT
//
// shared_state.hpp: the state of one task, shared by its futures and by the thread or pool that runs it.
// Where it stands and who holds it: state_word.hpp. What a thread that waits may ask of the pool: awaited_task.hpp.
// Here: how it ends, how threads wait for it, and who is told, in the order that trampoline.hpp says.
#pragma once

#include <cstdint>
#include <exception>
#include <mutex>
#include <utility>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"
#include "concurrent/futures/detail/state/awaited_task.hpp"
#include "concurrent/futures/detail/state/blocking.hpp"
#include "concurrent/futures/detail/state/call_state.hpp"
#include "concurrent/futures/detail/state/listener.hpp"
#include "concurrent/futures/detail/state/state_word.hpp"
#include "concurrent/futures/detail/state/trampoline.hpp"
#include "concurrent/futures/detail/state/unhandled.hpp"
#include "concurrent/futures/detail/task/task.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class SharedState : public AwaitedTask, public StateWord {
  public:
    /// Only by the thread that made the move before: publishes the outcome, wakes and tells all.
    /// `later`: null, or the queue that Listener::notify() got, which this goes to with its callbacks. Then it is in no
    /// other queue, and this is the last thing that notify() does.
    /// It and those below throw nothing but a ForcedUnwind, of a callback, when all is done.
    void finish(CallState final_state, TaskQueue* later = nullptr);
    /// The same, unless there are listeners: then false, and nothing has changed.
    bool try_finish_untold(CallState final_state) noexcept { return try_publish_untold(final_state); }
    /// The same as finish(), and drop_producer(): this object may be gone afterwards.
    void finish_and_drop_producer(CallState final_state, TaskQueue* later = nullptr);

    /// Blocks; false when the deadline passed first. In a forked child it throws what left_in_parent() gives, before it would
    /// sleep.
    CONCURRENT_FUTURES_DECL bool wait(const Deadline& deadline);

    /// False when the state is final already: the listener was not added.
    bool add_listener(Listener& listener) noexcept;
    /// Afterwards a waiter will not be told and is not being told. True: it had not been told.
    bool remove_listener(Listener& listener) noexcept;
    /// In a final state: takes the next callback off the list, or gives null. `more`: it was not the last.
    Listener* take_callback(bool& more) noexcept;

    virtual bool running() const noexcept {
        const CallState now = state();
        return now == CallState::running || now == CallState::completing;
    }
    /// True when the call will not run: it is cancelled now, or was.
    virtual bool cancel() noexcept;
    /// May throw std::invalid_argument where a call cannot be stopped.
    virtual void request_stop() { cancel(); }
    bool look_again() noexcept override {
        return may_end_soon() && spin_until([this] { return done(); }, spin_time, &yield_pace);
    }
    /// `callback` is off the list.
    virtual void run_callback(Listener& callback, TaskQueue* later) { callback.notify(*this, later); }
    /// Where exceptions of callbacks go.
    virtual void report(const std::exception_ptr& error) noexcept {
        report_unhandled(error, "a done callback");
    }

    void drop_handle() noexcept {
        if (drop(handle)) delete this;
    }
    void drop_producer() noexcept {
        if (drop(producer)) delete this;
    }

    /// left_in_parent() of this task, or of one that it follows. Null where this task has ended.
    std::exception_ptr why_left_in_parent();

  protected:
    SharedState() = default;
    ~SharedState() override = default;

  private:
    CONCURRENT_FUTURES_DECL std::uint64_t observed_or_awaited() noexcept;
    CONCURRENT_FUTURES_DECL void tell_listeners(TaskQueue* later);

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

/// Not inlined: it is called from a function for each type of task, which should stay short.
[[gnu::noinline]] inline void SharedState::finish(CallState final_state, TaskQueue* later) {
    if (publish(final_state)) tell_listeners(later);
}

inline void SharedState::finish_and_drop_producer(CallState final_state, TaskQueue* later) {
    bool last = false;
    if (try_publish_untold_and_drop_producer(final_state, last)) {
        if (last) delete this;
        return;
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

inline bool SharedState::add_listener(Listener& listener) noexcept {
    lock();
    listeners_.push(listener);
    if (unlock_with_listener()) return true;
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

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/shared_state.hpp"
#endif
