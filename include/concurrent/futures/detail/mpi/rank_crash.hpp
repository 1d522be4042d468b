// SPDX-License-Identifier: MIT
//
// rank_crash.hpp: a rank that crashes says which task it was running.
//
//     concurrent::futures: rank 2 on node7 (process 4711) is ended by signal 11 in task 17 'fit'
//
// The MPI launcher then ends the whole job, and the root with it, so no other process could say it. The handler
// writes one line to stderr and leaves the rest to the handler that was there before (Open MPI prints a stack).
#pragma once

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "concurrent/futures/detail/wire/frame.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// The task that this thread runs; id 0: none.
struct RunningCall {
    std::uint64_t id = 0;
    std::array<char, 48> name{};
    std::size_t name_size = 0;
};
inline constinit thread_local RunningCall running_call{};

class RankCrashReport {
  public:
    /// Once per process, after MPI_Init, which has handlers of its own.
    static void install(int rank, const std::string& host) {
        static constinit bool installed = false;
        where_ = "concurrent::futures: rank " + std::to_string(rank) + " on " + host + " (process " +
                 std::to_string(::getpid()) + ")";
        if (installed) return;
        installed = true;
        struct sigaction ours{};
        ours.sa_sigaction = &on_signal;
        ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
        ::sigemptyset(&ours.sa_mask);
        for (std::size_t i = 0; i < crash_signals.size(); ++i) ::sigaction(crash_signals[i], &ours, &before_[i]);
    }

  private:
    static constexpr std::array crash_signals{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

    static void on_signal(int signal, siginfo_t* info, void*) noexcept {
        for (std::size_t i = 0; i < crash_signals.size(); ++i)
            if (crash_signals[i] == signal) ::sigaction(signal, &before_[i], nullptr);
        std::array<char, 400> line;
        std::size_t size = 0;
        const auto add = [&](std::string_view text) {
            const std::size_t some = (std::min)(text.size(), line.size() - size);
            std::memcpy(line.data() + size, text.data(), some);
            size += some;
        };
        const auto add_number = [&](std::uint64_t number) {
            std::array<char, 20> digits;
            std::size_t begin = digits.size();
            do digits[--begin] = static_cast<char>('0' + number % 10);
            while ((number /= 10) != 0);
            add({digits.data() + begin, digits.size() - begin});
        };
        add(where_);
        add(" is ended by signal ");
        add_number(static_cast<std::uint64_t>(signal));
        if (running_call.id != 0) {
            add(" in task ");
            add_number(running_call.id);
            if (running_call.name_size != 0) {
                add(" '");
                add({running_call.name.data(), running_call.name_size});
                add("'");
            }
        }
        add("\n");
        static_cast<void>(!::write(STDERR_FILENO, line.data(), size));
        // A fault happens again when this returns; a signal that was sent does not.
        if (info->si_code <= 0) ::raise(signal);
    }

    static inline std::string where_;
    static inline std::array<struct sigaction, crash_signals.size()> before_{};
};

/// In a handler of ForcedUnwind: it cannot be stopped, and without this thread the job would wait for ever.
[[noreturn]] inline void abort_for_ended_thread() noexcept {
    std::fputs("concurrent::futures: a task, initializer or worker_exit ended a thread of an MPI rank, with "
               "pthread_exit() or because it was cancelled; return or throw instead\n", stderr);
    std::abort();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
