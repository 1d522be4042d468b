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

#include "concurrent/futures/detail/map/owned_blocks.hpp"
#include "concurrent/futures/detail/map/strips.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/asymmetric_barrier.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/state/pool_watch.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// All that does not depend on the types: which worker claims which items, and which item is waited for.
class MapSchedule {
  public:
    using Clock = std::chrono::steady_clock;

    /// `chunksize`: items that a worker claims at once and runs in a row; 0, 1: each by itself. At most
    /// Strips::most_at_once: a larger number counts as that.
    MapSchedule(std::size_t workers, std::size_t chunksize)
        : chunk_(static_cast<std::uint32_t>(
              clamped<std::size_t>(chunksize, 1, Strips::most_at_once))),
          singles_(larger<std::size_t>(tuning::least_map_tickets, 2 * workers)),
          workers_(clamped<std::size_t>(workers, 1, tuning::most_map_strips)),
          strips_(workers_ + 1, chunk_),
          owned_(has_asymmetric_barrier() ? workers_ + 1 : 0, chunk_) {
        free_strips_.reserve(workers_);
        for (std::size_t strip = workers_; strip > shared_strip; --strip) free_strips_.push_back(strip);
    }

    std::size_t chunksize() const noexcept { return chunk_; }
    /// How many of the first items have a ticket each.
    std::size_t singles() const noexcept { return chunk_ == 1 ? singles_ : 0; }

    /// The caller: the items below `count` are there. Gives how many tickets are to be submitted now. `expected`: how many
    /// items there will be, if that is known.
    std::size_t publish(std::size_t count, std::size_t expected) {
        if (count > Strips::limit)
            throw std::length_error("map: more than 2^31 items; give a buffersize or a chunksize");
        const std::lock_guard lock(mutex_);
        const std::uint32_t before = std::exchange(available_, static_cast<std::uint32_t>(count));
        if (closed_) {  // while the caller was adding items
            mark_unstarted(std::exchange(next_, available_), available_);
            return 0;
        }
        const std::uint32_t fresh = available_ - before;
        const std::size_t enough = smaller<std::size_t>(unclaimed(), workers_ + 1);
        const std::size_t more = larger(count, expected) <= singles() ? fresh : enough - smaller(enough, tickets_);
        tickets_ += more;
        return more;
    }
    /// The caller, when all items are published: they are so many that the map may take long.
    bool may_take_turns() const {
        const std::lock_guard lock(mutex_);
        return !closed_ && available_ > singles_ && tickets_ < singles_;
    }
    /// Then, if it will take long or that is not known: tickets to give way to.
    std::size_t tickets_for_turns() {
        const std::lock_guard lock(mutex_);
        const double ns = ns_per_item();
        if (closed_ || available_ <= singles_ || tickets_ >= singles_ ||
            (ns != 0 && ns * static_cast<double>(unclaimed()) < tuning::map_worth_turns))
            return 0;
        return singles_ - std::exchange(tickets_, singles_);
    }

    /// What has not started never will. `reason`: what those items throw; null: they are cancelled.
    void close(std::exception_ptr reason) noexcept {
        {
            const std::lock_guard lock(mutex_);
            if (std::exchange(closed_, true)) return;
            reason_ = std::move(reason);
            strips_.empty_all([this](std::uint32_t begin, std::uint32_t end) {
                mark_unstarted(begin, end);
            });
            take_owned([this](std::uint32_t begin, std::uint32_t end) { mark_unstarted(begin, end); });
            mark_unstarted(std::exchange(next_, available_), available_);
        }
        strips_.tell_waiter();
    }
    std::exception_ptr reason() const {
        const std::lock_guard lock(mutex_);
        return reason_;
    }

    /// The reader: Strips::wait() and Strips::nap().
    template <class Over>
    void wait(std::uint32_t item, Over over, const Deadline& until) noexcept {
        strips_.wait(item, [&] { return call_owners_of(item), over(); }, until);
    }
    void nap(const Deadline& until) noexcept { strips_.nap(until); }
    std::size_t workers() const noexcept { return workers_; }
    /// Of one worker; 0 when nothing is known.
    double ns_per_item() const noexcept {
        // relaxed: an estimate.
        return ns_per_item_.load(std::memory_order_relaxed);
    }
    /// What has not started by now never will.
    bool is_closed() const {
        const std::lock_guard lock(mutex_);
        return closed_;
    }

  protected:
    ~MapSchedule() = default;

    virtual bool ran(std::size_t index) const noexcept = 0;
    virtual void mark_unstarted(std::uint32_t begin, std::uint32_t end) noexcept = 0;

    /// The reader, in a worker: claims this item if it is unclaimed. Gives how many; more than one only with a chunksize.
    std::uint32_t claim(std::uint32_t item) noexcept {
        if (const std::uint32_t claimed = strips_.try_claim(item)) return claimed;
        {
            const std::lock_guard lock(mutex_);
            if (next_ != item || next_ == available_) return 0;
            finished_ += std::exchange(claimed_by_reader_, 0);
            const std::uint32_t size = block_size(static_cast<double>(workers_));
            strips_.fill(shared_strip, next_, next_ + size);
            next_ += size;
        }
        const std::uint32_t claimed = strips_.try_claim(item);
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
        std::size_t strip = no_strip;
        if (!free_strips_.empty()) {
            strip = free_strips_.back();
            free_strips_.pop_back();
        }
        const auto give_back = [&] {
            if (strip != no_strip) free_strips_.push_back(strip);
        };
        try {
            while (run_block(lock, strip, run)) {
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
        return run_block(lock, no_strip, run);
    }

  private:
    static constexpr std::size_t no_strip = static_cast<std::size_t>(-1);
    static constexpr std::size_t shared_strip = 0;
    static constexpr double block_ns = tuning::map_block;
    static constexpr double least_ns = tuning::least_map_block;  // where others can take the rest of a block
    static constexpr std::uint32_t visit = tuning::map_visit;  // items that a guest runs before it looks around again

    std::uint32_t unclaimed() const noexcept { return available_ - next_; }

    bool had_turn(Clock::time_point begun) const noexcept {
        const Clock::time_point now = Clock::now();
        return now - begun > larger<Clock::duration>(tuning::least_map_turn, (now - begun_) / 4);
    }

    /// So short that the workers would be in each other's way at the shared strip.
    bool are_short() const noexcept {
        const double ns = ns_per_item();
        const double each = tuning::short_map_item_per_worker;
        return available_ > singles() && ns > 0 && ns < tuning::short_map_item + each * static_cast<double>(workers_);
    }
    /// Of unclaimed items, which there are. `share`: of the workers.
    std::uint32_t block_size(double share) const noexcept {
        if (available_ <= singles()) return 1;
        const double size = smaller(share * block_ns / larger(ns_per_item(), 1.0),
                                      share * static_cast<double>(finished_) / static_cast<double>(workers_),
                                      static_cast<double>(unclaimed()) / 4 * share /
                                          static_cast<double>(workers_));
        const double least = owned_.size() != 0 && are_short() ? least_ns / larger(ns_per_item(), 1.0) : 1.0;
        const auto whole = static_cast<std::uint32_t>(clamped(size, larger(least, 1.0 * chunk_), tuning::most_items_per_block));
        return smaller(whole - whole % chunk_, unclaimed());
    }

    /// False when no item is unclaimed. The lock is released meanwhile.
    template <class Run>
    bool run_block(std::unique_lock<std::mutex>& lock, std::size_t strip, Run& run) {
        std::uint32_t most = Strips::limit;
        if (strip == no_strip || available_ <= singles()) most = 1;
        if (strips_.has_items(shared_strip)) {
            strip = shared_strip;
        } else if (next_ == available_) {
            if (const std::size_t fullest = strips_.fullest(); fullest != strips_.size()) {
                strip = fullest;
            } else {
                const Loot loot = take_from_owner(lock, strip);
                if (loot.is_owned) return run_owned(lock, strip, run), true;
                if (loot.strip == no_strip) return loot.looks_again;
                strip = loot.strip;
            }
            most = smaller(most, visit);
        } else {
            if (strip == no_strip || !are_short() || strips_.has_items(strip)) strip = shared_strip;
            const std::uint32_t begin = next_, size = block_size(strip == shared_strip ? static_cast<double>(workers_) : 1.0);
            next_ += size;
            if (strip != shared_strip && owned_.size() != 0) {
                owned_.own(strip, begin, next_);
                return run_owned(lock, strip, run), true;
            }
            strips_.fill(strip, begin, next_);
        }
        lock.unlock();
        const Clock::time_point begin = Clock::now();
        const auto has_run = [this](std::size_t index) { return ran(index); };
        const std::uint32_t count = strips_.run_claimed(strip, most, run, has_run);
        note_run(count, begin);
        lock.lock();
        if (count != 0) learn(count, since(begin));
        return true;
    }

    /// Runs the block that this thread owns. The lock is released meanwhile.
    template <class Run>
    void run_owned(std::unique_lock<std::mutex>& lock, std::size_t strip, Run& run) {
        const auto has_run = [this](std::size_t index) { return ran(index); };
        const std::uint32_t first = owned_.begin(strip);
        std::uint32_t item = first;
        const Clock::time_point begin = Clock::now();
        while (item < owned_.end(strip)) {
            std::uint32_t stop = owned_.end(strip);
            if (const std::uint32_t awaited = strips_.awaited(); awaited == Strips::any_item) stop = item + 1;
            else if (awaited >= item && awaited < stop) stop = awaited + 1;
            const OwnedBlocks::Calls& calls = owned_.calls_of(strip);
            const std::uint32_t seen = calls.number();
            lock.unlock();
            try {
                run.some(item, stop, calls, seen);
            } catch (ForcedUnwind&) {
                lock.lock();
                const std::uint32_t end = owned_.end(strip);
                lock.unlock();
                for (++item; item % chunk_ != 0 && item < end; ++item) run(item);  // they are claimed
                lock.lock();
                if (item < owned_.end(strip)) strips_.fill(strip, item, owned_.end(strip));
                owned_.disown(strip);
                lock.unlock();
                strips_.tell_waiter();
                throw;
            }
            lock.lock();
            strips_.tell_waiter_if(has_run);
        }
        owned_.disown(strip);
        learn(item - first, since(begin));
        if (!running_watched_call) return;
        lock.unlock();
        note_run(item - first, begin);
        lock.lock();
    }

    /// What a worker got of another one's block: a strip to claim from, or a block of its own.
    struct Loot {
        std::size_t strip = no_strip;
        bool is_owned = false;
        bool looks_again = false;
    };
    /// All items are in blocks with an owner. A rest that is about to end is waited for, a longer one is shared.
    Loot take_from_owner(std::unique_lock<std::mutex>& lock, std::size_t strip) {
        const auto has_run = [this](std::size_t index) { return ran(index); };
        constexpr double soon_ns = tuning::map_rest_soon_done;
        constexpr int most_rounds = tuning::rounds_for_map_rest;
        for (int rounds = 0;; ++rounds) {
            std::size_t victim = no_strip;
            std::uint32_t most = 0;
            for (std::size_t other = 0; other < owned_.size(); ++other) {
                if (owned_.is_empty(other)) continue;
                const std::uint32_t left = owned_.end(other) - owned_.first_free(other, has_run);
                if (left > most) most = left, victim = other;
            }
            if (victim == no_strip) return {};
            if (rounds < most_rounds && most * ns_per_item() < soon_ns) {
                lock.unlock();
                for (int pauses = 0; pauses < tuning::pauses_per_round; ++pauses) pause();
                lock.lock();
                if (next_ != available_ || strips_.fullest() != strips_.size()) return {.looks_again = true};
                continue;
            }
            owned_.call(victim);
            heavy_barrier();
            const std::uint32_t begin = owned_.first_free(victim, has_run), end = owned_.end(victim);
            if (strip != no_strip && are_short() && owned_.is_empty(strip)) {
                const std::uint32_t half = begin + (end - begin) / 2;
                const std::uint32_t mine = rounds < most_rounds ? larger(begin, half - half % chunk_) : begin;
                owned_.end_at(victim, mine);
                if (mine != end) return owned_.own(strip, mine, end), Loot{.is_owned = true};
            } else {
                owned_.end_at(victim, begin);
                if (begin != end) return strips_.fill(victim, begin, end), Loot{.strip = victim};
            }
        }
    }
    /// With the lock: takes away what no owner has begun; take(begin, end) for each block.
    template <class Take>
    void take_owned(Take take) noexcept {
        bool called = false;
        for (std::size_t strip = 0; strip < owned_.size(); ++strip)
            if (!owned_.is_empty(strip)) owned_.call(strip), called = true;
        if (called) heavy_barrier();
        for (std::size_t strip = 0; called && strip < owned_.size(); ++strip) {
            const std::uint32_t begin = owned_.first_free(strip, [this](std::size_t index) { return ran(index); });
            if (const std::uint32_t end = owned_.end(strip); begin < end) take(begin, end), owned_.end_at(strip, begin);
        }
    }
    /// The reader will wait for this item.
    void call_owners_of(std::uint32_t item) noexcept {
        if (owned_.size() == 0) return;
        bool called = false;
        {
            const std::lock_guard lock(mutex_);
            for (std::size_t strip = 0; strip < owned_.size(); ++strip)
                if (item == Strips::any_item ? !owned_.is_empty(strip) : owned_.has(strip, item))
                    owned_.call(strip), called = true;
        }
        if (called) heavy_barrier();
    }

    static double since(Clock::time_point begin) {
        return std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
    }
    static void note_run(std::uint32_t count, Clock::time_point begin) {
        if (running_watched_call && count != 0) running_watched_call->ran_items(count, begin);
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
    Strips strips_;
    OwnedBlocks owned_;  // guarded by mutex_, but for what an owner does; empty: all items are claimed one by one
    Atomic<double> ns_per_item_{0};

    mutable std::mutex mutex_;
    // All below: guarded by mutex_.
    std::uint32_t next_ = 0;       // the first item that is in no strip
    std::uint32_t available_ = 0;  // items there are
    std::size_t tickets_ = 0;      // submitted, or about to be, and not yet running
    std::uint64_t finished_ = 0;   // items
    std::vector<std::size_t> free_strips_;
    std::uint32_t claimed_by_reader_ = 0;  // the reader's alone; items not counted as finished yet
    Clock::time_point begun_{};  // the first ticket
    bool closed_ = false;
    std::exception_ptr reason_;  // of close()
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
