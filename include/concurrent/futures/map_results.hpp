// SPDX-License-Identifier: MIT
//
// map_results.hpp: the lazy input range that map() and map_unordered() return.
//
//     for (int y : pool.map(square, std::vector{1, 2, 3})) …           // in the order of the input
//     auto pages = pool.map({.buffersize = 8}, fetch, urls);            // at most 8 ahead
//     for (auto it = pages.begin(); it != pages.end(); ++it)
//         try { use(*it); } catch (const std::exception&) { }           // this item; ++ goes on
//
// *it waits for its item, gives `R&&` to move from, and throws that item's exception. When the time of
// MapOptions::timeout (from the call of map) is up, *it throws TimeoutError, what has not started is
// cancelled, and ++it is the end. Destroying the range cancels what has not started.
// A void call yields std::monostate. Threads: one range from one thread at a time. Memory: everything an
// item's call did happens before *it returns; the range keeps nothing of items it has moved past.
#pragma once

#include <cstddef>
#include <deque>
#include <exception>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/futex.hpp"
#include "concurrent/futures/detail/task/bound_call.hpp"
#include "concurrent/futures/future.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline v1 {
namespace detail {

/// What a call gives for one item; void becomes something that can be kept.
template <class R>
using MapItem = std::conditional_t<
    std::is_void_v<R>, std::monostate,
    std::conditional_t<std::is_reference_v<R>, std::remove_reference_t<R>*, std::remove_cv_t<R>>>;

/// The outcomes of the items of one task, each a value or its own exception.
template <class R>
using MapChunkResults = std::vector<std::variant<MapItem<R>, std::exception_ptr>>;

/// The task that runs several items in a row.
template <class Callable>
struct MapChunk {
    Callable callable;

    template <class... Items>
    auto operator()(std::vector<std::tuple<Items...>> inputs) {
        using R = KeptResult<std::invoke_result_t<Callable&, Items...>>;
        MapChunkResults<R> results;
        results.reserve(inputs.size());
        for (auto& input : inputs) {
            try {
                if constexpr (std::is_void_v<R>) {
                    std::apply(callable, std::move(input));
                    results.emplace_back(std::in_place_index<0>);
                } else if constexpr (std::is_reference_v<R>) {
                    auto&& referred = std::apply(callable, std::move(input));
                    results.emplace_back(std::in_place_index<0>, std::addressof(referred));
                } else {
                    results.emplace_back(std::in_place_index<0>,
                                         std::apply(callable, std::move(input)));
                }
            } catch (...) {
                results.emplace_back(std::in_place_index<1>, std::current_exception());
            }
        }
        return results;
    }
};

/// The ids of tasks in the order they ended, for map_unordered. Shared with the tasks' callbacks.
class EndedTasks {
  public:
    void add(std::size_t id) {
        {
            const std::lock_guard lock(mutex_);
            ids_.push_back(id);
        }
        // (1) release, pairs with (2): a thread that sees the count finds the id under the mutex.
        count_.fetch_add(1, std::memory_order_release);
        futex_wake_one(&count_);
    }
    bool wait_for(std::uint32_t position, const Deadline& deadline) const {
        for (;;) {
            const std::uint32_t count = count_.load(std::memory_order_acquire);  // (2) with (1)
            if (count != position) return true;
            if (deadline.passed()) return false;
            futex_wait(count_, count, deadline);
        }
    }
    std::size_t id(std::size_t position) const {
        const std::lock_guard lock(mutex_);
        return ids_[position];
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::size_t> ids_;  // guarded by mutex_
    FutexWord count_{0};
};

/// One submitted task of a map.
template <class R>
struct MapTask {
    std::variant<Future<R>, Future<MapChunkResults<R>>> future;
    std::size_t items;
};

/// Where the tasks of a map come from: the inputs and the executor, whatever their types.
template <class R>
class MapSource {
  public:
    virtual ~MapSource() = default;
    /// Submits the next task; empty at the end of the shortest input.
    virtual std::optional<MapTask<R>> next(std::size_t items_at_most) = 0;
};

}  // namespace detail

template <class R>
class MapResults {
  public:
    using value_type = detail::MapItem<R>;
    using reference =
        std::conditional_t<std::is_reference_v<R>, R, std::add_rvalue_reference_t<value_type>>;

    class Iterator {
      public:
        using value_type = MapResults::value_type;
        using difference_type = std::ptrdiff_t;

        Iterator() = default;
        reference operator*() const { return results_->current(); }
        Iterator& operator++() {
            results_->advance();
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(std::default_sentinel_t) const {
            return !results_ || results_->at_end();
        }

      private:
        friend MapResults;
        explicit Iterator(MapResults& results) : results_(&results) {}
        MapResults* results_ = nullptr;
    };

    /// For executors. Submits everything now, or what the buffer holds.
    MapResults(std::unique_ptr<detail::MapSource<R>> source, const MapOptions& options, bool ordered,
               detail::Deadline deadline)
        : source_(std::move(source)),
          deadline_(deadline),
          buffersize_(options.buffersize),
          ended_(ordered ? nullptr : std::make_shared<detail::EndedTasks>()) {
        try {
            while (source_ && has_room()) submit_next();
        } catch (...) {
            cancel();
            throw;
        }
    }
    MapResults(MapResults&&) noexcept = default;
    MapResults& operator=(MapResults&&) = delete;
    ~MapResults() { cancel(); }

    /// Where the reading is: the range is read once. end() is when nothing is left.
    Iterator begin() { return Iterator(*this); }
    std::default_sentinel_t end() const noexcept { return {}; }

    /// Cancels what has not started and forgets the rest; the range is at its end.
    void cancel() noexcept;

  private:
    using Task = detail::MapTask<R>;
    using Chunk = detail::MapChunkResults<R>;

    bool at_end() const noexcept { return waiting_ == 0 && !current_ && !error_; }
    bool has_room() const noexcept { return !buffersize_ || untaken_ < *buffersize_; }
    void submit_next();
    void refill() noexcept;
    reference current();
    void advance();
    void choose_task();
    [[noreturn]] void expire();

    std::unique_ptr<detail::MapSource<R>> source_;  // null: no more input
    detail::Deadline deadline_;
    std::optional<std::size_t> buffersize_;
    std::shared_ptr<detail::EndedTasks> ended_;  // only when unordered
    std::deque<std::optional<Task>> tasks_;      // submitted, in order; empty where chosen already
    std::size_t first_ = 0;                      // the id of tasks_.front()
    std::size_t waiting_ = 0;                    // tasks_ that are not empty
    std::uint32_t chosen_ = 0;
    std::size_t untaken_ = 0;      // items submitted and not yet asked for with *it
    std::exception_ptr error_;     // the input or the executor failed: the last element
    std::optional<Task> current_;  // the task whose items are given out
    Chunk chunk_;                  // its results, when it has more than one
    std::size_t index_ = 0;        // in current_
    bool taken_ = false;           // the current item was asked for
    [[no_unique_address]] std::monostate unit_;  // what a void call yields
};

template <class R>
void MapResults<R>::submit_next() {
    const std::size_t room =
        buffersize_ ? *buffersize_ - untaken_ : std::numeric_limits<std::size_t>::max();
    std::optional<Task> task = source_->next(room);
    if (!task) {
        source_.reset();
        return;
    }
    const std::size_t id = first_ + tasks_.size();
    const Task& kept = *tasks_.emplace_back(std::move(task));
    ++waiting_;
    untaken_ += kept.items;
    if (ended_)
        std::visit([&](const auto& future) {
            future.add_done_callback([ended = ended_, id](const auto&) { ended->add(id); });
        }, kept.future);
}

template <class R>
void MapResults<R>::refill() noexcept {
    try {
        while (source_ && has_room()) submit_next();
    } catch (...) {  // given out after what was submitted before
        error_ = std::current_exception();
        source_.reset();
    }
}

template <class R>
void MapResults<R>::choose_task() {
    std::size_t place = 0;
    if (ended_) {
        if (detail::this_thread_may_help)
            for (auto& task : tasks_)
                if (task)
                    std::visit([](const auto& f) { detail::FutureAccess::state(f, "map").help(); },
                               task->future);
        if (!ended_->wait_for(chosen_, deadline_)) expire();
        place = ended_->id(chosen_) - first_;
    }
    ++chosen_;
    --waiting_;
    current_ = std::exchange(tasks_[place], std::nullopt);
    for (; !tasks_.empty() && !tasks_.front(); ++first_) tasks_.pop_front();
    index_ = 0;
    chunk_.clear();
}

template <class R>
auto MapResults<R>::current() -> reference {
    if (!taken_) {
        taken_ = true;
        if (!error_ || current_ || waiting_ != 0) --untaken_;
        refill();
    }
    if (!current_ && waiting_ == 0) std::rethrow_exception(error_);
    if (!current_) choose_task();
    const auto settled = [&]<class T>(const Future<T>& future) -> auto& {
        auto& state = detail::FutureAccess::state(future, "map");
        if (!future.done()) {
            if (detail::this_thread_may_help && !deadline_.passed()) state.help();
            if (!state.wait(deadline_)) expire();
        }
        static_cast<void>(future.result());  // throws what the whole task ended with
        return state.value();
    };
    if (auto* const future = std::get_if<Future<R>>(&current_->future)) {
        auto& value = settled(*future);
        if constexpr (std::is_reference_v<R>)
            return static_cast<R>(*value);
        else if constexpr (std::is_void_v<R>)
            return std::move(unit_);
        else
            return std::move(value);
    }
    if (chunk_.empty()) chunk_ = std::move(settled(std::get<Future<Chunk>>(current_->future)));
    auto& outcome = chunk_.at(index_);
    if (auto* const error = std::get_if<1>(&outcome)) std::rethrow_exception(*error);
    if constexpr (std::is_reference_v<R>)
        return static_cast<R>(*std::get<0>(outcome));
    else
        return std::move(std::get<0>(outcome));
}

template <class R>
void MapResults<R>::advance() {
    if (!taken_ && !at_end()) {  // skipped without a look
        if (current_ || waiting_ != 0) --untaken_;
        refill();
        if (!current_ && waiting_ != 0) choose_task();
    }
    taken_ = false;
    if (!current_) {
        error_ = nullptr;
    } else if (++index_ == current_->items) {
        current_.reset();
        chunk_.clear();
    }
}

template <class R>
void MapResults<R>::expire() {
    const std::size_t left = untaken_ + 1;
    cancel();
    throw TimeoutError("map: " + std::to_string(left) +
                       " results were still to come when the time was up; what had not started is "
                       "cancelled");
}

template <class R>
void MapResults<R>::cancel() noexcept {
    const auto cancel_task = [](Task& task) {
        std::visit([](const auto& future) { if (future.valid()) future.cancel(); }, task.future);
    };
    source_.reset();
    if (current_) cancel_task(*current_);
    for (auto& task : tasks_)
        if (task) cancel_task(*task);
    current_.reset();
    tasks_.clear();
    waiting_ = 0;
    error_ = nullptr;
}

}  // namespace concurrent::futures::inline v1
