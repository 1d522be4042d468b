// SPDX-License-Identifier: MIT
//
// map_job.hpp: the items of a map whose calls run in this process, and how workers share them out.
//
//     caller                                  a worker that runs one of the map's tickets
//     add(item); publish() → n more tickets   take_part(f): take a block of items into my lane,
//     submit each to the pool                    run them one by one, until no item is unclaimed
//     wait_for(index)                         outcome stored; the caller woken if it sleeps for it
//
// A ticket is a plain call of the pool that runs items as long as there are any, so a million items cost
// some dozens of submissions. Nothing a task per item would do is lost by that:
//   - Each item is claimed by itself, with one atomic addition to the word of its lane. All workers claim
//     from the shared lane, so that items start in order. Only where they are measured to be so short that
//     this would be too much traffic (180 ns with two workers), each takes blocks into a lane of its own,
//     and who finds nothing left joins in at another's. So an item that blocks holds back no other:
//     while there is an unclaimed item, no worker that could run it goes away. With a chunksize, chunks of
//     so many are claimed, and have no tickets each.
//   - Up to `singles` items, each has its own ticket, which runs one item: tickets count, wait their turn
//     and are cancelled as tasks would be. Beyond, a ticket gives way after a while (1 ms, or a quarter of
//     the map's age), so that calls of higher priority get in; the next ticket in the queue goes on.
//   - At least one ticket waits in the pool while items are unclaimed (there are more than workers). So
//     when the pool cancels or gives up what is queued, the map hears of it, and stops, too: close().
// Blocks: as many items as are measured to take 50 µs, but no more than have been run per worker so far, nor
// than a share of the rest (guided self-scheduling, Polychronopoulos and Kuck 1987).
// Nobody is forgotten: see Lanes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/loops/element_store.hpp"
#include "concurrent/futures/detail/loops/lanes.hpp"
#include "concurrent/futures/detail/loops/map_outcome.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// All that does not depend on the types: which items are claimed, by whom, and who waits.
class MapSchedule {
  public:
    using Clock = std::chrono::steady_clock;

    /// `chunksize`: items that a worker claims at once and runs in a row; 0, 1: each by itself.
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
    /// So many first items have a ticket each.
    std::size_t singles() const noexcept { return chunk_ == 1 ? singles_ : 0; }

    /// The caller: the items below `count` are there. Gives how many tickets are to be submitted now.
    std::size_t publish(std::size_t count) {
        if (count > Lanes::limit)
            throw std::length_error("map: more than 2^31 items; give a buffersize or a chunksize");
        const std::lock_guard lock(mutex_);
        if (closed_) return 0;
        const auto fresh = static_cast<std::uint32_t>(count) - available_;
        available_ = static_cast<std::uint32_t>(count);
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

    /// A ticket's work. `run(index)` runs an item; `over()` says when a helper has what it waits for.
    template <class Run, class Over>
    void run_ticket(Run run, Over over) noexcept {
        std::unique_lock lock(mutex_);
        --tickets_;
        const Clock::time_point begun = Clock::now();
        if (begun_ == Clock::time_point()) begun_ = begun;
        std::size_t lane = no_lane;
        if (!free_lanes_.empty()) {
            lane = free_lanes_.back();
            free_lanes_.pop_back();
        }
        while (run_block(lock, lane, run)) {
            if (available_ <= singles() ? tickets_ >= unclaimed() : tickets_ > 1 && had_turn(begun)) break;
            if (over()) break;
        }
        if (lane != no_lane) free_lanes_.push_back(lane);
    }

    /// Runs one item without a ticket: for the caller, when he is a worker of the pool.
    template <class Run>
    bool run_one(Run run) noexcept {
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
    bool run_block(std::unique_lock<std::mutex>& lock, std::size_t lane, Run& run) noexcept {
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
    Clock::time_point begun_{};  // the first ticket
    bool closed_ = false;
    std::exception_ptr reason_;  // of close()
};

/// What the reader of the outcomes sees.
template <class R>
class MapJobOf : public MapSchedule {
  public:
    virtual ~MapJobOf() = default;

    MapOutcome<R>& outcome(std::size_t index) const noexcept { return *outcomes_.at(index); }
    std::size_t end_of_run(std::size_t index) const noexcept { return outcomes_.end_of_run(index); }

    /// Runs one item in this thread; false if none is unclaimed.
    virtual bool help() noexcept = 0;
    /// The next ticket that this thread runs returns when it can say so. Null: no more.
    void expect_helper(const std::size_t* awaited) noexcept {
        helped_job = awaited ? this : nullptr;
        awaited_ = awaited;
    }

  protected:
    MapJobOf(std::size_t workers, std::size_t chunksize, std::size_t expected, bool ordered)
        : MapSchedule(workers, chunksize), outcomes_(expected), counts_ends_(!ordered) {}

    bool ran(std::size_t index) const noexcept final { return outcome(index).ran(); }
    void mark_unstarted(std::uint32_t begin, std::uint32_t end) noexcept final {
        for (; begin < end; ++begin) outcome(begin).mark_unstarted();
    }
    Atomic<std::uint32_t>* ends() noexcept { return counts_ends_ ? &ends_ : nullptr; }

    bool take_helper() noexcept { return std::exchange(helped_job, nullptr) == this; }
    /// Only in the helper, which is the reader's thread.
    bool helped() const noexcept { return *awaited_ == any_item || ran(*awaited_); }

    ElementStore<MapOutcome<R>> outcomes_;

  public:
    static constexpr std::size_t any_item = static_cast<std::size_t>(-1);

  private:
    inline static constinit thread_local const void* helped_job = nullptr;

    const std::size_t* awaited_ = nullptr;  // of the reader's thread alone
    const bool counts_ends_;
    Atomic<std::uint32_t> ends_{0};
};

template <class R, class Callable, class... Inputs>
class MapJob final : public MapJobOf<R> {
    using Input = std::tuple<Inputs...>;
    using State = typename MapOutcome<R>::State;

  public:
    MapJob(std::size_t workers, std::size_t chunksize, std::size_t expected, bool ordered,
           Callable callable)
        : MapJobOf<R>(workers, chunksize, expected, ordered),
          callable_(std::move(callable)),
          inputs_(expected) {}
    ~MapJob() override {
        if constexpr (is_trivial) {
            // relaxed: no other reference is left.
            if (!has_failures_.load(std::memory_order_relaxed)) return;
        }
        for (std::size_t index = 0; index < added_; ++index) {
            MapOutcome<R>& outcome = this->outcome(index);
            if (outcome.state() <= State::unstarted) std::destroy_at(inputs_.at(index));
            std::destroy_at(&outcome);
        }
    }

    const Callable& original() const noexcept { return callable_; }

    /// The caller: the next item.
    template <class... Values>
    void add(Values&&... values) {
        if (!last_.inputs.has(added_)) {
            inputs_.make_room(added_);
            this->outcomes_.make_room(added_);
            last_ = place_of(added_);
        }
        ::new (static_cast<void*>(last_.inputs.at(added_))) Input(std::forward<Values>(values)...);
        std::construct_at(last_.outcomes.at(added_));
        ++added_;
    }
    std::size_t added() const noexcept { return added_; }

    /// A worker: `callable` is its own copy.
    void take_part(Callable& callable) noexcept {
        const bool helping = this->take_helper();
        Place place;
        this->run_ticket([&](std::size_t index) { run(callable, place, index); },
                         [&] { return helping && this->helped(); });
    }
    bool help() noexcept override {
        try {
            if (!helpers_copy_) helpers_copy_.emplace(callable_);
        } catch (...) {
            return false;  // a worker will have to do it
        }
        Place place;
        return this->run_one([&](std::size_t index) { run(*helpers_copy_, place, index); });
    }

  private:
    // A callable that changes when it is called gets a fresh copy for each item, as separate tasks would.
    static constexpr bool is_reusable = [] {
        if constexpr (std::is_invocable_v<const Callable&, Inputs...>)
            return std::is_same_v<std::invoke_result_t<const Callable&, Inputs...>,
                                  std::invoke_result_t<Callable&, Inputs...>>;
        else
            return false;
    }();

    static constexpr bool is_trivial =
        std::is_trivially_destructible_v<Input> && std::is_trivially_destructible_v<MapItem<R>>;

    /// Where input and outcome of an item and its neighbours are. The stores have segments of the same size.
    struct Place {
        typename ElementStore<Input>::Run inputs;
        typename ElementStore<MapOutcome<R>>::Run outcomes;
    };
    Place place_of(std::size_t index) const noexcept {
        return {inputs_.run_of(index), this->outcomes_.run_of(index)};
    }

    void run(Callable& callable, Place& place, std::size_t index) noexcept {
        if (!place.inputs.has(index)) place = place_of(index);
        Input* const input = place.inputs.at(index);
        const bool returned = place.outcomes.at(index)->store_result_of(this->ends(), [&]() -> R {
            const DestroyAtEnd end{input};
            if constexpr (is_reusable) {
                return std::apply(callable, std::move(*input));
            } else {
                Callable copy(callable_);
                return std::apply(std::move(copy), std::move(*input));
            }
        });
        if constexpr (is_trivial) {
            // relaxed: read when no other reference is left.
            if (!returned) has_failures_.store(true, std::memory_order_relaxed);
        }
    }
    struct DestroyAtEnd {
        Input* input;
        ~DestroyAtEnd() { std::destroy_at(input); }
    };

    const Callable callable_;
    std::optional<Callable> helpers_copy_;  // of the reader's thread alone
    ElementStore<Input> inputs_;
    std::size_t added_ = 0;
    Place last_;
    Atomic<bool> has_failures_{false};  // where nothing else needs to be destroyed
};

/// The call that is submitted to the pool.
template <class Job>
struct MapTicket {
    explicit MapTicket(const std::shared_ptr<Job>& shared) : job(shared), callable(job->original()) {}
    void operator()() { job->take_part(callable); }

    std::shared_ptr<Job> job;
    std::remove_cvref_t<decltype(std::declval<Job&>().original())> callable;
};

}  // namespace concurrent::futures::inline v1::detail
