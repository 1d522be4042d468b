// SPDX-License-Identifier: MIT
//
// blocked_threads.hpp: which threads sleep in a wait of this library, and what for. Only while a HangReport exists.
//
//     const BlockedThread blocked({.what = "room in the queue"});      // in block_until()
//     BlockedThreads::of_module().for_each([](const BlockedThread& each) { … });
//
// Otherwise a wait that is about to sleep asks for one flag. Each module (the program, a library that hides its
// symbols) has a list of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/thread_name.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// What a thread waits for.
struct WaitsFor {
    const char* what = "something";  ///< a literal
    std::uint64_t task = 0;          ///< as CallEvent::call, when it waits for one task that is observed
};

class BlockedThread;

class BlockedThreads {
  public:
    BlockedThreads() = default;
    BlockedThreads(const BlockedThreads&) = delete;
    BlockedThreads& operator=(const BlockedThreads&) = delete;

    static BlockedThreads& of_module() {
        static constinit ModuleWide<BlockedThreads> threads;
        return threads.get();
    }
    /// Null: no memory, in a forked child, which makes a list of its own.
    static BlockedThreads* try_of_module() noexcept {
        try {
            return &of_module();
        } catch (...) {
            return nullptr;
        }
    }

    /// Somebody reads the list.
    static bool wanted() noexcept {
        // relaxed: a thread that has begun to wait before is not in the list.
        return readers_.load(std::memory_order_relaxed) > 0;
    }
    /// While it lives, threads that begin to wait enter the list.
    class Reader {
      public:
        Reader() {
            of_module();  // may throw here, and not in a wait
            // relaxed, here and below: as in wanted().
            readers_.fetch_add(1, std::memory_order_relaxed);
        }
        ~Reader() { readers_.fetch_sub(1, std::memory_order_relaxed); }
        Reader(const Reader&) = delete;
        Reader& operator=(const Reader&) = delete;
    };

    /// With the list's mutex.
    template <class Visitor>
    void for_each(Visitor visit) const;

  private:
    friend BlockedThread;
    inline static constinit Atomic<int> readers_{0};

    mutable std::mutex mutex_;
    BlockedThread* first_ = nullptr;  // guarded by mutex_; the newest
};

/// One wait of this thread, for as long as it lives.
class BlockedThread {
  public:
    using Clock = std::chrono::steady_clock;

    explicit BlockedThread(const WaitsFor& waits_for) noexcept : waits_for_(waits_for) {
        if (!BlockedThreads::wanted()) return;
        list_ = BlockedThreads::try_of_module();
        if (!list_) return;
        thread_ = current_thread_number();
        since_ = Clock::now();
        const std::lock_guard lock(list_->mutex_);
        older_ = list_->first_;
        if (older_) older_->newer_ = this;
        list_->first_ = this;
    }
    BlockedThread(const BlockedThread&) = delete;
    BlockedThread& operator=(const BlockedThread&) = delete;
    ~BlockedThread() {
        // In a forked child another thread may have had the mutex, and the list is not used any more.
        if (!list_ || born_.in_forked_child()) return;
        const std::lock_guard lock(list_->mutex_);
        (newer_ ? newer_->older_ : list_->first_) = older_;
        if (older_) older_->newer_ = newer_;
    }

    const WaitsFor& waits_for() const noexcept { return waits_for_; }
    std::uint64_t thread() const noexcept { return thread_; }
    Clock::time_point since() const noexcept { return since_; }
    const BlockedThread* older() const noexcept { return older_; }

  private:
    const WaitsFor waits_for_;
    BlockedThreads* list_ = nullptr;
    std::uint64_t thread_ = 0;
    Clock::time_point since_;
    const ForkMark born_;
    BlockedThread* older_ = nullptr;  // both: guarded by the list's mutex
    BlockedThread* newer_ = nullptr;
};

template <class Visitor>
void BlockedThreads::for_each(Visitor visit) const {
    const std::lock_guard lock(mutex_);
    for (const BlockedThread* each = first_; each; each = each->older()) visit(*each);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
