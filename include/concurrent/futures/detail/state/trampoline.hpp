// SPDX-License-Identifier: MIT
//
// trampoline.hpp: in which order, and how deep on the stack, the callbacks of tasks that end are run.
//
// A callback may end further tasks, which have callbacks, too. There are two ways:
//
//     at once        user code ends a task (Promise::set_value, cancel): its callbacks run before that returns. So
//                    user code never runs, and never blocks, while this thread has callbacks left to run.
//     later          the library ends a task as the last thing of a callback (a link of a chain of then(), a
//                    coroutine): its callbacks run when that callback has returned. So a chain of a million
//                    links takes no more of the stack than one.
//
// The order is the same both ways: first the callbacks of the tasks that a callback has ended, then the next callback.
//
// Callbacks stay in the lists of their states until they are run, so that one can still be removed then.
//
// notify() gets the queue of the callbacks that run later, and hands it to finish(). A variable of the thread would not
// do: each module (the program, a library that hides its symbols) would have its own, and one could name a queue
// further out, with user code of another module in between.
//
// A callback may end its thread (forced_unwind.hpp). Then the other callbacks run before that goes on.
#pragma once

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/task/task.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// What this thread has put off: callbacks of tasks that callbacks have ended. One object for each level of callbacks
/// inside each other, on the stack of the thread that runs them. CallbackRun (impl/shared_state.hpp) is derived from it.
class Trampoline {
  public:
    Trampoline(const Trampoline&) = delete;
    Trampoline& operator=(const Trampoline&) = delete;

    /// For Promise: null, except where more than `deep` promises are fulfilled in callbacks of each other.
    /// Then catch_up() is needed.
    static TaskQueue* later_if_deep() noexcept {
        return current_ && current_->depth_ >= deep ? &current_->set_off_ : nullptr;
    }
    /// Called by a thread that is about to block: runs the callbacks that were put off for that. True when there were any.
    static bool catch_up() {
        if (!current_ || current_->set_off_.empty()) return false;
        current_->run_set_off();
        return true;
    }

  protected:
    Trampoline() noexcept : outer_(current_), depth_(outer_ ? outer_->depth_ + 1 : 1) { current_ = this; }
    ~Trampoline() { current_ = outer_; }

    virtual void run_set_off() = 0;

    TaskQueue set_off_;  // by the callback that is running

  private:
    static constexpr int deep = 32;
    inline static constinit thread_local Trampoline* current_ = nullptr;

    Trampoline* const outer_;
    const int depth_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
