// SPDX-License-Identifier: MIT
//
// map_job_results.hpp: the reader of a map whose items run in this process. The picture is in map_job.hpp.
//
//     MapJobResults<int> results(ordered, deadline);
//     results.start(submitter, workers, chunksize, f, ranges...);   // takes all input, submits tickets
//     results.current(); results.advance();                         // one thread at a time
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/map/map_job.hpp"
#include "concurrent/futures/detail/map/map_outcome.hpp"
#include "concurrent/futures/detail/map/map_positions.hpp"
#include "concurrent/futures/detail/map/map_stream.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/future.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// The reader of a map whose items run in this process (detail/map/map_job.hpp).
template <class R>
class MapJobResults final : public MapStream<R> {
  public:
    explicit MapJobResults(bool ordered, Deadline deadline) noexcept
        : ordered_(ordered), deadline_(deadline) {}
    ~MapJobResults() override {
        if (this->cancels_) cancel();
    }

    /// Takes all items from the ranges, and submits the tasks that will run them.
    template <class Submitter, class Callable, class... Ranges>
    void start(const Submitter& submitter, std::size_t workers, std::size_t chunksize,
               Callable&& callable, Ranges&&... ranges);
    void cancel() noexcept override;
    std::optional<std::size_t> beyond() const noexcept override { return total_ - given_ + (has_chosen_ ? 1 : 0); }

  private:
    bool is_at_end() const noexcept override { return given_ == total_ && !has_chosen_; }
    MapReference<R> wait_for_current() override;
    void skip() override;
    void turn_page() override;

    template <class Submitter, class Job>
    void submit(const Submitter& submitter, const std::shared_ptr<Job>& job, std::size_t tickets);
    template <class Over>
    bool wait(std::size_t item, Over over);
    bool run_here(std::size_t item);
    bool wait_ahead(std::size_t item, const Deadline& until);
    bool nap_if_short(std::size_t left, const Deadline& until);
    void choose();
    std::optional<std::size_t> next_ended();
    std::optional<std::size_t> next_unstarted();
    MapReference<R> value_of(const MapOutcome<R>& outcome);
    [[noreturn]] void expire();

    static constexpr auto look_for_pace = tuning::looks_for_map_pace;

    const bool ordered_;
    const Deadline deadline_;
    std::shared_ptr<MapJobOf<R>> job_;
    std::vector<Future<void>> tickets_;
    std::size_t total_ = 0;
    std::size_t given_ = 0;          // ordered: items of the pages before; unordered: items chosen
    std::size_t next_ticket_ = 0;    // those before have been tried

    // Unordered only.
    bool has_chosen_ = false;
    std::size_t chosen_ = 0;  // the item
    std::size_t place_ = 0;              // among those that have ended: all before have been given out, or are in gaps_
    std::vector<std::size_t> gaps_;      // places whose item was not known yet
    bool has_listed_unstarted_ = false;
    std::vector<std::size_t> unstarted_;  // items that never will, the first one last
};

template <class R>
template <class Submitter, class Callable, class... Ranges>
void MapJobResults<R>::start(const Submitter& submitter, std::size_t workers, std::size_t chunksize,
                             Callable&& callable, Ranges&&... ranges) {
    using Positions = MapPositions<Ranges...>;
    using Job = MapJob<R, std::decay_t<Callable>, MapInput<Ranges>...>;
    std::tuple<Ranges...> kept(std::forward<Ranges>(ranges)...);
    Positions positions(kept);
    const std::size_t expected = positions.count();
    const auto job = std::make_shared<Job>(workers, chunksize, expected, ordered_,
                                           std::forward<Callable>(callable));
    job_ = job;
    std::size_t published = 0;
    const auto publish = [&] {
        published = job->added();
        submit(submitter, job, job->publish(published, expected));
    };
    // At first each item, or chunk, goes to the workers at once. Later, reading the input in batches pays, except for
    // inputs that may be slow: ++ may wait for the next element.
    const std::size_t chunk = job->chunksize();
    const auto make = [&](auto* place) {
        positions.apply([&](auto&&... element) {
            ::new (static_cast<void*>(place))
                std::remove_pointer_t<decltype(place)>(map_input<Ranges>(std::forward<decltype(element)>(element))...);
        });
    };
    if constexpr (Positions::can_be_read_twice) {
        while (!positions.at_end()) {
            const std::size_t batch = clamped<std::size_t>(job->added() / 4, 1, tuning::most_items_per_batch) + chunk - 1;
            job->add(batch - batch % chunk, positions.count(), make, [&] { positions.step(); },
                     [&] { return positions.at_end(); });
            publish();
        }
    } else {
        for (; !positions.at_end(); positions.step()) {
            job->add(1, 1, make, [] {}, [] { return false; });
            if (job->added() % chunk == 0) publish();
        }
        if (job->added() != published) publish();
    }
    total_ = published;
    // Tickets to give way to cost more than a thousand short items do: it is worth waiting a moment to know.
    if (!this_worker && job->may_take_turns()) spin_until([&] { return job->ns_per_item() != 0; }, look_for_pace);
    submit(submitter, job, job->tickets_for_turns());
    turn_page();
}

template <class R>
template <class Submitter, class Job>
void MapJobResults<R>::submit(const Submitter& submitter, const std::shared_ptr<Job>& job,
                              std::size_t tickets) {
    for (; tickets > 0; --tickets) {
        tickets_.push_back(submitter.submit(MapTicket<Job>(job)));
        // When the pool gives up or cancels its queue, the items that have not started are given up, too.
        tickets_.back().add_done_callback([job](const Future<void>& ticket) {
            if (ticket.cancelled())
                job->close(nullptr);
            else if (const std::exception_ptr error = ticket.exception())
                job->close(error);
        });
    }
}

template <class R>
void MapJobResults<R>::cancel() noexcept {
    if (!job_) return;
    job_->close(nullptr);
    for (const Future<void>& ticket : tickets_) ticket.cancel();
    tickets_.clear();
    this->forget_page();
    has_chosen_ = false;
    given_ = total_ = 0;
}

template <class R>
void MapJobResults<R>::turn_page() {
    this->forget_page();
    if (!ordered_ || given_ == total_) return;
    const std::size_t end = smaller(job_->end_of_run(given_), total_);
    this->set_page(job_->slot(given_), job_->state(given_), end - given_);
    given_ = end;
}

template <class R>
MapReference<R> MapJobResults<R>::wait_for_current() {
    if (!ordered_) {
        if (!has_chosen_) choose();
        return value_of(job_->outcome(chosen_));
    }
    const MapOutcome<R> outcome = this->current_outcome();
    const std::size_t item = given_ - static_cast<std::size_t>(this->stop_ - this->next_);
    if (!wait(item, [&] { return outcome.state() != MapState::waiting; })) expire();
    return value_of(outcome);
}

template <class R>
void MapJobResults<R>::skip() {
    if (ordered_ || is_at_end()) return;
    if (!has_chosen_) choose();
    if (std::exchange(has_chosen_, false)) job_->outcome(chosen_).release();
}

template <class R>
MapReference<R> MapJobResults<R>::value_of(const MapOutcome<R>& outcome) {
    if (outcome.ran()) return outcome.get();
    if (const std::exception_ptr reason = job_->reason()) std::rethrow_exception(reason);
    throw CancelledError();
}

template <class R>
void MapJobResults<R>::choose() {
    std::optional<std::size_t> item;
    const auto find = [&] {
        if (!item) item = next_ended();
        if (!item) item = next_unstarted();
        return item.has_value();
    };
    if (!find() && !wait(MapJobOf<R>::any_item, find)) expire();
    chosen_ = *item;
    has_chosen_ = true;
    ++given_;
}

/// Unordered: the items in the order in which they ended. A thread that has a place for its item and has not written it yet
/// holds back no other one.
template <class R>
std::optional<std::size_t> MapJobResults<R>::next_ended() {
    for (std::size_t& gap : gaps_) {
        const std::optional<std::size_t> item = job_->ended_item(gap);
        if (!item) continue;
        gap = gaps_.back();
        gaps_.pop_back();
        return item;
    }
    while (place_ != total_) {
        if (const std::optional<std::size_t> item = job_->ended_item(place_)) return ++place_, item;
        if (place_ + 1 >= job_->ends()) break;
        gaps_.push_back(place_++);
    }
    return std::nullopt;
}

/// Unordered, when no item has ended that was not given out: one that never will.
template <class R>
std::optional<std::size_t> MapJobResults<R>::next_unstarted() {
    if (!has_listed_unstarted_) {
        if (!job_->is_closed()) return std::nullopt;
        has_listed_unstarted_ = true;
        for (std::size_t item = total_; item-- > 0;)
            if (job_->outcome(item).state() == MapState::unstarted) unstarted_.push_back(item);
    }
    if (unstarted_.empty()) return std::nullopt;
    const std::size_t item = unstarted_.back();
    unstarted_.pop_back();
    return item;
}

/// False when the time was up first.
template <class R>
template <class Over>
bool MapJobResults<R>::wait(std::size_t item, Over over) {
    if (over()) return true;
    Trampoline::catch_up();
    const bool any = item == MapJobOf<R>::any_item;
    if (!any && deadline_.is_never() && run_here(item)) return true;
    SharedState* const ticket = tickets_.empty() ? nullptr : &FutureAccess::state(tickets_.front(), "map");
    BlockingWorker* const worker = this_worker || !ticket ? this_worker : ticket->worker_here();
    if (worker && !deadline_.passed() && spin_until(over)) return true;
    if (ticket && fork_generation() != 0 && !deadline_.passed())
        if (const std::exception_ptr error = ticket->left_in_parent()) std::rethrow_exception(error);
    bool napped = false;
    return block_until(
        {.what = "a result of map"}, worker, deadline_, over,
        [&](const Deadline& until) {
            if (!std::exchange(napped, true) && (any ? nap_if_short(total_ - given_, until) : wait_ahead(item, until))) return;
            job_->wait(any ? Strips::any_item : static_cast<std::uint32_t>(item), over, until);
        },
        [&] { return any ? ticket && ticket->could_run_here() && job_->run_any() : run_here(item); });
}

/// Runs this item here, if this thread is a worker of the pool and the item is unclaimed. True when it has run.
template <class R>
bool MapJobResults<R>::run_here(std::size_t item) {
    if (tickets_.empty() || !FutureAccess::state(tickets_.front(), "map").could_run_here()) return false;
    return job_->run_item(static_cast<std::uint32_t>(item), [this] {
        while (next_ticket_ < smaller(tickets_.size(), job_->singles()))
            if (FutureAccess::state(tickets_[next_ticket_++], "map").run_here({})) return;
    });
}

/// While short items run, waking this thread for each would cost the workers more than the items do. So it waits for one
/// in the middle of the rest, but not much longer than that is likely to take. False: it did not wait.
template <class R>
bool MapJobResults<R>::wait_ahead(std::size_t item, const Deadline& until) {
    constexpr double few_ns = tuning::short_map_rest, most_ns = tuning::longest_map_nap;
    const std::size_t left = total_ - item;
    const double ns = job_->ns_per_item() / static_cast<double>(job_->workers());
    if (ns > tuning::map_item_worth_waking || left <= tuning::map_items_left_for_nap) return false;
    const double rest = ns * static_cast<double>(left);
    const std::size_t ahead = rest < 2 * few_ns ? left - 1 : left / 2;
    const auto longest = std::chrono::nanoseconds(static_cast<std::int64_t>(smaller(few_ns + rest, most_ns)));
    const auto target = static_cast<std::uint32_t>(item + ahead);
    job_->wait(target, [&] { return job_->has_ended(target); }, until.or_earlier(Deadline::after(longest)));
    return true;
}

/// As above, where any item will do: it only sleeps for a part of the time.
template <class R>
bool MapJobResults<R>::nap_if_short(std::size_t left, const Deadline& until) {
    const double ns = job_->ns_per_item() / static_cast<double>(job_->workers());
    const double rest = ns * static_cast<double>(left);
    if (ns > tuning::map_item_worth_waking || rest < tuning::map_rest_for_nap) return false;
    const auto nap = std::chrono::nanoseconds(static_cast<std::int64_t>(smaller(rest / 4, tuning::longest_map_nap)));
    job_->nap(until.or_earlier(Deadline::after(nap)));
    return true;
}

template <class R>
void MapJobResults<R>::expire() {
    const std::size_t left = total_ - given_ + static_cast<std::size_t>(this->stop_ - this->next_);
    cancel();
    throw TimeoutError("map: " + std::to_string(left) +
                       " results were still to come when the time was up; what had not started is "
                       "cancelled");
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
