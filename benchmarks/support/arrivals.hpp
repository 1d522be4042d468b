// SPDX-License-Identifier: MIT
//
// arrivals.hpp: what tasks without a future do, and how one waits for all of them.
//
//     Arrivals arrivals(tasks);
//     for (int n = 0; n < tasks; ++n) pool.post([&arrivals, n] { arrivals.arrive(n); });
//     arrivals.wait();
//
// One atomic addition per task is both the answer and the countdown: the upper bits count the arrivals,
// the lower ones sum what they bring, which must be 1 + 2 + … + tasks when the last has come.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "support/workload.hpp"

namespace benchmarks {

class Arrivals {
  public:
    explicit Arrivals(int tasks) : tasks_(tasks) {}

    void arrive(int n) {
        const std::int64_t others = tasks_ - 1;  // read first: see below
        // acq_rel, pairs with itself: the last to arrive has seen what all others did. For any other
        // task, this object may be gone right after the addition.
        const std::int64_t before = sum_.fetch_add(one_arrival + n + 1, std::memory_order_acq_rel);
        if (before / one_arrival != others) return;
        const std::lock_guard lock(mutex_);
        over_ = true;
        changed_.notify_one();
    }
    void wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return over_; });
        // relaxed: the mutex has handed it over.
        check("sum of the arrivals", sum_.load(std::memory_order_relaxed) % one_arrival,
              sum_up_to(tasks_));
    }

  private:
    static constexpr std::int64_t one_arrival = std::int64_t{1} << 40;  // above the sum for 1e6 tasks

    const std::int64_t tasks_;
    alignas(64) std::atomic<std::int64_t> sum_{0};
    alignas(64) std::mutex mutex_;
    std::condition_variable changed_;
    bool over_ = false;
};

}  // namespace benchmarks
