// SPDX-License-Identifier: MIT
//
// map_tasks.hpp: a map whose items are tasks of their own, or chunks of items are. Used where the calls run in other
// processes, and where a buffersize bounds what is submitted.
//
//     MapTasks<int> results(std::move(source), options, pace, ordered, deadline);   // submits
//     results.current(); results.advance();                                         // one thread at a time
//
// How many items a task has: options.chunksize; if that is 0 and there is no buffersize, chunksize_for() asks the pace
// (map_pace.hpp); else 1.
#pragma once

#include <cstddef>
#include <deque>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "concurrent/futures/detail/map/map_chunk.hpp"
#include "concurrent/futures/detail/map/map_inputs.hpp"
#include "concurrent/futures/detail/map/map_pace.hpp"
#include "concurrent/futures/detail/map/map_stream.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/state/completion_waiter.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/future.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// One submitted task of a map.
template <class R>
struct MapTask {
    std::variant<Future<R>, Future<MapChunkResults<R>>> future;
    std::size_t items;
};

/// A map whose items are tasks, or chunks of items are.
template <class R>
class MapTasks final : public MapStream<R> {
  public:
    /// Submits everything now, or as much as the buffer holds. `pace`: set where the library chooses the chunks.
    MapTasks(std::unique_ptr<MapSource<MapTask<R>>> source, const MapOptions& options,
             std::optional<MapPace> pace, bool ordered, Deadline deadline)
        : source_(std::move(source)),
          deadline_(deadline),
          chunksize_(larger<std::size_t>(options.chunksize, 1)),
          buffersize_(options.buffersize),
          ordered_(ordered) {
        try {
            while (source_ && has_room()) submit_next(pace ? chunksize_for(*pace) : chunksize_);
        } catch (...) {
            cancel();
            throw;
        }
    }
    ~MapTasks() override {
        if (this->cancels_) cancel();
    }

    void cancel() noexcept override;
    std::optional<std::size_t> beyond() const noexcept override {
        if (source_) return std::nullopt;
        return untaken_ + (taken_ && current_ ? 1 : 0);
    }

  private:
    using Task = MapTask<R>;
    using Chunk = MapChunkResults<R>;
    struct Slot {
        std::optional<Task> task;
        std::size_t next_free = 0;  // while it is in the list of free places
    };
    static constexpr std::size_t no_place = static_cast<std::size_t>(-1);

    bool is_at_end() const noexcept override { return waiting_ == 0 && !current_ && !error_; }
    MapReference<R> wait_for_current() override;
    void skip() override;
    void turn_page() override {}

    bool has_room() const noexcept { return !buffersize_ || untaken_ < *buffersize_; }
    std::size_t chunksize_for(MapPace& pace);
    void submit_next(std::size_t items);
    void refill() noexcept;
    void choose_task();
    bool wait_for_any();
    static SharedState& state_of(Task& task) {
        return std::visit([](auto& future) -> SharedState& { return FutureAccess::state(future, "map"); },
                          task.future);
    }
    [[noreturn]] void expire();

    std::unique_ptr<MapSource<MapTask<R>>> source_;  // null: no more input
    Deadline deadline_;
    const std::size_t chunksize_;
    std::optional<std::size_t> buffersize_;
    const bool ordered_;
    CompletionWaiter waiter_;      // of tasks_ when unordered
    // Submitted, in order; empty where chosen already. Unordered, while there is more input, empty places are used again:
    // behind a task that takes long there may be any number of others.
    std::deque<Slot> tasks_;
    std::deque<std::optional<Watch>> watches_;  // of tasks_, when unordered; declared after them, destroyed before them
    std::size_t free_ = no_place;  // the first of them
    std::size_t first_ = 0;        // the id of tasks_.front()
    std::size_t waiting_ = 0;      // tasks_ that are not empty
    std::size_t untaken_ = 0;       // items submitted and not yet asked for with *it
    std::size_t known_ended_ = 0;   // tasks, when they are looked at in order
    std::size_t ended_items_ = 0;   // in those
    std::size_t ahead_ = tuning::map_tasks_ahead;       // tasks submitted and not ended: then it waits to know the pace
    const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::duration waited_{};  // since then, to know the pace
    std::exception_ptr error_;      // the input or the executor failed: the last element
    std::optional<Task> current_;   // the task whose items are given out
    Chunk chunk_;                   // its results, when it has more than one
    std::size_t index_ = 0;         // in current_
    bool taken_ = false;            // the current item was asked for
    [[no_unique_address]] std::monostate unit_;  // what a void call yields
};

/// The submitter is quicker than the workers. If it went on, it would submit everything in chunks that are too small,
/// because the pace is not known yet. So it waits while many tasks are ahead and more results may change the answer.
/// If nothing ends, it goes on to twice as many: the items may be long. In all it waits at most as long as submitting
/// has taken, plus 50 ms, and not beyond the map's own time limit.
template <class R>
std::size_t MapTasks<R>::chunksize_for(MapPace& pace) {
    using Clock = std::chrono::steady_clock;
    constexpr auto longest_wait = tuning::longest_wait_for_pace, patience = tuning::patience_for_pace;
    const auto future_of = [&](std::size_t task) -> auto& { return tasks_[task].task->future; };
    const auto count_ended = [&] {
        const auto done = [](const auto& future) { return future.done(); };
        for (; known_ended_ < tasks_.size() && std::visit(done, future_of(known_ended_)); ++known_ended_)
            ended_items_ += tasks_[known_ended_].task->items;
        return pace.items_per_task(ended_items_);
    };
    std::size_t items = count_ended();
    while (tasks_.size() - known_ended_ >= ahead_ && !pace.is_settled() && !this_worker &&
           !served_pool && !deadline_.passed()) {
        const Clock::time_point begin = Clock::now();
        if (2 * waited_ > patience + (begin - began_)) break;
        const auto wait = [&](const auto& future) { return future.wait_for(longest_wait); };
        if (std::visit(wait, future_of(known_ended_)) == std::future_status::timeout)
            ahead_ = 2 * (tasks_.size() - known_ended_);
        waited_ += Clock::now() - begin;
        items = count_ended();
    }
    return items;
}

template <class R>
void MapTasks<R>::submit_next(std::size_t items) {
    const std::size_t room =
        buffersize_ ? *buffersize_ - untaken_ : (std::numeric_limits<std::size_t>::max)();
    std::optional<Task> task = source_->next(smaller(items, room));
    if (!task) {
        source_.reset();
        return;
    }
    const std::size_t place = free_ != no_place ? free_ : tasks_.size();
    if (!ordered_ && watches_.size() <= place) watches_.emplace_back();
    Slot& slot = free_ != no_place ? tasks_[free_] : tasks_.emplace_back();
    if (free_ != no_place) free_ = slot.next_free;
    slot.task = std::move(task);
    ++waiting_;
    untaken_ += slot.task->items;
    if (!ordered_) watches_[place].emplace(waiter_, state_of(*slot.task), first_ + place).start();
}

template <class R>
void MapTasks<R>::refill() noexcept {
    try {
        while (source_ && has_room()) submit_next(chunksize_);
    } catch (...) {  // given out after what was submitted before
        error_ = std::current_exception();
        source_.reset();
    }
}

template <class R>
void MapTasks<R>::choose_task() {
    std::size_t place = 0;
    if (!ordered_) {
        const Watch* ended = nullptr;
        while (!(ended = waiter_.try_take()))
            if (!wait_for_any()) expire();
        place = ended->index() - first_;
        watches_[place].reset();
    }
    --waiting_;
    current_ = std::exchange(tasks_[place].task, std::nullopt);
    if (!ordered_ && source_)
        tasks_[place].next_free = std::exchange(free_, place);
    else
        for (; !tasks_.empty() && !tasks_.front().task; ++first_) {
            tasks_.pop_front();
            if (!ordered_) watches_.pop_front();
        }
    index_ = 0;
    chunk_.clear();
}

/// Blocks until one more task has ended; false when the time is up first.
template <class R>
bool MapTasks<R>::wait_for_any() {
    Trampoline::catch_up();
    const auto last_resort = [&] {
        const RunHere way{.last_resort = true, .deadline = deadline_};
        for (Slot& slot : tasks_)
            if (slot.task && state_of(*slot.task).run_here(way)) return true;
        return false;
    };
    if ((waiting_ == 1 && deadline_.is_never()) || served_pool)
        while (!waiter_.has_one() && !deadline_.passed() && last_resort()) continue;
    BlockingWorker* worker = this_worker;
    if (!worker) {  // all tasks are of one pool: any of them knows. Few places before it are empty
        auto open = tasks_.begin();
        while (open != tasks_.end() && !open->task) ++open;
        if (open != tasks_.end()) worker = state_of(*open->task).worker_here();
    }
    if (waiter_.has_one()) return true;
    if (fork_generation() != 0 && !deadline_.passed()) {  // all tasks are of one pool
        for (Slot& slot : tasks_)
            if (slot.task)
                if (const std::exception_ptr error = state_of(*slot.task).why_left_in_parent()) std::rethrow_exception(error);
    }
    return waiter_.wait_for_one(deadline_, worker, last_resort);
}

template <class R>
MapReference<R> MapTasks<R>::wait_for_current() {
    if (!taken_) {
        taken_ = true;
        if (!error_ || current_ || waiting_ != 0) --untaken_;
        refill();
    }
    if (!current_ && waiting_ == 0) std::rethrow_exception(error_);
    if (!current_) choose_task();
    const auto settled = [&]<class T>(const Future<T>& future) -> auto& {
        auto& state = FutureAccess::state(future, "map");
        if (!state.wait(deadline_)) expire();
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
    if (index_ >= chunk_.size())
        throw SerializationError("map: a worker sent " + std::to_string(chunk_.size()) + " results for " +
                                 std::to_string(current_->items) + " items");
    auto& outcome = chunk_[index_];
    if (auto* const error = std::get_if<1>(&outcome)) {
        if (!*error) throw SerializationError("map: a worker sent no exception where one was announced");
        std::rethrow_exception(*error);
    }
    if constexpr (std::is_reference_v<R>)
        return static_cast<R>(*std::get<0>(outcome));
    else
        return std::move(std::get<0>(outcome));
}

template <class R>
void MapTasks<R>::skip() {
    if (!taken_ && !is_at_end()) {  // skipped without a look
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
void MapTasks<R>::expire() {
    const std::size_t left = untaken_ + 1;
    cancel();
    throw TimeoutError("map: " + std::to_string(left) +
                       " results were still to come when the time was up; what had not started is cancelled");
}

template <class R>
void MapTasks<R>::cancel() noexcept {
    const auto cancel_task = [](Task& task) {
        std::visit([](const auto& future) { if (future.valid()) future.cancel(); }, task.future);
    };
    source_.reset();
    if (current_) cancel_task(*current_);
    for (Slot& slot : tasks_)
        if (slot.task) cancel_task(*slot.task);
    current_.reset();
    watches_.clear();
    tasks_.clear();
    waiting_ = 0;
    error_ = nullptr;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
