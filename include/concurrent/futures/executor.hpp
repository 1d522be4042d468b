// SPDX-License-Identifier: MIT
//
// executor.hpp: what every executor can do, so that code can be written for all of them.
//
//     void render(cf::Executor auto& pool, const std::vector<Scene>& scenes) {
//         for (Image& image : pool.map(draw, scenes)) …
//     }
//
//     submit(f, args...)            a Future of what f returns; throws without a trace, or it is queued
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

#include <chrono>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/task/bound_call.hpp"
#include "concurrent/futures/future.hpp"
#include "concurrent/futures/map_results.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline v1 {

/// A moment's view of an executor; each number is exact at some time during the call of stats().
struct ExecutorStats {
    std::size_t workers;          ///< threads or processes there are
    std::size_t idle;             ///< of them, waiting for work
    std::size_t pending;          ///< calls that have not started
    std::size_t running;          ///< calls being run
    std::size_t completed;        ///< calls that returned
    std::size_t failed;           ///< calls that threw, timed out or lost their worker
    std::size_t cancelled;        ///< calls cancelled before they started
    std::size_t worker_restarts;  ///< workers started in place of dead ones
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

template <class Range>
concept InputRange = requires(Range& range) {
    std::begin(range) == std::end(range);
    *std::begin(range);
};

/// What a map hands on of each element: its value, also where the range gives out proxies.
template <class Range>
using MapInput = std::iter_value_t<decltype(std::begin(std::declval<Range&>()))>;

/// Walks the inputs in step and submits. Keeps rvalue ranges, refers to lvalue ones.
template <class R, class Submitter, class Callable, class... Ranges>
class MapInputs final : public MapSource<R> {
  public:
    MapInputs(Submitter submitter, std::size_t chunksize, Callable callable, Ranges&&... ranges)
        : submitter_(std::move(submitter)),
          chunksize_(chunksize),
          callable_(std::move(callable)),
          ranges_(std::forward<Ranges>(ranges)...) {}

    std::optional<MapTask<R>> next(std::size_t items_at_most) override {
        if (!positions_) {
            std::apply([&](auto&... range) { positions_.emplace(std::begin(range)...); }, ranges_);
            std::apply([&](auto&... range) { ends_.emplace(std::end(range)...); }, ranges_);
        }
        if (chunksize_ <= 1 || items_at_most <= 1) {
            if (at_end()) return std::nullopt;
            MapTask<R> task{std::apply([&](auto&... position) {
                                return submitter_.submit(callable_, MapInput<Ranges>(*position)...);
                            }, *positions_), 1};
            step();
            return task;
        }
        std::vector<std::tuple<MapInput<Ranges>...>> inputs;
        for (; inputs.size() < std::min(chunksize_, items_at_most) && !at_end(); step())
            std::apply([&](auto&... position) { inputs.emplace_back(*position...); }, *positions_);
        if (inputs.empty()) return std::nullopt;
        const std::size_t items = inputs.size();
        return MapTask<R>{submitter_.submit(MapChunk<Callable>{callable_}, std::move(inputs)), items};
    }

  private:
    bool at_end() const { return at_end(std::index_sequence_for<Ranges...>()); }
    template <std::size_t... Index>
    bool at_end(std::index_sequence<Index...>) const {
        return ((std::get<Index>(*positions_) == std::get<Index>(*ends_)) || ...);
    }
    void step() {
        std::apply([](auto&... position) { (static_cast<void>(++position), ...); }, *positions_);
    }

    Submitter submitter_;
    std::size_t chunksize_;
    Callable callable_;
    std::tuple<Ranges...> ranges_;  // T& for lvalues
    std::optional<std::tuple<decltype(std::begin(std::declval<Ranges&>()))...>> positions_;
    std::optional<std::tuple<decltype(std::end(std::declval<Ranges&>()))...>> ends_;
};

}  // namespace detail

/// map and map_unordered for your own executor: derive from MapOperations<YourExecutor>, and give it a
/// `submitter()` whose copies can submit(f, args...) for as long as they live (see
/// examples/10_your_own_executor.cpp).
template <class Derived>
class MapOperations {
  public:
    /// Calls `callable` with a copy of one element of each range, in step, until the shortest ends. Its results
    /// come from the range that this returns (map_results.hpp), in the order of the input. An lvalue range must
    /// outlive that. Throws what submit throws, and std::invalid_argument for options that make no sense.
    template <NotOptions<MapOptions> Callable, detail::InputRange... Ranges>
    auto map(Callable&& callable, Ranges&&... ranges) {
        return map(MapOptions{}, std::forward<Callable>(callable), std::forward<Ranges>(ranges)...);
    }
    template <class Callable, detail::InputRange... Ranges>
    auto map(const MapOptions& options, Callable&& callable, Ranges&&... ranges) {
        return start(true, options, std::forward<Callable>(callable), std::forward<Ranges>(ranges)...);
    }
    /// The same in the order in which the calls end.
    template <NotOptions<MapOptions> Callable, detail::InputRange... Ranges>
    auto map_unordered(Callable&& callable, Ranges&&... ranges) {
        return map_unordered(MapOptions{}, std::forward<Callable>(callable),
                             std::forward<Ranges>(ranges)...);
    }
    template <class Callable, detail::InputRange... Ranges>
    auto map_unordered(const MapOptions& options, Callable&& callable, Ranges&&... ranges) {
        return start(false, options, std::forward<Callable>(callable),
                     std::forward<Ranges>(ranges)...);
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
        auto submitter = static_cast<Derived&>(*this).submitter();
        using Inputs = detail::MapInputs<R, decltype(submitter), std::decay_t<Callable>, Ranges...>;
        return MapResults<R>(
            std::make_unique<Inputs>(std::move(submitter), options.chunksize,
                                     std::forward<Callable>(callable), std::forward<Ranges>(ranges)...),
            options, ordered, deadline);
    }
};

}  // namespace concurrent::futures::inline v1
