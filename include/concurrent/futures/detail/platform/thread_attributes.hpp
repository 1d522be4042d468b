// SPDX-License-Identifier: MIT
//
// thread_attributes.hpp: what a new thread inherits from the thread that starts it, taken from another one.
//
//     const ThreadAttributes made_by = ThreadAttributes::of_this_thread();   // in the constructor of a pool
//     made_by.apply();                                                       // first thing in each of its threads
//
// A pool starts threads when there is work, so in whichever thread submits. Without this they would have that
// thread's processors, scheduling class and priority, niceness and signal mask for good, and run all later calls so.
// The system decides what may be changed: without the privilege for it, a thread that a thread of less priority
// started stays at that.
#pragma once

#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/processor_set.hpp"

#if CONCURRENT_FUTURES_HAS_PROCESSES
#include <signal.h>
#endif
#if CONCURRENT_FUTURES_LINUX
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

#if CONCURRENT_FUTURES_LINUX

class ThreadAttributes {
  public:
    static ThreadAttributes of_this_thread() noexcept {
        ThreadAttributes now;
        ::pthread_sigmask(SIG_BLOCK, nullptr, &now.mask_);
        now.processors_ = ProcessorSet::of_process();
        now.read_scheduling();
        Scheduling& scheduling = now.scheduling_;
        constexpr std::uint64_t reset_on_fork = 1;
        if ((scheduling.flags & reset_on_fork) != 0) {  // such a thread does not hand its priority on
            if (scheduling.policy == SCHED_FIFO || scheduling.policy == SCHED_RR) scheduling.policy = SCHED_OTHER;
            scheduling.priority = 0;
            scheduling.niceness = larger(scheduling.niceness, 0);
        }
        return now;
    }

    /// To this thread, as far as the system lets it.
    void apply() const noexcept {
        ThreadAttributes now;
        now.read_scheduling();
        if (processors_ != ProcessorSet::of_this_thread()) processors_.apply();
        const Scheduling& is = now.scheduling_;
        const Scheduling& wanted = scheduling_;
        if (is.policy != wanted.policy || is.priority != wanted.priority) {
            sched_param parameters{};
            parameters.sched_priority = static_cast<int>(wanted.priority);
            // Not the system call: the C library keeps a copy.
            ::pthread_setschedparam(::pthread_self(), static_cast<int>(wanted.policy), &parameters);
        }
        if (is.niceness != wanted.niceness) ::setpriority(PRIO_PROCESS, 0, wanted.niceness);
        ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
    }

  private:
    void read_scheduling() noexcept { ::syscall(SYS_sched_getattr, 0, &scheduling_, sizeof scheduling_, 0); }

    /// As the kernel has it, for sched_getattr().
    struct Scheduling {
        std::uint32_t size = 0;
        std::uint32_t policy = 0;
        std::uint64_t flags = 0;
        std::int32_t niceness = 0;
        std::uint32_t priority = 0;
        std::array<std::uint64_t, 3> deadlines{};
    };

    sigset_t mask_{};
    ProcessorSet processors_;
    Scheduling scheduling_{};
};

#elif CONCURRENT_FUTURES_HAS_PROCESSES

/// The signal mask only: what a thread may run on and how urgently is not the same elsewhere.
class ThreadAttributes {
  public:
    static ThreadAttributes of_this_thread() noexcept {
        ThreadAttributes now;
        ::pthread_sigmask(SIG_BLOCK, nullptr, &now.mask_);
        return now;
    }
    void apply() const noexcept { ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr); }

  private:
    sigset_t mask_{};
};

#else

class ThreadAttributes {
  public:
    static ThreadAttributes of_this_thread() noexcept { return {}; }
    void apply() const noexcept {}
};

#endif

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
