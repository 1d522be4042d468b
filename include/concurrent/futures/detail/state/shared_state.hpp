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
    bool wait(const Deadline& deadline);

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
        return may_end_soon() && spin_until([this] { return done(); });
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
    std::uint64_t observed_or_awaited() noexcept;
    void tell_listeners(TaskQueue* later);

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

/// Runs the callbacks of a task that has ended, and those of the tasks that they end, in the order that trampoline.hpp says.
class CallbackRun final : Trampoline {
  public:
    explicit CallbackRun(SharedState& first) noexcept : first_(first), ended_(&first) {}
    CallbackRun(const CallbackRun&) = delete;
    CallbackRun& operator=(const CallbackRun&) = delete;
    /// Also when a callback ends the thread: runs the rest first.
    ~CallbackRun() {
        if (in_callback_ && ended_) {  // always there in a callback; g++ 12 warns at -O3 when it is not told
            go_on();
            run_all();
        }
    }

    void run_all() {
        while (ended_) {
            more_ = false;
            if (Listener* const callback = ended_->take_callback(more_)) {
                in_callback_ = true;
                ended_->run_callback(*callback, &set_off_);
                in_callback_ = false;
            }
            go_on();
        }
    }

  private:
    /// One after the other from where they are: those that are left when a callback ends the thread are run there.
    void run_set_off() override {
        TaskQueue now(std::move(set_off_));
        struct PutBack {
            TaskQueue& set_off;
            TaskQueue& left;
            ~PutBack() { set_off.append(std::move(left)); }
        };
        const PutBack rest{set_off_, now};
        while (Task* const task = now.try_pop()) {
            SharedState& ended = static_cast<SharedState&>(*task);
            const ProducerToDrop reference(ended);
            CallbackRun(ended).run_all();
        }
    }
    /// Behind a callback of `ended_`.
    void go_on() noexcept {
        if (more_ && set_off_.empty()) return;
        // First what this callback has set off, then the other callbacks of `ended_`. `first_` stays out of the
        // queues, because it may be in another one.
        if (ended_ == &first_)
            first_is_over_ = !more_;
        else if (more_)
            set_off_.push_back(*ended_);
        else
            ended_->drop_producer();
        set_off_.append(std::move(others_));
        others_.append(std::move(set_off_));
        Task* const next = others_.try_pop();
        ended_ = next ? static_cast<SharedState*>(next) : first_is_over_ ? nullptr : &first_;
    }

    SharedState& first_;
    SharedState* ended_;
    TaskQueue others_;
    bool more_ = false;
    bool in_callback_ = false;
    bool first_is_over_ = false;
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

[[gnu::noinline]] inline std::exception_ptr SharedState::why_left_in_parent() {
    std::exception_ptr error = left_in_parent();
    for (SharedState* followed = error ? nullptr : awaited(); followed;) {
        if (!followed->done()) error = followed->left_in_parent();
        SharedState* const next = error ? nullptr : followed->awaited();
        followed->drop_handle();
        followed = next;
    }
    return done() ? nullptr : error;
}

inline bool SharedState::wait(const Deadline& deadline) {
    if (done()) return true;
    Trampoline::catch_up();
    if (deadline.is_never() || served_pool)
        while (!done() && !deadline.passed() && run_here({.deadline = deadline})) {
        }
    if (done()) return true;
    if (!deadline.passed()) {
        if (look_again()) return true;
        if (fork_generation() != 0)
            if (const std::exception_ptr error = why_left_in_parent()) std::rethrow_exception(error);
    }
    const WaitsFor task{.what = "a task", .task = BlockedThreads::wanted() ? observed_or_awaited() : 0};
    return block_until(
        task, this_worker ? this_worker : worker_here(), deadline, [this] { return done(); },
        [this](const Deadline& until) { sleep(until); }, [this] { return run_here({.last_resort = true}); });
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
    if (!any) return drop_producer();
    if (later) return later->push_back(*this);
    const ProducerToDrop reference(*this);
    CallbackRun(*this).run_all();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
