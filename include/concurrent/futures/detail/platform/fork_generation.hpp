// SPDX-License-Identifier: MIT
//
// fork_generation.hpp: notice that this process is a fork of the one that made an object.
//
//     const ForkMark born_;
//     …
//     if (born_.in_forked_child()) return;   // the child has neither our threads nor our children
//
// One relaxed load, cheap enough for every submit; getpid() is a system call. Each module (the program, a library
// that hides its symbols) has its own count, so an object keeps the address of the count of the module that made it.
//
//     const ModuleVisit visit;        // no other thread forks meanwhile
//     ::dl_iterate_phdr(…);
#pragma once

#include <utility>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

#if CONCURRENT_FUTURES_HAS_PROCESSES
#include <pthread.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline constinit Atomic<unsigned> current_fork_generation{0};
inline constinit Atomic<bool> counts_forks{false};

/// A call of dl_iterate_phdr(). glibc holds a lock meanwhile, which stays locked in a child that another thread forks (seen with
/// 2.36): there the next call would sleep for ever. So forks of this process wait for visits, and visits for forks.
/// Threads: any. What is called in a visit may not make another one.
class ModuleVisit {
  public:
    ModuleVisit() noexcept;
    ~ModuleVisit() { unlock(); }
    ModuleVisit(const ModuleVisit&) = delete;
    ModuleVisit& operator=(const ModuleVisit&) = delete;

    /// What fork() calls. It does not wait for long: a visit that needs a lock which the forking thread has cannot end.
    static void before_fork() noexcept {
        for (unsigned waits = 0; !fork_has_lock_ && waits < tuning::looks_for_visit_before_fork; ++waits) {
            fork_has_lock_ = try_lock();
            if (!fork_has_lock_) back_off(waits);
        }
    }
    static void after_fork_in_parent() noexcept {
        if (std::exchange(fork_has_lock_, false)) unlock();
    }
    /// The thread that had the lock may not be there.
    static void after_fork_in_child() noexcept {
        fork_has_lock_ = false;
        unlock();
    }

  private:
    static bool try_lock() noexcept {
        // (3) acquire, pairs with (4): the other visit has ended.
        return !held_.exchange(true, std::memory_order_acquire);
    }
    static void unlock() noexcept {
        held_.store(false, std::memory_order_release);  // (4) release, pairs with (3)
    }

    static inline constinit Atomic<bool> held_{false};
    static inline constinit thread_local bool fork_has_lock_ = false;  // this thread is in fork()
};

inline unsigned fork_generation() noexcept {
#if CONCURRENT_FUTURES_HAS_PROCESSES
    // No static variable with an initializer: a thread may be in the middle of that at the fork, and the child would
    // wait for it for ever. Two threads at once register twice, and a fork counts as two, which does no harm.
    // relaxed, both: whether; the registration has a lock of its own.
    if (!counts_forks.load(std::memory_order_relaxed) &&
        ::pthread_atfork(ModuleVisit::before_fork, ModuleVisit::after_fork_in_parent, [] {
            // relaxed: the child has one thread.
            current_fork_generation.fetch_add(1, std::memory_order_relaxed);
            ModuleVisit::after_fork_in_child();
        }) == 0)
        counts_forks.store(true, std::memory_order_relaxed);
#endif
    // relaxed: written only in a new process, before it runs anything else.
    return current_fork_generation.load(std::memory_order_relaxed);
}

inline ModuleVisit::ModuleVisit() noexcept {
    static_cast<void>(fork_generation());  // from now on forks wait
    for (unsigned waits = 0; !try_lock(); ++waits) back_off(waits);
}

/// The process that made it.
class ForkMark {
  public:
    unsigned generation() const noexcept { return born_; }
    bool in_forked_child() const noexcept {
        // relaxed: as in fork_generation().
        return count_->load(std::memory_order_relaxed) != born_;
    }

  private:
    const Atomic<unsigned>* count_ = &current_fork_generation;
    unsigned born_ = fork_generation();
};

/// The object that a module shares among its threads: made when it is first asked for, in a forked child made anew,
/// because a thread that is not there may have held its lock. Outlives static objects.
///     static constinit ModuleWide<Registry> registry;
///     return registry.get();
template <class T>
class ModuleWide {
  public:
    constexpr ModuleWide() = default;
    T& get() {
        // (1) acquire, pairs with (2): the object is complete.
        Kept* seen = current_.load(std::memory_order_acquire);
        if (seen && !seen->born.in_forked_child()) return seen->value;
        Kept* const made = new Kept;
        made->of_parent = seen;
        // (2) release, pairs with (1); acquire for the object of another thread that was quicker.
        if (current_.compare_exchange_strong(seen, made, std::memory_order_acq_rel, std::memory_order_acquire))
            return made->value;
        delete made;
        return seen->value;
    }

  private:
    struct Kept {
        T value{};
        ForkMark born{};
        Kept* of_parent = nullptr;  // reachable, so that the leak checker of a forked child does not report it
    };
    Atomic<Kept*> current_{nullptr};
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
