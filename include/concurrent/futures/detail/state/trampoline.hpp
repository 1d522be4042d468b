// SPDX-License-Identifier: MIT
//
// trampoline.hpp: in which order, and how deep on the stack, the callbacks of calls that end are run.
//
// A callback ends further calls, whose callbacks are to be run, too. There are two ways:
//
//     at once        user code ends a call (Promise::set_value, cancel): its callbacks run before that returns. So
//                    user code never runs, and never blocks, while this thread owes somebody a callback.
//     after_return   the library ends a call as the last thing of a callback (a link of a chain of then(), a
//                    coroutine): its callbacks run when that callback has returned. So a chain of a million
//                    links takes no more of the stack than one.
//
// The order is the same both ways: first what a callback has set off, then the next callback.
//
// Callbacks stay in the lists of their states until they are run, so that one can still be removed then.
//
// Each module (the program, a library that hides its symbols) has its own Trampoline. Where a chain goes from one
// to another it takes some of the stack of both, once, and what is said above holds.
#pragma once

#include <cstdint>

#include "concurrent/futures/detail/task/task.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class SharedState;

enum class Telling : std::uint8_t {
    at_once,
    after_return,  ///< only as the last act of a Listener::notify()
    soon           ///< at once, but after_return where that has led too deep: then catch_up() is needed
};

class Trampoline {
  public:
    /// Takes over a producer reference. With after_return or soon the state is in no other queue.
    static void tell(SharedState& ended, Telling when) noexcept;

    /// Called by a thread that is about to block: runs callbacks that were put off where promises are fulfilled
    /// in callbacks of each other, more than `deep` of them. True when there were any.
    static bool catch_up() noexcept;

  private:
    static constexpr int deep = 32;

    static void run(SharedState& first) noexcept;

    inline static constinit thread_local TaskQueue* set_off_ = nullptr;  // by the callback that is running
    inline static constinit thread_local int depth_ = 0;                 // runs inside each other
};

}  // namespace concurrent::futures::inline v1::detail
