// SPDX-License-Identifier: MIT
//
// wait.hpp: wait for several futures at once.
//
//     auto [done, not_done] = cf::wait(futures);
//     auto first = cf::wait(futures, {.return_when = cf::ReturnWhen::first_completed});
//     auto some = cf::wait(futures, {.timeout = 2s});      // what is done by then; never throws
//
// Futures of different executors may be mixed. Threads: any number may wait for the same futures.
// Memory: everything that the ended tasks did happens before wait() returns.
#pragma once

#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/requirements.hpp"

#include <cstddef>
#include <deque>
#include <exception>
#include <iterator>
#include <unordered_set>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/range_ends.hpp"
#include "concurrent/futures/detail/state/completion_waiter.hpp"
#include "concurrent/futures/detail/state/followed_set.hpp"
#include "concurrent/futures/future.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// Both in the order of the input; a future that is given twice occurs once.
template <class T>
struct WaitResult {
    std::vector<Future<T>> done;      ///< finished, failed or cancelled when wait() returned
    std::vector<Future<T>> not_done;  ///< waiting or running then
};

namespace detail {

template <class F>
struct FutureValue;
template <class T>
struct FutureValue<Future<T>> {
    using type = T;
};

template <class Range>
using RangeValue = std::iter_value_t<decltype(range_begin(std::declval<Range&>()))>;

/// Any range whose elements are futures of one type.
template <class Range>
concept FutureRange = requires { typename FutureValue<RangeValue<Range>>::type; };

template <class Range>
using RangeFutureValue = typename FutureValue<RangeValue<Range>>::type;

/// Copies the handles, one for each task. Throws InvalidStateError for an empty future.
template <class Range>
auto distinct_futures(Range&& range, const char* operation) {
    std::vector<Future<RangeFutureValue<Range>>> futures;
    std::unordered_set<const void*> seen;
    for (auto&& future : range)
        if (seen.insert(&FutureAccess::state(future, operation)).second) futures.push_back(future);
    return futures;
}

/// What wait() waits for, as a number of ended tasks.
class WaitCondition {
  public:
    WaitCondition(ReturnWhen when, std::size_t count) : when_(when), missing_(count) {}

    bool met() const noexcept { return met_ || missing_ == 0; }
    std::size_t missing() const noexcept { return missing_; }
    void saw_end_of(const SharedState& state) noexcept {
        --missing_;
        met_ = met_ || when_ == ReturnWhen::first_completed ||
               (when_ == ReturnWhen::first_exception && state.state() == CallState::failed);
    }
    bool needs_all() const noexcept { return when_ == ReturnWhen::all_completed; }

  private:
    const ReturnWhen when_;
    std::size_t missing_;
    bool met_ = false;
};

/// The first of several futures that has not ended. It only moves forward, so all waits of one caller together look at
/// each future once. A future that is empty counts as ended.
class FirstOpen {
  public:
    /// Null when all have ended.
    template <class Futures>
    SharedState* find(const Futures& futures) {
        for (; index_ < futures.size(); ++index_)
            if (const auto& future = futures[index_]; future.valid() && !future.done())
                return &FutureAccess::state(future, "wait");
        return nullptr;
    }
    /// Runs one of those that can end the wait, as a last resort.
    template <class Futures>
    bool run_any_here(const Futures& futures, const Deadline& deadline) {
        if (!find(futures)) return false;
        for (std::size_t index = index_; index < futures.size(); ++index) {
            const auto& future = futures[index];
            if (future.valid() && !future.done() &&
                FutureAccess::state(future, "wait").run_here({.last_resort = true, .deadline = deadline}))
                return true;
        }
        return false;
    }

    /// In a forked child: throws what the wait for one of them throws, if none will end in this process. `missing`: how many
    /// the caller has not heard of.
    template <class Futures>
    void throw_if_left_in_parent(const Futures& futures, std::size_t missing) {
        std::exception_ptr error;
        std::size_t open = 0;
        for (std::size_t index = index_; index < futures.size(); ++index) {
            const auto& future = futures[index];
            if (!future.valid() || future.done()) continue;
            error = FutureAccess::state(future, "wait").why_left_in_parent();
            if (!error) return;
            ++open;
        }
        // One that has ended meanwhile: the caller is about to hear of it.
        if (error && open == missing) std::rethrow_exception(error);
    }

  private:
    std::size_t index_ = 0;
};

/// Blocks until one more of the futures, some of which may be empty, has ended; false when the deadline passed first.
/// `missing`: how many have not ended. `first_open`: the same object in each call for these futures.
template <class Futures>
bool wait_for_one(CompletionWaiter& waiter, const Futures& futures, FirstOpen& first_open, std::size_t missing,
                  const Deadline& deadline) {
    Trampoline::catch_up();
    BlockingWorker* worker = this_worker;
    const auto last_resort = [&] { return first_open.run_any_here(futures, deadline); };
    if (!worker || missing == 1) {
        if (SharedState* const state = first_open.find(futures)) {
            if (!worker) worker = state->worker_here();
            if (missing == 1 && deadline.is_never()) run_needed_here(*state, {});
        }
    }
    while (served_pool && !waiter.has_one() && !deadline.passed() && last_resort()) {
    }
    if (waiter.has_one()) return true;
    if (fork_generation() != 0 && !deadline.passed()) first_open.throw_if_left_in_parent(futures, missing);
    return waiter.wait_for_one(deadline, worker, last_resort);
}

}  // namespace detail

/// Takes any range of Future<T>. Returns when the condition holds or the time is up, which does not throw.
/// Cancelled tasks count as done. Throws InvalidStateError for an empty future. A task that waits for all without a
/// limit runs those tasks of its own pool that have not started; in other waits another thread works in its place.
template <detail::FutureRange Range>
auto wait(Range&& futures, const WaitOptions& options = {}) {
    const detail::Deadline deadline = detail::Deadline::after(options.timeout);
    const auto all = detail::distinct_futures(futures, "wait");
    {
        detail::WaitCondition condition(options.return_when, all.size());
        if (condition.needs_all() && deadline.is_never()) {
            detail::FollowedSet followed;
            for (const auto& future : all)
                detail::run_needed_here(detail::FutureAccess::state(future, "wait"), {.followed = &followed});
        }
        detail::CompletionWaiter waiter;
        std::deque<detail::Watch> watches;
        detail::FirstOpen first_open;
        for (std::size_t index = 0; index < all.size(); ++index)
            watches.emplace_back(waiter, detail::FutureAccess::state(all[index], "wait"), index).start();
        do {
            while (const detail::Watch* const ended = waiter.try_take()) condition.saw_end_of(ended->state());
        } while (!condition.met() &&
                 detail::wait_for_one(waiter, all, first_open, condition.missing(), deadline));
    }
    WaitResult<detail::RangeFutureValue<Range>> result;
    for (const auto& future : all) (future.done() ? result.done : result.not_done).push_back(future);
    return result;
}

/// Refused: says what to write instead.
template <class Futures, class... Others>
    requires(!detail::FutureRange<Futures> || !(std::is_convertible_v<Others, const WaitOptions&> && ...))
void wait(Futures&&, Others&&...) {
    static_assert(detail::FutureRange<Futures>,
                  "wait(futures): give a range of futures of one type, such as std::vector{a, b}; for futures of several "
                  "types write when_all(a, b).wait()");
    static_assert(!detail::FutureRange<Futures>, "wait(futures, options): a time limit is written {.timeout = 5s}");
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
