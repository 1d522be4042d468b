// SPDX-License-Identifier: MIT
//
// progress.hpp: a progress bar around a loop.
//
//     for (auto& page : cf::progress(cf::as_completed(pages))) …
//     for (auto&& image : cf::progress(pool.map(draw, scenes), {.label = "images"})) …
//
//     images  42% [########..........] 420/1000  35.2/s  0:17 left  3 failed
//
// The range passes through unchanged: values, references, and what ++ and * throw. If stderr is a terminal, the bar is
// drawn there after an item, at most ten times a second; otherwise nothing is written. The line is cleared before an
// exception of * or ++ goes on, and ended when the loop ends. Text that the loop prints to the same terminal overwrites
// the bar: write "\r\033[K" to stderr before it, or send it to a file.
// The total is known for as_completed(), map() and ranges with a size; a map with a buffersize needs `total`.
// A failure is an item whose * throws, or a future that failed or was cancelled. That the bar looks at a future does
// not count as looking at its failure (report_unobserved).
// NO_COLOR in the environment: no colours. TERM=dumb: the same.
// Threads: as the range. futures.hpp does not include this header.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/map/map_positions.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/progress/progress_bar.hpp"
#include "concurrent/futures/future.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// For progress(range, ProgressOptions).
struct ProgressOptions {
    std::string label{};           ///< in front of the bar
    std::optional<Count> total{};  ///< how many items there will be; for ranges that do not know
};

namespace detail {

template <class Range>
std::optional<std::size_t> items_of(const Range& range, const std::optional<Count>& total) {
    if (total)
        return static_cast<std::size_t>(*total);
    else if constexpr (requires { range.remaining(); })
        return range.remaining();
    else if constexpr (requires { std::size(range); })
        return static_cast<std::size_t>(std::size(range));
    else
        return std::nullopt;
}

template <class T>
inline constexpr bool is_future = false;
template <class T>
inline constexpr bool is_future<Future<T>> = true;

/// Without marking the failure as observed.
template <class Item>
bool is_failure(const Item& item) {
    if constexpr (is_future<Item>) {
        if (!item.valid() || !item.done()) return false;
        return FutureAccess::state(item, "progress").state() != CallState::finished;
    } else {
        return false;
    }
}

}  // namespace detail

/// The input range that progress() returns. Can be read once.
template <class Range>
class Progress {
    using Inner = decltype(detail::range_begin(std::declval<Range&>()));

  public:
    class Iterator {
      public:
        using value_type = std::iter_value_t<Inner>;
        using difference_type = std::ptrdiff_t;

        /// At the end.
        Iterator() = default;
        /// The item of the range, or what the range throws.
        decltype(auto) operator*() const { return progress_->current(); }
        /// Moves the range on; throws what that throws.
        Iterator& operator++() {
            progress_->advance();
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(std::default_sentinel_t) const { return !progress_ || progress_->at_end(); }

      private:
        friend Progress;
        explicit Iterator(Progress& progress) : progress_(&progress) {}
        Progress* progress_ = nullptr;
    };

    /// For progress(). Keeps an rvalue range; refers to an lvalue range.
    Progress(Range&& range, ProgressOptions options)
        : range_(std::forward<Range>(range)),
          bar_(std::move(options.label), detail::items_of(range_, options.total)) {}
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// Draws the bar, then begins the range: as_completed() waits there for its first future.
    Iterator begin() {
        bar_.begin();
        clear_if_it_throws([&] { inner_.emplace(detail::range_begin(range_)); });
        return Iterator(*this);
    }
    std::default_sentinel_t end() const noexcept { return {}; }

    /// What the bar shows.
    std::size_t done() const noexcept { return bar_.counts().done; }
    std::size_t failed() const noexcept { return bar_.counts().failed; }
    std::optional<std::size_t> total() const noexcept { return bar_.counts().total; }

  private:
    bool at_end() { return *inner_ == detail::range_end(range_); }

    decltype(auto) current() {
        using Reference = decltype(**inner_);
        return clear_if_it_throws([&]() -> Reference {
            try {
                Reference item = **inner_;
                if (detail::is_failure(item)) count_failure();
                return static_cast<Reference>(item);
            } catch (...) {
                count_failure();
                throw;
            }
        });
    }
    void advance() {
        failure_counted_ = false;
        bar_.item_done();
        clear_if_it_throws([&] { ++*inner_; });
        if (at_end()) bar_.finish();
    }
    /// Once per item, however often * is used.
    void count_failure() noexcept {
        if (!std::exchange(failure_counted_, true)) bar_.item_failed();
    }
    template <class Use>
    decltype(auto) clear_if_it_throws(Use use) {
        try {
            return use();
        } catch (...) {
            bar_.erase();
            throw;
        }
    }

    Range range_;  // T& for lvalues
    detail::ProgressBar bar_;
    std::optional<Inner> inner_;
    bool failure_counted_ = false;  // the current item's
};

/// Takes any input range. An lvalue range must outlive what this returns.
template <detail::InputRange Range>
Progress<Range> progress(Range&& range, ProgressOptions options = {}) {
    return Progress<Range>(std::forward<Range>(range), std::move(options));
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
