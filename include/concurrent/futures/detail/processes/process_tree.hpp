// SPDX-License-Identifier: MIT
//
// process_tree.hpp: how many processes may be below a pool when its calls make pools themselves.
//
//     program                pool of 2: 1024 processes may be below it
//       worker, worker         each may have 511 below itself: a pool of 2 there takes 2 + 2 * 169 of them,
//         worker, worker         so that each of these may have 169 …
//
//     const ProcessTreeShare share(asked_for, usual);     // throws when there is no room for asked_for
//     share.workers();                                    // for the pool
//     share.for_each_worker();                            // travels with the order to be a worker
//
// Each process divides what it was given, so that there is nothing to share, to count or to lock between
// processes, and nothing to put right when one of them is killed. A pool gives its part back when it is gone. It
// leaves some for other pools of the same process. Pools of the program itself do not take from each other.
// Threads: any.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/processor_count.hpp"
#include "concurrent/futures/detail/processes/start_environment.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// How many processes may be below one pool of the program, on a machine with this many processors.
inline std::size_t process_tree_limit(std::size_t processors) noexcept {
    return std::max<std::size_t>(1024, 128 * processors);
}

/// `usual` below, for a pool that asks for so many workers. To learn of quotas files are read, 30 µs, and with few
/// processors that decides nothing if the number of workers is given: the limit above is the same.
inline std::size_t usual_workers(std::size_t asked) {
    constexpr std::size_t few = 8;
    const std::size_t most = std::max<std::size_t>(processors_of_affinity(), 1);
    return asked != 0 && most <= few ? most : processor_count();
}

class ProcessTreeShare {
  public:
    ProcessTreeShare() noexcept = default;
    /// For a pool of `asked` workers; 0: as many as `usual`, or as there is room for. Throws
    /// BrokenProcessPool.
    ProcessTreeShare(std::size_t asked, std::size_t usual);
    ProcessTreeShare(ProcessTreeShare&& other) noexcept
        : workers_(other.workers_),
          for_each_worker_(other.for_each_worker_),
          taken_(std::exchange(other.taken_, 0)) {}
    ProcessTreeShare& operator=(ProcessTreeShare&&) = delete;
    ~ProcessTreeShare() { give_back(); }
    /// The pool has no workers any more.
    void give_back() noexcept {
        // relaxed: a count, which hands over nothing.
        program_start().taken.fetch_sub(std::exchange(taken_, 0), std::memory_order_relaxed);
    }

    std::size_t workers() const noexcept { return workers_; }
    /// How many processes each worker may have below itself.
    std::size_t for_each_worker() const noexcept { return for_each_worker_; }

  private:
    std::size_t workers_ = 1;
    std::size_t for_each_worker_ = 0;
    std::size_t taken_ = 0;
};

inline ProcessTreeShare::ProcessTreeShare(std::size_t asked, std::size_t usual)
    : workers_(asked == 0 ? usual : asked) {
    ProgramStart& start = program_start();
    if (start.depth == 0) {
        const std::size_t limit = process_tree_limit(usual);
        for_each_worker_ = limit > workers_ ? (limit - workers_) / workers_ : 0;
        return;
    }
    // relaxed, here and below: a count, which hands over nothing.
    std::size_t taken = start.taken.load(std::memory_order_relaxed);
    do {
        const std::size_t left = start.allowance - (std::min)(taken, start.allowance);
        if (asked == 0) workers_ = std::clamp<std::size_t>(left, 1, usual);
        if (workers_ > left)
            throw BrokenProcessPool(
                "ProcessPoolExecutor: this process is a worker of another pool and may have " +
                std::to_string(left) + " more processes below itself, this pool asks for " +
                std::to_string(workers_) + " (below a pool of the program there may be " +
                std::to_string(process_tree_limit(processor_count())) +
                " in all, in equal parts for its workers). If this is no runaway recursion, give this pool "
                "or those above it fewer max_workers");
        for_each_worker_ = (left - workers_) / (workers_ + 1);
        taken_ = workers_ + workers_ * for_each_worker_;
        // relaxed: as above.
    } while (!start.taken.compare_exchange_weak(taken, taken + taken_, std::memory_order_relaxed,
                                                std::memory_order_relaxed));
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
