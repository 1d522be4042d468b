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

#include "concurrent/futures/detail/task/task.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class SharedState;

class Trampoline {
  public:
    /// Takes over a producer reference. `later`: null, or the queue that notify() got, which the state goes to if it
    /// is in no other one and this is the last thing that notify() does.
    static void tell(SharedState& ended, TaskQueue* later);

    /// For Promise: null, except where more than `deep` promises are fulfilled in callbacks of each other.
    /// Then catch_up() is needed.
    static TaskQueue* later_if_deep() noexcept { return depth_ >= deep ? set_off_ : nullptr; }
    /// Called by a thread that is about to block: runs the callbacks that were put off for that. True when there were any.
    static bool catch_up();

  private:
    static constexpr int deep = 32;

    class Run;
    static void run(SharedState& first);

    inline static constinit thread_local TaskQueue* set_off_ = nullptr;  // by the callback that is running
    inline static constinit thread_local int depth_ = 0;                 // runs inside each other
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
