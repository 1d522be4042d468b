// SPDX-License-Identifier: MIT
//
// call_counters.hpp: how many tasks were submitted, began, returned, threw and were cancelled. A task is counted before
// its future is done, so a thread that has seen the result finds it counted. How many wait follows from that, so no
// queue has to be searched for cancelled tasks.
//
// Each worker has its own and counts without read-modify-writes; one set per pool is shared by all other
// threads. Sums are exact when no task begins or ends meanwhile. Otherwise they may be outdated when they are read.
#pragma once

#include <cstddef>

#include "concurrent/futures/detail/platform/atomic.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class CallCounters {
  public:
    enum class Writers : bool { one, many };
    explicit CallCounters(Writers writers) noexcept : writers_(writers) {}

    void submitted(std::size_t tasks = 1) noexcept { add(submitted_, tasks); }
    void begin() noexcept { add(begun_); }
    void end(bool well) noexcept { add(well ? completed_ : failed_); }
    void failed_unstarted() noexcept {
        add(begun_);
        add(failed_);
    }
    void cancelled() noexcept { add(cancelled_); }

    struct Counts {
        std::size_t submitted = 0, begun = 0, completed = 0, failed = 0, cancelled = 0;
        std::size_t pending() const noexcept {
            const std::size_t taken = begun + cancelled;
            return submitted > taken ? submitted - taken : 0;
        }
        std::size_t running() const noexcept {
            const std::size_t ended = completed + failed;
            return begun > ended ? begun - ended : 0;
        }
    };
    void add_to(Counts& counts) const noexcept {
        // relaxed, all four: numbers that order nothing. The end of the task follows in the same thread, with release,
        // and hands them over to threads that wait for the task.
        counts.completed += completed_.load(std::memory_order_relaxed);
        counts.failed += failed_.load(std::memory_order_relaxed);
        counts.cancelled += cancelled_.load(std::memory_order_relaxed);
        counts.begun += begun_.load(std::memory_order_relaxed);
        // relaxed: as above.
        counts.submitted += submitted_.load(std::memory_order_relaxed);
    }

  private:
    void add(Atomic<std::size_t>& number, std::size_t count = 1) const noexcept {
        // relaxed, both: as in add_to().
        if (writers_ == Writers::many)
            number.fetch_add(count, std::memory_order_relaxed);
        else
            number.store(number.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    }

    const Writers writers_;
    Atomic<std::size_t> submitted_{0};
    Atomic<std::size_t> begun_{0};
    Atomic<std::size_t> completed_{0};
    Atomic<std::size_t> failed_{0};
    Atomic<std::size_t> cancelled_{0};
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
