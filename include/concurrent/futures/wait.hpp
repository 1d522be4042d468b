// SPDX-License-Identifier: MIT
//
// wait.hpp: wait for several futures at once.
//
//     auto [done, not_done] = cf::wait(futures);
//     auto first = cf::wait(futures, {.return_when = cf::ReturnWhen::first_completed});
//     auto some = cf::wait(futures, {.timeout = 2s});      // what is done by then; never throws
//
// Futures of different executors may be mixed. Threads: any number may wait for the same futures.
// Memory: everything the done calls did happens before wait() returns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <unordered_set>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/state/completion_waiter.hpp"
#include "concurrent/futures/future.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// Both in the order of the input, duplicates only once.
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
using RangeValue = std::iter_value_t<decltype(std::begin(std::declval<Range&>()))>;

/// Any range whose elements are futures of one type.
template <class Range>
concept FutureRange = requires { typename FutureValue<RangeValue<Range>>::type; };

template <class Range>
using RangeFutureValue = typename FutureValue<RangeValue<Range>>::type;

/// Copies the handles, each call once. Throws InvalidStateError for an empty future.
template <class Range>
auto distinct_futures(Range&& range, const char* operation) {
    std::vector<Future<RangeFutureValue<Range>>> futures;
    std::unordered_set<const void*> seen;
    for (auto&& future : range)
        if (seen.insert(&FutureAccess::state(future, operation)).second) futures.push_back(future);
    return futures;
}

/// What wait() waits for, told in ended calls.
class WaitCondition {
  public:
    WaitCondition(ReturnWhen when, std::size_t count) : when_(when), missing_(count) {}

    bool met() const noexcept { return met_ || missing_ == 0; }
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

/// A worker that waits for any of these runs one that nobody has started, but only while none is
/// running or has ended unseen, so that the first to end is not delayed by one that this thread picked
/// up. `seen` counts the ended ones in the list that the caller knows of. True when it ran something.
template <class T>
bool help_any(const std::vector<Future<T>>& futures, std::size_t seen) {
    if (!this_thread_may_help) return false;
    std::size_t ended = 0;
    for (const Future<T>& future : futures) {
        if (!future.valid()) continue;
        if (future.running()) return false;
        ended += future.done();
    }
    if (ended != seen) return false;
    for (const Future<T>& future : futures) {
        if (!future.valid() || future.done()) continue;
        if (FutureAccess::state(future, "wait").help()) return true;
        if (future.running() || future.done()) return false;  // somebody was quicker
    }
    return false;
}

/// For as long as it lives, the pool of the calling worker may use another one in its place. Needed where
/// help_any() holds back: what runs may depend on this very thread, and what waits would release it.
template <class T>
class Substitution {
  public:
    explicit Substitution(const std::vector<Future<T>>& futures) {
        if (!this_thread_may_help) return;
        for (const Future<T>& future : futures)
            if (!waiting_ && future.valid() && !future.done()) {
                SharedState& state = FutureAccess::state(future, "wait");
                if (!state.running() || state.waits_for_others()) waiting_ = &state;
            }
        if (waiting_) waiting_->worker_blocks(true);
    }
    Substitution(const Substitution&) = delete;
    Substitution& operator=(const Substitution&) = delete;
    ~Substitution() {
        if (waiting_) waiting_->worker_blocks(false);
    }

  private:
    SharedState* waiting_ = nullptr;  // kept alive by the futures
};

/// A worker that waits for all of these runs them in turn. `next` is where to go on.
template <class T>
bool help_all(const std::vector<Future<T>>& futures, std::size_t& next) {
    if (!this_thread_may_help) return false;
    while (next < futures.size())
        if (FutureAccess::state(futures[next++], "wait").help()) return true;
    return false;
}

}  // namespace detail

/// Takes any range of Future<T>. Returns when the condition holds or the time is up, which does not throw.
/// Cancelled calls are done. Throws InvalidStateError for an empty future. In a task, runs calls of its own
/// pool that have not started instead of blocking the worker.
template <detail::FutureRange Range>
auto wait(Range&& futures, const WaitOptions& options = {}) {
    const detail::Deadline deadline = detail::Deadline::after(options.timeout);
    const auto all = detail::distinct_futures(futures, "wait");
    {
        detail::WaitCondition condition(options.return_when, all.size());
        detail::CompletionWaiter waiter(all.size());
        std::deque<detail::Watch> watches;
        for (std::size_t index = 0; index < all.size(); ++index)
            watches.emplace_back(waiter, detail::FutureAccess::state(all[index], "wait"), index).start();
        std::size_t next_to_help = 0;
        for (std::uint32_t seen = 0;;) {
            for (const std::uint32_t ends = waiter.ends(); seen < ends; ++seen)
                condition.saw_end_of(detail::FutureAccess::state(all[waiter.ended(seen)], "wait"));
            if (condition.met() || deadline.passed()) break;
            if (condition.needs_all() ? detail::help_all(all, next_to_help) : detail::help_any(all, seen))
                continue;
            const detail::Substitution substitution(all);
            if (!waiter.wait_for_more(seen, deadline)) break;
        }
    }
    WaitResult<detail::RangeFutureValue<Range>> result;
    for (const auto& future : all) (future.done() ? result.done : result.not_done).push_back(future);
    return result;
}

}  // namespace concurrent::futures::inline v1
