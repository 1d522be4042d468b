// SPDX-License-Identifier: MIT
//
// forced_unwind.hpp: what unwinds the stack of a thread that ends with pthread_exit() or pthread_cancel().
//
//     try { call(); } catch (ForcedUnwind&) { tidy_up(); throw; } catch (...) { keep(std::current_exception()); }
//
// glibc runs the destructors of such a thread like those of an exception. It must pass: the program ends if a handler
// does not throw it on, or if it meets a function that is noexcept. So functions between a task and the start of its
// thread are not noexcept, though nothing else is ever thrown through them. Handling it while another exception is
// being handled on the same thread ends the program, too. UndefinedBehaviorSanitizer takes the object for a null
// reference: its report "reference binding to null pointer" at such a handler is false.
#pragma once

#include "concurrent/futures/detail/platform/config.hpp"

#if defined(__GLIBCXX__)
#include <cxxabi.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

#if defined(__GLIBCXX__)
using ForcedUnwind = abi::__forced_unwind;
#else
class ForcedUnwind {};  // the standard library has no name for it
#endif

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
