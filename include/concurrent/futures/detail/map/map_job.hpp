// SPDX-License-Identifier: MIT
//
// map_job.hpp: the items of a map that runs in this process, and how workers share them.
//
//     caller                                  a worker that runs one of the map's tickets
//     add(item); publish() → n more tickets   take_part(f): take a block of items into my strip,
//     submit each to the pool                    run them one by one, until no item is unclaimed
//     wait_for(index)                         outcome stored; the caller woken if it sleeps for it
//
// Sizes. A worker claims `chunksize` items at once, or one. A block is what a worker moves into a strip, to be claimed from
// there: as many items as are measured to take 50 µs, but no more than have been run per worker so far, and no more than
// a share of the rest (guided self-scheduling, Polychronopoulos and Kuck 1987): MapSchedule::block_size().
//
// A ticket is a plain call of the pool that runs items as long as there are any, so a million items cost some dozens of
// submissions. In all that a program can see, tickets behave as a task per item would:
//   - Each item is claimed by itself, with one atomic addition to the word of its strip. All workers claim from the shared
//     strip, so items start in order. Only if items are measured to be so short that this would be too much traffic (180 ns
//     with two workers), each worker owns a block, and a worker that finds nothing left takes the rest of another one's block
//     away (owned_blocks.hpp; where that is not possible, workers move blocks into strips of their own, from which others may
//     claim). So an item that blocks holds back no other: while there is an unclaimed item, no worker that could run it
//     leaves. With a chunksize, chunks of that size take the place of items, without a ticket for each.
//   - In a map of up to `singles` items, each has its own ticket, which runs one item: tickets count, wait their turn and are cancelled
//     as tasks would be. In a larger map a ticket gives way after a while (1 ms, or a quarter of the map's age), so that
//     tasks of higher priority get in; the next ticket in the queue goes on.
//   - At least one ticket waits in the pool while items are unclaimed (there are more tickets than workers). So when the
//     pool cancels or fails what is queued, the map learns of it and stops as well: close().
// No waiting reader is forgotten: the proofs are in strips.hpp and owned_blocks.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/map/element_store.hpp"
#include "concurrent/futures/detail/map/map_outcome.hpp"
#include "concurrent/futures/detail/map/map_schedule.hpp"
#include "concurrent/futures/detail/map/owned_blocks.hpp"
#include "concurrent/futures/detail/platform/asymmetric_barrier.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/state/ended_thread.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// What the reader of the outcomes sees.
template <class R>
class MapJobOf : public MapSchedule {
  public:
    virtual ~MapJobOf() = default;

    MapOutcome<R> outcome(std::size_t index) const noexcept {
        return {slots_.at(index), states_.at(index)};
    }
    MapSlot<R>* slot(std::size_t index) const noexcept { return slots_.at(index); }
    Atomic<MapState>* state(std::size_t index) const noexcept { return states_.at(index); }
    std::size_t end_of_run(std::size_t index) const noexcept { return slots_.end_of_run(index); }

    /// Where the results come in any order: the item that ended as the `place`th one. Empty: none has, as far as is known.
    std::optional<std::size_t> ended_item(std::size_t place) const noexcept {
        // (3) acquire, pairs with (2).
        const std::uint32_t item = ended_.at(place)->load(std::memory_order_acquire);
        return item != 0 ? std::optional<std::size_t>(item - 1) : std::nullopt;
    }
    /// How many may have.
    std::size_t ends() const noexcept {
        // relaxed: ended_item() decides.
        return ends_.load(std::memory_order_relaxed);
    }
    /// Or will never run.
    bool has_ended(std::size_t index) const noexcept { return outcome(index).state() != MapState::waiting; }

    /// The reader, in a worker of the pool. Runs any one item; false if none is unclaimed.
    virtual bool run_any() = 0;
    /// Runs this item; false if it has been claimed. `run_ticket()` runs one of the map's tickets in this thread,
    /// so that it counts as one call, if there is any.
    template <class RunTicket>
    bool run_item(std::uint32_t item, RunTicket run_ticket) {
        if (!is_ready()) return false;
        claimed_begin_ = item;
        claimed_end_ = item + this->claim(item);
        if (claimed_begin_ == claimed_end_) return false;
        job_of_reader = this;
        run_ticket();
        if (std::exchange(job_of_reader, nullptr)) run_claimed();  // no ticket has
        return true;
    }

  protected:
    MapJobOf(std::size_t workers, std::size_t chunksize, std::size_t expected, bool ordered)
        : MapSchedule(workers, chunksize), slots_(expected), states_(expected), ended_(expected), keeps_order_(ordered) {}

    /// For outcomes from `index` on: gives how many fit, next to each other in memory, with their states waiting.
    std::size_t make_outcomes(std::size_t index, std::size_t count) {
        slots_.make_room(index);
        states_.make_room(index);
        if (!keeps_order_) ended_.make_room(index);
        count = smaller(count, end_of_run(index) - index);
        Atomic<MapState>* const states = states_.at(index);
        for (std::size_t n = 0; n < count; ++n) std::construct_at(states + n, MapState::waiting);
        if (!keeps_order_)
            for (std::size_t n = 0; n < count; ++n) std::construct_at(ended_.at(index + n), 0u);
        return count;
    }
    bool ran(std::size_t index) const noexcept final {
        // relaxed: who asks reads no outcome. The reader looks again; the barriers of OwnedBlocks order the rest.
        return states_.at(index)->load(std::memory_order_relaxed) >= MapState::value;
    }
    void mark_unstarted(std::uint32_t begin, std::uint32_t end) noexcept final {
        for (; begin < end; ++begin) outcome(begin).mark_unstarted();
    }
    /// Where the results come in any order: the item has its state.
    void note_end(std::uint32_t item) noexcept {
        // (1) acq_rel, pairs with itself: whoever had a number before knew that there is room for this one.
        const std::uint32_t place = ends_.fetch_add(1, std::memory_order_acq_rel);
        // (2) release, pairs with (3): hands over the outcome.
        ended_.at(place)->store(item + 1, std::memory_order_release);
    }
    bool keeps_order() const noexcept { return keeps_order_; }

    /// For a ticket: the reader has claimed its items, see run_item().
    bool is_of_reader() noexcept {
        if (job_of_reader != this) return false;
        job_of_reader = nullptr;
        return true;
    }
    /// False: nothing can be run in the reader's thread.
    virtual bool is_ready() noexcept = 0;
    virtual void run_claimed() = 0;

    // Of the reader's thread alone.
    std::uint32_t claimed_begin_ = 0, claimed_end_ = 0;

    // With segments of the same size.
    ElementStore<MapSlot<R>> slots_;
    ElementStore<Atomic<MapState>> states_;
    ElementStore<Atomic<std::uint32_t>> ended_;  // where any order will do: 1 + the number of the item that ended first, …

    const bool keeps_order_;

  public:
    static constexpr std::size_t any_item = static_cast<std::size_t>(-1);

  private:
    inline static constinit thread_local const void* job_of_reader = nullptr;

    Atomic<std::uint32_t> ends_{0};  // each item takes one number, and there are at most Strips::limit items
};

template <class R, class Callable, class... Inputs>
class MapJob final : public MapJobOf<R> {
    using Input = std::tuple<Inputs...>;

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
            const MapOutcome<R> outcome = this->outcome(index);
            if (outcome.state() <= MapState::unstarted) std::destroy_at(inputs_.at(index));
            outcome.destroy();
        }
    }

    const Callable& original() const noexcept { return callable_; }

    /// The caller: the next items, up to `most`. `make(place)` constructs an input; `step()` moves on to the next one.
    /// Fewer when `at_end()`; not asked if `left`, how many there are, is known (not 0).
    template <class Make, class Step, class AtEnd>
    void add(std::size_t most, std::size_t left, Make make, Step step, AtEnd at_end) {
        if (left != 0) most = smaller(most, left);
        while (most != 0) {
            inputs_.make_room(added_);
            const std::size_t count = this->make_outcomes(added_, most);
            Input* const inputs = inputs_.at(added_);
            if (left != 0 && std::is_trivially_destructible_v<Input>) {
                for (std::size_t n = 0; n < count; ++n, step()) make(inputs + n);
                added_ += count;
            } else {
                for (std::size_t n = 0; n < count; ++n, step()) {
                    if (left == 0 && at_end()) return;
                    make(inputs + n);
                    ++added_;
                }
            }
            most -= count;
        }
    }
    std::size_t added() const noexcept { return added_; }

    /// A worker: `callable` is its own copy.
    void take_part(Callable& callable) {
        try {
            if (!this->is_of_reader()) return this->run_ticket(Runner{*this, callable, {}});
            this->take_ticket();
            run_claimed();
        } catch (ForcedUnwind&) {
            this->close(ended_thread_error());  // this ticket was to run what is left
            throw;
        }
    }
    bool run_any() override {
        if (!is_ready()) return false;
        return this->run_one(Runner{*this, *readers_copy_, {}});
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
        MapSlot<R>* places = nullptr;
        Atomic<MapState>* states = nullptr;
        std::size_t first = 0;

        MapOutcome<R> outcome(std::size_t index) const noexcept {
            return {places + (index - first), states + (index - first)};
        }
    };
    Place place_of(std::size_t index) const noexcept {
        const std::size_t first = inputs_.begin_of_run(index);
        return {inputs_.run_of(index), this->slots_.at(first), this->states_.at(first), first};
    }

    bool is_ready() noexcept override {
        try {
            if (!readers_copy_) readers_copy_.emplace(callable_);
            return true;
        } catch (...) {
            return false;  // a worker will have to do it
        }
    }
    void run_claimed() override {
        // The calls may wait for other items of this map, in the same thread.
        const std::uint32_t end = this->claimed_end_;
        Runner run{*this, *readers_copy_, {}};
        for (std::uint32_t index = this->claimed_begin_; index != end; ++index) run(index);
    }

    /// Runs items with one thread's copy of the callable.
    struct Runner {
        MapJob& job;
        Callable& callable;
        Place place;
        bool thread_ends = false;  // a ForcedUnwind has passed

        void operator()(std::uint32_t item) {
            if (thread_ends) return fail(item);
            static constexpr OwnedBlocks::Calls none;
            some(item, item + 1, none, 0);
        }
        /// From `item` to `stop`, or until there are more calls than `seen`. `item` is then the next one; when a
        /// ForcedUnwind passes, it is the one in which it began.
        void some(std::uint32_t& item, std::uint32_t stop, const OwnedBlocks::Calls& calls, std::uint32_t seen) {
            const bool keeps_order = job.keeps_order();
            std::uint32_t next = item;
            do {
                if (!place.inputs.has(next)) place = job.place_of(next);
                const Place here = place;
                const std::size_t end = smaller<std::size_t>(stop, here.inputs.end());
                try {
                    do {
                        here.outcome(next).store_result_of([&]() -> R { return call(callable, here.inputs.at(next)); });
                        if (!keeps_order) job.note_end(next);
                        ++next;
                        light_barrier();
                    } while (calls.number() == seen && next != end);
                } catch (ForcedUnwind&) {
                    here.outcome(next).store_error(ended_thread_error());
                    if (!keeps_order) job.note_end(next);
                    job.note_failure();
                    thread_ends = true;
                    item = next;
                    throw;
                } catch (...) {
                    here.outcome(next).store_error(std::current_exception());
                    if (!keeps_order) job.note_end(next);
                    job.note_failure();
                    ++next;
                    light_barrier();
                }
            } while (calls.number() == seen && next != stop);
            item = next;
        }
        /// Of the same chunk as an item that ended this thread. It does not run here: it may end the thread as well, and a
        /// second ForcedUnwind inside a handler of the first ends the program.
        void fail(std::uint32_t item) {
            const Place here = job.place_of(item);
            std::destroy_at(here.inputs.at(item));
            here.outcome(item).store_error(error_or_why_not([] {
                return BrokenPromiseError("this item of a map was not called: one before it in the same chunk ended its thread, with "
                                          "pthread_exit() or because the thread was cancelled; return or throw there instead");
            }));
            if (!job.keeps_order()) job.note_end(item);
            job.note_failure();
        }
    };
    static R call(Callable& callable, Input* input) {
        const DestroyAtEnd end{input};
        if constexpr (is_reusable) {
            return std::apply(callable, std::move(*input));
        } else {
            Callable copy(callable);
            return std::apply(std::move(copy), std::move(*input));
        }
    }
    void note_failure() noexcept {
        // relaxed: read when no other reference is left.
        if constexpr (is_trivial) has_failures_.store(true, std::memory_order_relaxed);
    }
    struct DestroyAtEnd {
        Input* input;
        ~DestroyAtEnd() { std::destroy_at(input); }
    };

    const Callable callable_;
    // Of the reader's thread alone.
    std::optional<Callable> readers_copy_;
    ElementStore<Input> inputs_;
    std::size_t added_ = 0;
    Atomic<bool> has_failures_{false};  // where nothing else needs to be destroyed
};

/// The call that is submitted to the pool.
template <class Job>
struct MapTicket {
    explicit MapTicket(const std::shared_ptr<Job>& shared) : job(shared), callable(job->original()) {}
    void operator()() { job->take_part(callable); }
    static constexpr const char* library_name = "map";

    std::shared_ptr<Job> job;
    std::remove_cvref_t<decltype(std::declval<Job&>().original())> callable;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
