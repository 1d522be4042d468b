// SPDX-License-Identifier: MIT
//
// map_schedule.hpp: the part of a map in this process that does not depend on its types: which items are claimed, by
// whom, and how large the blocks are (block_size()). The picture is in map_job.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/map/lanes.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/state/pool_watch.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// All that does not depend on the types: which worker claims which items, and which item is waited for.
class MapSchedule {
  public:
    using Clock = std::chrono::steady_clock;

    /// `chunksize`: items that a worker claims at once and runs in a row; 0, 1: each by itself. At most
    /// Lanes::most_at_once: a larger number counts as that.
    MapSchedule(std::size_t workers, std::size_t chunksize)
        : chunk_(static_cast<std::uint32_t>(
              clamped<std::size_t>(chunksize, 1, Lanes::most_at_once))),
          singles_(larger<std::size_t>(64, 2 * workers)),
          workers_(clamped<std::size_t>(workers, 1, 256)),
          lanes_(workers_ + 1, chunk_) {
        free_lanes_.reserve(workers_);
        for (std::size_t lane = workers_; lane > shared_lane; --lane) free_lanes_.push_back(lane);
    }

    std::size_t chunksize() const noexcept { return chunk_; }
    /// How many of the first items have a ticket each.
    std::size_t singles() const noexcept { return chunk_ == 1 ? singles_ : 0; }

    /// The caller: the items below `count` are there. Gives how many tickets are to be submitted now.
    std::size_t publish(std::size_t count) {
        if (count > Lanes::limit)
            throw std::length_error("map: more than 2^31 items; give a buffersize or a chunksize");
        const std::lock_guard lock(mutex_);
        const std::uint32_t before = std::exchange(available_, static_cast<std::uint32_t>(count));
        if (closed_) {  // while the caller was adding items
            mark_unstarted(std::exchange(next_, available_), available_);
            return 0;
        }
        const std::uint32_t fresh = available_ - before;
        const std::size_t enough = smaller<std::size_t>(unclaimed(), workers_ + 1);
        const std::size_t more = count <= singles() ? fresh : enough - smaller(enough, tickets_);
        tickets_ += more;
        return more;
    }
    /// The caller, when all items are published and the map will take long: tickets to give way to.
    std::size_t tickets_for_turns() {
        const std::lock_guard lock(mutex_);
        if (closed_ || available_ <= singles_ || tickets_ >= singles_ ||
            ns_per_item() * static_cast<double>(unclaimed()) < 1e6)
            return 0;
        return singles_ - std::exchange(tickets_, singles_);
    }

    /// What has not started never will. `reason`: what those items throw; null: they are cancelled.
    void close(std::exception_ptr reason) noexcept {
        {
            const std::lock_guard lock(mutex_);
            if (std::exchange(closed_, true)) return;
            reason_ = std::move(reason);
            lanes_.empty_all([this](std::uint32_t begin, std::uint32_t end) {
                mark_unstarted(begin, end);
            });
            mark_unstarted(std::exchange(next_, available_), available_);
        }
        lanes_.tell_waiter();
    }
    std::exception_ptr reason() const {
        const std::lock_guard lock(mutex_);
        return reason_;
    }

    Lanes& lanes() noexcept { return lanes_; }
    std::size_t workers() const noexcept { return workers_; }
    /// Of one worker; 0 when nothing is known.
    double ns_per_item() const noexcept {
        // relaxed: an estimate.
        return ns_per_item_.load(std::memory_order_relaxed);
    }
    /// All items below have been claimed, at least.
    std::uint32_t frontier() const {
        const std::lock_guard lock(mutex_);
        return next_;
    }

  protected:
    ~MapSchedule() = default;

    virtual bool ran(std::size_t index) const noexcept = 0;
    virtual void mark_unstarted(std::uint32_t begin, std::uint32_t end) noexcept = 0;

    /// The reader, in a worker: claims this item if it is unclaimed. Gives how many; more than one only with a chunksize.
    std::uint32_t claim(std::uint32_t item) noexcept {
        if (const std::uint32_t claimed = lanes_.try_claim(item)) return claimed;
        {
            const std::lock_guard lock(mutex_);
            if (next_ != item || next_ == available_) return 0;
            finished_ += std::exchange(claimed_by_reader_, 0);
            const std::uint32_t size = block_size(static_cast<double>(workers_));
            lanes_.fill(shared_lane, next_, next_ + size);
            next_ += size;
        }
        const std::uint32_t claimed = lanes_.try_claim(item);
        claimed_by_reader_ += claimed;
        return claimed;
    }
    /// A ticket that runs what the reader has claimed.
    void take_ticket() noexcept {
        const std::lock_guard lock(mutex_);
        --tickets_;
    }

    /// A ticket's work. `run(index)` runs an item.
    template <class Run>
    void run_ticket(Run run) {
        std::unique_lock lock(mutex_);
        --tickets_;
        const Clock::time_point begun = Clock::now();
        if (begun_ == Clock::time_point()) begun_ = begun;
        std::size_t lane = no_lane;
        if (!free_lanes_.empty()) {
            lane = free_lanes_.back();
            free_lanes_.pop_back();
        }
        const auto give_back = [&] {
            if (lane != no_lane) free_lanes_.push_back(lane);
        };
        try {
            while (run_block(lock, lane, run)) {
                if (available_ <= singles() ? tickets_ >= unclaimed() : tickets_ > 1 && had_turn(begun)) break;
            }
        } catch (ForcedUnwind&) {
            lock.lock();
            give_back();
            throw;
        }
        give_back();
    }

    /// Runs any one item without a ticket: for the reader, where that is the last resort.
    template <class Run>
    bool run_one(Run run) {
        std::unique_lock lock(mutex_);
        return run_block(lock, no_lane, run);
    }

  private:
    static constexpr std::size_t no_lane = static_cast<std::size_t>(-1);
    static constexpr std::size_t shared_lane = 0;
    static constexpr double block_ns = 50'000;
    static constexpr std::uint32_t visit = 16;  // items that a guest runs before it looks around again

    std::uint32_t unclaimed() const noexcept { return available_ - next_; }

    bool had_turn(Clock::time_point begun) const noexcept {
        const Clock::time_point now = Clock::now();
        return now - begun > larger<Clock::duration>(std::chrono::milliseconds(1), (now - begun_) / 4);
    }

    /// So short that the workers would be in each other's way at the shared lane.
    bool are_short() const noexcept {
        const double ns = ns_per_item();
        return available_ > singles() && ns > 0 && ns < 100 + 40 * static_cast<double>(workers_);
    }
    /// Of unclaimed items, which there are. `share`: of the workers.
    std::uint32_t block_size(double share) const noexcept {
        if (available_ <= singles()) return 1;
        const double size = smaller(share * block_ns / larger(ns_per_item(), 1.0),
                                      share * static_cast<double>(finished_) / static_cast<double>(workers_),
                                      static_cast<double>(unclaimed()) / 4 * share /
                                          static_cast<double>(workers_));
        const auto whole = static_cast<std::uint32_t>(clamped(size, 1.0 * chunk_, 65'536.0));
        return smaller(whole - whole % chunk_, unclaimed());
    }

    /// False when no item is unclaimed. The lock is released meanwhile.
    template <class Run>
    bool run_block(std::unique_lock<std::mutex>& lock, std::size_t lane, Run& run) {
        std::uint32_t most = Lanes::limit;
        if (lane == no_lane || available_ <= singles()) most = 1;
        if (lanes_.has_items(shared_lane)) {
            lane = shared_lane;
        } else if (next_ == available_) {
            lane = lanes_.fullest();
            if (lane == lanes_.size()) return false;
            most = smaller(most, visit);
        } else {
            if (lane == no_lane || !are_short()) lane = shared_lane;
            const std::uint32_t size =
                block_size(lane == shared_lane ? static_cast<double>(workers_) : 1.0);
            lanes_.fill(lane, next_, next_ + size);
            next_ += size;
        }
        lock.unlock();
        const Clock::time_point begin = Clock::now();
        const auto has_run = [this](std::size_t index) { return ran(index); };
        const std::uint32_t count = lanes_.run_claimed(lane, most, run, has_run);
        const Clock::time_point end = Clock::now();
        if (running_watched_call && count != 0) running_watched_call->ran_items(count, begin);
        lock.lock();
        if (count != 0) learn(count, std::chrono::duration<double, std::nano>(end - begin).count());
        return true;
    }

    void learn(std::uint32_t count, double ns) noexcept {
        finished_ += count;
        const double now = ns / count, before = ns_per_item();
        // relaxed: an estimate, written under the mutex.
        ns_per_item_.store(before == 0 ? now : (before + now) / 2, std::memory_order_relaxed);
    }

    const std::uint32_t chunk_;
    const std::size_t singles_;
    const std::size_t workers_;
    Lanes lanes_;
    Atomic<double> ns_per_item_{0};

    mutable std::mutex mutex_;
    // All below: guarded by mutex_.
    std::uint32_t next_ = 0;       // the first item that is in no lane
    std::uint32_t available_ = 0;  // items there are
    std::size_t tickets_ = 0;      // submitted, or about to be, and not yet running
    std::uint64_t finished_ = 0;   // items
    std::vector<std::size_t> free_lanes_;
    std::uint32_t claimed_by_reader_ = 0;  // the reader's alone; items not counted as finished yet
    Clock::time_point begun_{};  // the first ticket
    bool closed_ = false;
    std::exception_ptr reason_;  // of close()
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
