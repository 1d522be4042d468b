// SPDX-License-Identifier: MIT
//
// bound_functions.hpp: functions of the system that a forked child calls and its parent does not, bound before the fork.
//
//     bind_functions_of_forks();                // in the parent
//     if (fork_process() == 0) …
//
// The dynamic linker binds a function when it is called first, unless the program was linked with -z now. What the parent has
// not called, each child would bind again, and bring in pages of the symbol tables for that.
#pragma once

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <exception>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/descriptor_socket.hpp"
#include "concurrent/futures/detail/platform/group_signals.hpp"
#include "concurrent/futures/detail/platform/last_words.hpp"
#include "concurrent/futures/detail/platform/process_memory.hpp"
#include "concurrent/futures/detail/platform/processor_set.hpp"

#if CONCURRENT_FUTURES_LINUX
#include <sys/prctl.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Calls them in ways that change nothing, the first time.
inline void bind_functions_of_forks() noexcept {
    static constinit Atomic<bool> bound{false};
    // relaxed: to do it twice does no harm.
    if (bound.exchange(true, std::memory_order_relaxed)) return;
    struct sigaction action{};
    ::sigaction(SIGCHLD, nullptr, &action);
    ::signal(0, SIG_DFL);  // there is no such signal
    sigset_t mask = group_signals();
    static_cast<void>(::sigismember(&mask, SIGTERM));
    ::sigprocmask(SIG_BLOCK, nullptr, &mask);
    stack_t stack{};
    ::sigaltstack(nullptr, &stack);
    ::dup2(-1, -1);
    static_cast<void>(::getppid());
    ::poll(nullptr, 0, 0);
    std::array<FileDescriptor, 1> none;
    receive_descriptors(-1, nullptr, 0, none, false);
    send_descriptors(-1, nullptr, 0, {}, false);
    static_cast<void>(own_peak_memory());
    const volatile bool differ = ProcessorSet::of_this_thread() != ProcessorSet::of_process();
    static_cast<void>(differ);
    std::set_terminate(std::get_terminate());
    find_abort_message();
#if CONCURRENT_FUTURES_LINUX
    ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
#endif
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
