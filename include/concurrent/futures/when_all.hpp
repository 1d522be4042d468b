// SPDX-License-Identifier: MIT
//
// when_all.hpp: one future for several.
//
//     cf::when_all(parts).then([](std::vector<cf::Future<Part>> done) { … });
//     auto [a, b] = cf::when_all(pool.submit(f), pool.submit(g)).result();      // two done futures
//     auto first = cf::when_any(mirrors).result();   // first.futures[first.index] is done
//
// The result holds the futures themselves, so that failures and cancellations are seen one by one: the combined future
// itself does not fail. Cancelling it does not cancel the parts. The design is that of the C++ Concurrency TS (N4399).
// Threads and memory: as for Future; what the ended tasks did happens before the combined future is done.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <cstddef>
#include <deque>
#include <iterator>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/state/followed_set.hpp"
#include "concurrent/futures/future.hpp"
#include "concurrent/futures/wait.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// The result of when_any().
template <class Sequence>
struct WhenAnyResult {
    std::size_t index;  ///< of a future that is done; the largest std::size_t if there are no futures
    Sequence futures;   ///< all, in the order given
};

namespace detail {

template <class Visitor, class T>
void for_each_future(std::vector<Future<T>>& futures, Visitor visit) {
    for (Future<T>& future : futures) visit(FutureAccess::state(future, "when_all/when_any"));
}
template <class Visitor, class... Ts>
void for_each_future(std::tuple<Future<Ts>...>& futures, Visitor visit) {
    std::apply([&](auto&... each) { (visit(FutureAccess::state(each, "when_all/when_any")), ...); },
               futures);
}

/// Is told of the end of each part. One producer reference keeps it alive until all of its Parts are told or removed.
template <class Result, class Sequence>
class Combination final : public OutcomeState<Result> {
  public:
    static constexpr bool any = !std::is_same_v<Result, Sequence>;

    explicit Combination(Sequence futures) : futures_(std::move(futures)) {
        for_each_future(futures_, [&](SharedState& state) {
            parts_.emplace_back(*this, state, parts_.size());
        });
        // relaxed: nobody else has this object yet. One more, for start() itself.
        outstanding_.store(parts_.size() + 1, std::memory_order_relaxed);
    }

    void start() noexcept {
        if (parts_.empty()) end(static_cast<std::size_t>(-1));
        for (Part& part : parts_)
            if (!part.state.add_listener(part)) part.notify(part.state, nullptr);
        // A part that ended meanwhile could not remove Parts that had not been added yet.
        if (any && this->state() != CallState::pending) take_off_parts();
        told();
    }

    bool cancel() noexcept override {
        if (!OutcomeState<Result>::cancel()) return false;
        take_off_parts();
        return true;
    }

    /// when_all() needs all parts; when_any() runs one here only as a last resort.
    bool run_here(const RunHere& way) override {
        if (this_worker && !this_worker->has_stack()) return false;  // combinations may be nested
        FollowedSet followed;
        RunHere each = way;
        if (!each.followed) each.followed = &followed;
        if (any && parts_.size() > 1 && !way.last_resort) return false;
        bool ran = false;
        for (Part& part : parts_) {
            while (!this->done() && !part.state.done() && part.state.run_here(each)) ran = true;
            if (this->done() || (any && ran)) break;
        }
        return ran;
    }

  private:
    struct Part final : Listener {
        Part(Combination& w, SharedState& s, std::size_t i) noexcept
            : Listener(Kind::callback), whole(w), state(s), index(i) {}
        void notify(SharedState&, TaskQueue* later) noexcept override {
            if (any) whole.end(index, later);
            whole.told(later);
        }
        Combination& whole;
        SharedState& state;  // kept alive by futures_ or by the result
        const std::size_t index;
    };

    ~Combination() override = default;

    /// Removes the Parts that need not be told any more: a long-lived future must not collect them. The caller holds
    /// another reference to this object.
    void take_off_parts() noexcept {
        for (Part& part : parts_)
            if (part.state.remove_listener(part)) told();
    }

    /// One Part fewer to wait for. The last one drops the reference.
    void told(TaskQueue* later = nullptr) noexcept {
        // acq_rel: pairs with itself. The last sees what all parts' calls did, and hands it on by finish().
        if (outstanding_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        if constexpr (!any) end(0, later);
        this->drop_producer();
    }

    void end(std::size_t index, TaskQueue* later = nullptr) noexcept {
        if (!this->claim()) return;
        if constexpr (any) {
            take_off_parts();
            this->finish(this->store_result_of([&] { return Result{index, futures_}; }), later);
        } else {
            this->finish(this->store_result_of([&] { return std::move(futures_); }), later);
        }
    }

    Sequence futures_;
    std::deque<Part> parts_;
    Atomic<std::size_t> outstanding_{0};
};

template <class Result, class Sequence>
Future<Result> combine(Sequence futures) {
    auto* const combination = new Combination<Result, Sequence>(std::move(futures));
    Future<Result> future = FutureAccess::adopt<Result>(combination);
    combination->start();
    return future;
}

template <FutureRange Range>
auto copied_futures(Range&& range) {
    return std::vector<Future<RangeFutureValue<Range>>>(detail::range_begin(range), detail::range_end(range));
}

}  // namespace detail

/// Future<std::vector<Future<T>>>, or for a pack Future<std::tuple<Future<Ts>...>>: done when all futures are; at once
/// if there are none. Throws InvalidStateError for an empty future.
template <detail::FutureRange Range>
auto when_all(Range&& futures) {
    auto all = detail::copied_futures(futures);
    return detail::combine<decltype(all)>(std::move(all));
}
template <class... Ts>
Future<std::tuple<Future<Ts>...>> when_all(Future<Ts>... futures) {
    using All = std::tuple<Future<Ts>...>;
    return detail::combine<All>(All(std::move(futures)...));
}

/// A future of `WhenAnyResult` of the same: done when one future is, or at once if there are none. The others go on.
/// Throws InvalidStateError for an empty future.
template <detail::FutureRange Range>
auto when_any(Range&& futures) {
    auto all = detail::copied_futures(futures);
    return detail::combine<WhenAnyResult<decltype(all)>>(std::move(all));
}
template <class... Ts>
Future<WhenAnyResult<std::tuple<Future<Ts>...>>> when_any(Future<Ts>... futures) {
    using All = std::tuple<Future<Ts>...>;
    return detail::combine<WhenAnyResult<All>>(All(std::move(futures)...));
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
