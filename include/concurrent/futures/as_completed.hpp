// SPDX-License-Identifier: MIT
//
// as_completed.hpp: futures in the order they end.
//
//     for (cf::Future<Page>& page : cf::as_completed(pages, 10s))
//         std::cout << page.result().title << '\n';
//
// Futures that are done come first, then each one as it ends, cancelled ones too. A future that is given twice comes
// once. The timeout counts from the call. When the time is up, ++ or begin() throws TimeoutError, but only after all
// futures that have ended were given out. Threads: use one range from one thread at a time.
// Memory: everything a task did happens before its future is given out. The range keeps no handle of a future that it
// has moved past.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <cstddef>
#include <deque>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/wait.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// The input range that as_completed() returns.
template <class T>
class AsCompleted {
  public:
    class Iterator {
      public:
        using value_type = Future<T>;
        using difference_type = std::ptrdiff_t;

        /// At the end.
        Iterator() = default;
        /// The future may be moved out.
        Future<T>& operator*() const { return range_->current_; }
        Future<T>* operator->() const { return &range_->current_; }
        /// Waits for the next. Throws TimeoutError.
        Iterator& operator++() {
            range_->advance();
            return *this;
        }
        void operator++(int) { ++*this; }
        /// At the end: all have been given out.
        bool operator==(std::default_sentinel_t) const {
            return !range_ || !range_->current_.valid();
        }

      private:
        friend AsCompleted;
        explicit Iterator(AsCompleted& range) : range_(&range) {}
        AsCompleted* range_ = nullptr;
    };

    /// For as_completed().
    AsCompleted(std::vector<Future<T>> futures, detail::Deadline deadline)
        : futures_(std::move(futures)),
          deadline_(deadline),
          waiter_(std::make_unique<detail::CompletionWaiter>()) {
        for (std::size_t index = 0; index < futures_.size(); ++index) {
            detail::SharedState& state = detail::FutureAccess::state(futures_[index], "as_completed");
            watches_.emplace_back(*waiter_, state, index).start();
        }
    }
    /// Not to be moved while it has iterators. May throw std::bad_alloc.
    AsCompleted(AsCompleted&&) = default;
    AsCompleted& operator=(AsCompleted&&) = delete;

    /// Waits for the first future. May be called once. Throws TimeoutError.
    Iterator begin() {
        if (given_ == 0) advance();
        return Iterator(*this);
    }
    std::default_sentinel_t end() const noexcept { return {}; }

    /// How many futures are still to come, the current one included.
    std::size_t remaining() const noexcept {
        return futures_.size() - given_ + (current_.valid() ? 1 : 0);
    }

  private:
    void advance();

    std::vector<Future<T>> futures_;  // emptied one by one as they are given out
    detail::Deadline deadline_;
    std::unique_ptr<detail::CompletionWaiter> waiter_;
    std::deque<detail::Watch> watches_;  // after futures_: gone before them
    detail::FirstOpen first_open_;       // in futures_
    std::size_t given_ = 0;
    Future<T> current_;
};

template <class T>
void AsCompleted<T>::advance() {
    current_ = Future<T>();
    if (given_ == futures_.size()) return;
    detail::Watch* ended = waiter_->try_take();
    while (!ended) {
        const bool in_time =
            detail::wait_for_one(*waiter_, futures_, first_open_, futures_.size() - given_, deadline_);
        ended = waiter_->try_take();
        if (!ended && !in_time)
            throw TimeoutError(std::to_string(futures_.size() - given_) + " (of " +
                               std::to_string(futures_.size()) + ") futures unfinished");
    }
    ++given_;
    ended->stop();
    current_ = std::move(futures_[ended->index()]);
}

/// Takes any range of Future<T>; `timeout` counts from this call. Throws InvalidStateError for an empty
/// future. While a task waits, another thread works in its place (future.hpp).
template <detail::FutureRange Range>
auto as_completed(Range&& futures, Duration timeout = {}) {
    const detail::Deadline deadline = detail::Deadline::after(timeout);
    return AsCompleted<detail::RangeFutureValue<Range>>(
        detail::distinct_futures(futures, "as_completed"), deadline);
}

/// Refused: says what to write instead.
template <class Futures, class... Others>
    requires(!detail::FutureRange<Futures>)
AsCompleted<int> as_completed(Futures&&, Others&&...) {
    static_assert(detail::always_false<Futures>,
                  "as_completed(futures): give a range of futures of one type, such as std::vector{a, b}");
    return detail::never_returned<AsCompleted<int>>();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
