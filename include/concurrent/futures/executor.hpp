// SPDX-License-Identifier: MIT
//
// executor.hpp: what every executor can do, so that code can be written for all of them.
//
//     void render(cf::Executor auto& pool, const std::vector<Scene>& scenes) {
//         for (Image& image : pool.map(draw, scenes)) …
//     }
//
//     submit(f, args...)            a Future of what f returns; if it throws, nothing was queued
//     submit(TaskOptions, f, args...)
//     post(f, args...)              no future; exceptions go to the unhandled-exception hook
//     map(f, ranges...)             MapResults in input order; map(MapOptions, f, ranges...)
//     map_unordered(f, ranges...)   the same in completion order
//     shutdown(ShutdownOptions)     idempotent, from any thread, callback or task
//     shutdown_for(duration)        TimeoutError if the workers have not ended by then
//     stats(), max_workers()
//
// The destructor shuts down and waits. All members may be called from several threads at once.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <queue>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/loops/map_job.hpp"
#include "concurrent/futures/detail/loops/map_positions.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/task/bound_call.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/future.hpp"
#include "concurrent/futures/map_results.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// An executor at one moment. Each number is exact at some time during the call of stats().
struct ExecutorStats {
    std::size_t workers;          ///< threads or processes that exist
    std::size_t idle;             ///< how many of them wait for work
    std::size_t pending;          ///< tasks that have not started
    std::size_t running;          ///< tasks that are running
    std::size_t completed;        ///< tasks that returned
    std::size_t failed;           ///< tasks that threw, timed out or lost their worker
    std::size_t cancelled;        ///< tasks cancelled before they started
    std::size_t worker_restarts;  ///< workers started in place of those that died
};

template <class E>
concept Executor = requires(E& executor, int (&call)(int), std::vector<int>& inputs) {
    { executor.submit(call, 1) } -> std::same_as<Future<int>>;
    { executor.submit(TaskOptions{}, call, 1) } -> std::same_as<Future<int>>;
    { executor.map(call, inputs) } -> std::same_as<MapResults<int>>;
    { executor.map_unordered(MapOptions{}, call, inputs) } -> std::same_as<MapResults<int>>;
    executor.post(call, 1);
    executor.shutdown(ShutdownOptions{});
    executor.shutdown_for(std::chrono::seconds(1));
    { executor.stats() } -> std::same_as<ExecutorStats>;
    { executor.max_workers() } -> std::convertible_to<std::size_t>;
};

/// For overloads with and without options: `template <NotOptions<TaskOptions> Callable, …> submit(…)`.
template <class T, class Options>
concept NotOptions = !std::same_as<std::remove_cvref_t<T>, Options>;

namespace detail {

/// Tasks of this kind of submitter run in other processes, on copies of what is submitted.
template <class Submitter>
inline constexpr bool leaves_the_process = false;
class ProcessSubmitter;
template <>
inline constexpr bool leaves_the_process<ProcessSubmitter> = true;

template <class Executor>
std::size_t worker_count(const Executor& executor) {
    if constexpr (requires { executor.max_workers(); })
        return larger<std::size_t>(executor.max_workers(), 1);
    else
        return 1;
}

/// The reader of a map whose items run in this process (detail/loops/map_job.hpp).
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
    std::optional<std::size_t> beyond() const noexcept override { return total_ - given_ + (chosen_ ? 1 : 0); }

  private:
    using Outcome = MapOutcome<R>;
    struct EndedLater {
        bool operator()(const Outcome* a, const Outcome* b) const noexcept {
            if (a->ran() != b->ran()) return b->ran();  // what will never run comes last
            return a->ran() && a->order() > b->order();
        }
    };

    bool is_at_end() const noexcept override { return given_ == total_ && !chosen_; }
    MapReference<R> wait_for_current() override;
    void skip() override;
    void turn_page() override;

    template <class Submitter, class Job>
    void submit(const Submitter& submitter, const std::shared_ptr<Job>& job, std::size_t tickets);
    template <class Over>
    bool wait(std::size_t item, Over over);
    bool run_here(std::size_t item);
    bool nap_if_short(std::size_t left, const Deadline& until);
    void choose();
    void look_for_ended();
    MapReference<R> value_of(Outcome& outcome);
    [[noreturn]] void expire();

    const bool ordered_;
    const Deadline deadline_;
    std::shared_ptr<MapJobOf<R>> job_;
    std::vector<Future<void>> tickets_;
    std::size_t total_ = 0;
    std::size_t given_ = 0;          // ordered: items of the pages before; unordered: items chosen
    std::size_t next_ticket_ = 0;    // those before have been tried

    // Unordered only.
    Outcome* chosen_ = nullptr;
    std::priority_queue<Outcome*, std::vector<Outcome*>, EndedLater> ended_;  // to be given out
    std::vector<std::size_t> open_;   // below looked_at_ and not ended when last seen
    std::size_t looked_at_ = 0;
};

}  // namespace detail

/// map and map_unordered for your own executor: derive from MapOperations<YourExecutor>, and give it a
/// `submitter()` whose copies can submit(f, args...) for as long as they live (see
/// examples/10_your_own_executor.cpp).
template <class Derived>
class MapOperations {
  public:
    /// Calls `callable` with copies of the first elements of all ranges, then of the second ones, until the shortest
    /// range ends. Returns a range of the results (map_results.hpp), in the order of the input. An lvalue range must
    /// outlive it. Throws what submit throws, and std::invalid_argument for options that make no sense.
    template <NotOptions<MapOptions> Callable, detail::InputRange... Ranges>
    auto map(Callable&& callable, Ranges&&... ranges) {
        return map(MapOptions{}, std::forward<Callable>(callable), std::forward<Ranges>(ranges)...);
    }
    template <class Callable, detail::InputRange... Ranges>
    auto map(const MapOptions& options, Callable&& callable, Ranges&&... ranges) {
        return start(true, options, std::forward<Callable>(callable), std::forward<Ranges>(ranges)...);
    }
    /// The same, but results come in the order in which the calls end.
    template <NotOptions<MapOptions> Callable, detail::InputRange... Ranges>
    auto map_unordered(Callable&& callable, Ranges&&... ranges) {
        return map_unordered(MapOptions{}, std::forward<Callable>(callable),
                             std::forward<Ranges>(ranges)...);
    }
    template <class Callable, detail::InputRange... Ranges>
    auto map_unordered(const MapOptions& options, Callable&& callable, Ranges&&... ranges) {
        return start(false, options, std::forward<Callable>(callable), std::forward<Ranges>(ranges)...);
    }

  private:
    template <class Callable, class... Ranges>
    auto start(bool ordered, const MapOptions& options, Callable&& callable, Ranges&&... ranges) {
        static_assert(sizeof...(Ranges) > 0, "map(f, ranges...): give at least one range of inputs");
        static_assert(std::invocable<std::decay_t<Callable>&, detail::MapInput<Ranges>...>,
                      "map(f, ranges...): f cannot be called with one element of each range. Each "
                      "element is copied first, so f must take it by value or const reference");
        const detail::Deadline deadline = detail::Deadline::after(options.timeout);
        detail::require_not_negative(options.timeout, "MapOptions::timeout");
        if (options.buffersize && *options.buffersize == 0)
            throw std::invalid_argument("MapOptions::buffersize must be at least 1; leave it out for "
                                        "no bound");
        using R = detail::KeptResult<
            std::invoke_result_t<std::decay_t<Callable>&, detail::MapInput<Ranges>...>>;
        auto& executor = static_cast<Derived&>(*this);
        decltype(auto) submitter = executor.submitter();
        using Submitter = std::remove_cvref_t<decltype(submitter)>;
        const std::size_t workers = detail::worker_count(executor);
        if constexpr (!detail::leaves_the_process<Submitter>) {
            if (!options.buffersize) {
                auto results = std::make_unique<detail::MapJobResults<R>>(ordered, deadline);
                results->start(submitter, workers, options.chunksize, std::forward<Callable>(callable),
                               std::forward<Ranges>(ranges)...);
                return MapResults<R>(std::move(results));
            }
        }
        std::optional<detail::MapPace> pace;
        if (detail::leaves_the_process<Submitter> && options.chunksize == 0 && !options.buffersize)
            pace.emplace(workers);
        using Inputs = detail::MapInputs<detail::MapTask<R>, Submitter, std::decay_t<Callable>, Ranges...>;
        auto inputs = std::make_unique<Inputs>(submitter, std::forward<Callable>(callable),
                                               std::forward<Ranges>(ranges)...);
        return MapResults<R>(std::make_unique<detail::MapTasks<R>>(std::move(inputs), options, pace,
                                                                   ordered, deadline));
    }
};

namespace detail {

template <class R>
template <class Submitter, class Callable, class... Ranges>
void MapJobResults<R>::start(const Submitter& submitter, std::size_t workers, std::size_t chunksize,
                             Callable&& callable, Ranges&&... ranges) {
    using Positions = MapPositions<Ranges...>;
    using Job = MapJob<R, std::decay_t<Callable>, MapInput<Ranges>...>;
    std::tuple<Ranges...> kept(std::forward<Ranges>(ranges)...);
    Positions positions(kept);
    const auto job = std::make_shared<Job>(workers, chunksize, positions.count(), ordered_,
                                           std::forward<Callable>(callable));
    job_ = job;
    std::size_t published = 0;
    const auto publish = [&] {
        published = job->added();
        submit(submitter, job, job->publish(published));
    };
    // At first each item, or chunk, goes to the workers at once. Later, reading the input in batches pays, except for
    // inputs that may be slow.
    const std::size_t singles = job->singles(), chunk = job->chunksize();
    for (; !positions.at_end(); positions.step()) {
        positions.apply([&](auto&&... element) {
            job->add(map_input<Ranges>(std::forward<decltype(element)>(element))...);
        });
        const std::size_t batch =
            Positions::can_be_read_twice && job->added() > singles
                ? smaller<std::size_t>(job->added() / 4, 1024)
                : 1;
        const std::size_t fresh = job->added() - published;
        if (fresh >= batch && fresh % chunk == 0) publish();
    }
    if (job->added() != published) publish();
    total_ = published;
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
    this->next_ = this->stop_ = nullptr;
    chosen_ = nullptr;
    given_ = total_ = 0;
}

template <class R>
void MapJobResults<R>::turn_page() {
    this->next_ = this->stop_ = nullptr;
    if (!ordered_ || given_ == total_) return;
    const std::size_t end = smaller(job_->end_of_run(given_), total_);
    this->next_ = &job_->outcome(given_);
    this->stop_ = this->next_ + (end - given_);
    given_ = end;
}

template <class R>
MapReference<R> MapJobResults<R>::wait_for_current() {
    if (!ordered_) {
        if (!chosen_) choose();
        return value_of(*chosen_);
    }
    Outcome& outcome = *this->next_;
    const std::size_t item = given_ - static_cast<std::size_t>(this->stop_ - this->next_);
    if (!wait(item, [&] { return outcome.state() != Outcome::State::waiting; })) expire();
    return value_of(outcome);
}

template <class R>
void MapJobResults<R>::skip() {
    if (ordered_ || is_at_end()) return;
    if (!chosen_) choose();
    if (chosen_) chosen_->release();
    chosen_ = nullptr;
}

template <class R>
MapReference<R> MapJobResults<R>::value_of(Outcome& outcome) {
    if (outcome.ran()) return outcome.get();
    if (const std::exception_ptr reason = job_->reason()) std::rethrow_exception(reason);
    throw CancelledError();
}

template <class R>
void MapJobResults<R>::choose() {
    look_for_ended();
    if (ended_.empty() &&
        !wait(MapJobOf<R>::any_item, [this] { return look_for_ended(), !ended_.empty(); }))
        expire();
    chosen_ = ended_.top();
    ended_.pop();
    ++given_;
}

/// Unordered: items that have ended since the last look, in the order in which they ended.
template <class R>
void MapJobResults<R>::look_for_ended() {
    if (!ended_.empty()) return;
    const auto has_ended = [this](std::size_t item) {
        Outcome& outcome = job_->outcome(item);
        if (outcome.state() == Outcome::State::waiting) return false;
        ended_.push(&outcome);
        return true;
    };
    std::erase_if(open_, has_ended);
    for (const std::size_t end = job_->frontier(); looked_at_ < end; ++looked_at_)
        if (!has_ended(looked_at_)) open_.push_back(looked_at_);
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
    bool napped = false;
    return block_until(
        worker, deadline_, over,
        [&](const Deadline& until) {
            if (!std::exchange(napped, true) && nap_if_short(total_ - (ordered_ ? item : given_), until)) return;
            job_->lanes().wait(any ? Lanes::any_item : static_cast<std::uint32_t>(item), over, until);
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

/// While short items run, waking this thread for each would cost the workers more than the items do. So it sleeps for
/// a part of the time that the items are likely to take, and only then asks to be woken. False: it did not sleep.
template <class R>
bool MapJobResults<R>::nap_if_short(std::size_t left, const Deadline& until) {
    const double ns = job_->ns_per_item() / static_cast<double>(job_->workers());
    const double rest = ns * static_cast<double>(left);
    if (ns > 5'000 || rest < 100'000) return false;
    const auto nap = std::chrono::nanoseconds(static_cast<std::int64_t>(smaller(rest / 4, 1e6)));
    job_->lanes().nap(until.or_earlier(Deadline::after(nap)));
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

}  // namespace detail
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
