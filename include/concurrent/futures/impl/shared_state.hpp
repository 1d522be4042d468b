// SPDX-License-Identifier: MIT
//
// impl/shared_state.hpp: how a thread waits for a task, and how those are told who asked to be; see impl/src.hpp.
#pragma once

#include <cstdint>
#include <exception>
#include <mutex>
#include <utility>

#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/state/blocking.hpp"
#include "concurrent/futures/detail/state/shared_state.hpp"
#include "concurrent/futures/detail/state/trampoline.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

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

/// Of this task, or of that which it follows.
CONCURRENT_FUTURES_DECL std::uint64_t SharedState::observed_or_awaited() noexcept {
    std::uint64_t id = observed_id();
    for (SharedState* followed = id == 0 ? awaited() : nullptr; followed;) {
        id = followed->observed_id();
        SharedState* const next = id == 0 ? followed->awaited() : nullptr;
        followed->drop_handle();
        followed = next;
    }
    return id;
}

[[gnu::noinline]] CONCURRENT_FUTURES_DECL std::exception_ptr SharedState::why_left_in_parent() {
    std::exception_ptr error = left_in_parent();
    for (SharedState* followed = error ? nullptr : awaited(); followed;) {
        if (!followed->done()) error = followed->left_in_parent();
        SharedState* const next = error ? nullptr : followed->awaited();
        followed->drop_handle();
        followed = next;
    }
    return done() ? nullptr : error;
}

CONCURRENT_FUTURES_DECL bool SharedState::wait(const Deadline& deadline) {
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

CONCURRENT_FUTURES_DECL void SharedState::tell_listeners(TaskQueue* later) {
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
