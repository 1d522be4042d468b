// SPDX-License-Identifier: MIT
//
// group_signals.hpp: signals that are sent to all processes of a program at once, and workers that survive them.
//
//     withstand_group_signals();           // in a worker or a template process: they do nothing from here on
//     obey_end_request(page.end_request);  // SIGTERM works once the pool has set this
//
// A terminal, a service manager (systemd sends SIGTERM to the whole control group) or kill(0, …) reaches workers
// as well as the program. The program decides what the signal means: it may drain, read its configuration again, or
// end, and workers end with it in any case. So in workers SIGHUP, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 and
// the real-time signals do nothing. SIGTERM works when the pool has asked for it before, in shared memory: neither
// the signal's number nor its sender tells a time limit from kill(0, SIGTERM) in the program.
//
// There is a handler and not SIG_IGN, because programs that a task executes would inherit SIG_IGN. So a sleeping system
// call of a task may end early with EINTR. What the program ignores stays ignored (nohup), except SIGTERM. A task may
// set handlers of its own; they then get the signal from every sender. Why not a process group for the workers:
// control groups do not care, and Ctrl-Z would not stop them.
// A process that a task forks has the default behaviour. Threads: call these while the process has one thread.
#pragma once

#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

using EndRequest = Atomic<std::uint32_t>;  // 0: none

/// What the handler needs.
struct GuardedProcess {
    pid_t pid = 0;
    const EndRequest* end_request = nullptr;
};
inline constinit GuardedProcess guarded_process{};

inline sigset_t group_signals() noexcept {
    sigset_t members;
    ::sigemptyset(&members);
    for (const int signal : {SIGHUP, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2}) ::sigaddset(&members, signal);
#if defined(SIGRTMIN) && defined(SIGRTMAX)
    for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) ::sigaddset(&members, signal);
#endif
    return members;
}

/// The handler. If the pool has asked this worker to end, or this is a fork of the worker, the process ends by the signal
/// when the handler returns. Otherwise it does nothing.
inline void on_group_signal(int signal) noexcept {
    const int error = errno;
    const bool asked = signal == SIGTERM && guarded_process.end_request &&
                       // (11) acquire, pairs with (10) in ControlPage::ask_to_end(): the pool has asked, and then sent
                       // the signal.
                       guarded_process.end_request->load(std::memory_order_acquire) != 0;
    if (asked || ::getpid() != guarded_process.pid) {
        struct sigaction usual{};
        usual.sa_handler = SIG_DFL;
        ::sigaction(signal, &usual, nullptr);
        ::raise(signal);
    }
    errno = error;
}

/// Sets handlers where the program has none; `over_handlers`: in place of the program's as well. The signals must be blocked:
/// for a moment there are handlers everywhere, since that takes half as many calls.
inline void withstand_group_signals(bool over_handlers = false) noexcept {
    guarded_process = {::getpid(), nullptr};
    const sigset_t members = group_signals();
    struct sigaction ours{};
    ours.sa_handler = on_group_signal;
    ours.sa_flags = SA_RESTART;
    ::sigemptyset(&ours.sa_mask);
    for (int signal = 1; signal < NSIG; ++signal) {
        struct sigaction before{};
        if (::sigismember(&members, signal) != 1 || ::sigaction(signal, &ours, &before) != 0) continue;
        const bool is_ours = (before.sa_flags & SA_SIGINFO) == 0 && before.sa_handler == on_group_signal;
        if (is_ours) continue;
        const bool ignored = (before.sa_flags & SA_SIGINFO) == 0 && before.sa_handler == SIG_IGN;
        const bool has_handler = !ignored && ((before.sa_flags & SA_SIGINFO) != 0 || before.sa_handler != SIG_DFL);
        if ((has_handler && !over_handlers) || (ignored && signal != SIGTERM)) ::sigaction(signal, &before, nullptr);
    }
}

/// In the process that withstand_group_signals() was called in.
inline void obey_end_request(const EndRequest& request) noexcept { guarded_process.end_request = &request; }

/// Of the calling thread. `how`: SIG_BLOCK or SIG_UNBLOCK.
inline void mask_group_signals(int how) noexcept {
    const sigset_t members = group_signals();
    ::pthread_sigmask(how, &members, nullptr);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
