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
//     wait_idle(), wait_idle_for(duration), cancel_pending(): of the library's own executors; not part of the concept
//     pause(), resume(), start_workers(), is_broken(): of thread and process pools
//
// The destructor shuts down and waits. All members may be called from several threads at once.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"
#include <concepts>
#include <cstddef>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/map/map_positions.hpp"
#include "concurrent/futures/detail/map/start_map.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/task/bound_call.hpp"
#include "concurrent/futures/future.hpp"
#include "concurrent/futures/map_results.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// An executor at one moment. Each number is exact at some time during the call of stats().
struct ExecutorStats {
    std::size_t workers;          ///< threads or processes that exist
    std::size_t idle;             ///< how many of them wait for work. The others run a task, or are starting or ending
    std::size_t pending;          ///< tasks that have not started
    std::size_t running;          ///< tasks that are running
    std::size_t completed;        ///< tasks that returned
    std::size_t failed;           ///< tasks that threw, timed out or lost their worker
    std::size_t cancelled;        ///< tasks cancelled before they started, or stopped by force after request_stop()
    std::size_t worker_restarts;  ///< worker processes that died; others start in their place when tasks need them
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

template <class Executor>
std::size_t worker_count(const Executor& executor) {
    if constexpr (requires { executor.max_workers(); })
        return larger<std::size_t>(executor.max_workers(), 1);
    else
        return 1;
}

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
    template <NotOptions<MapOptions> Callable, class... Ranges>
    auto map(Callable&& callable, Ranges&&... ranges) {
        return start(true, MapOptions{}, std::forward<Callable>(callable), std::forward<Ranges>(ranges)...);
    }
    template <class Callable, class... Ranges>
    auto map(const MapOptions& options, Callable&& callable, Ranges&&... ranges) {
        return start(true, options, std::forward<Callable>(callable), std::forward<Ranges>(ranges)...);
    }
    /// The same, but results come in the order in which the calls end.
    template <NotOptions<MapOptions> Callable, class... Ranges>
    auto map_unordered(Callable&& callable, Ranges&&... ranges) {
        return start(false, MapOptions{}, std::forward<Callable>(callable), std::forward<Ranges>(ranges)...);
    }
    template <class Callable, class... Ranges>
    auto map_unordered(const MapOptions& options, Callable&& callable, Ranges&&... ranges) {
        return start(false, options, std::forward<Callable>(callable), std::forward<Ranges>(ranges)...);
    }

  private:
    template <class Callable, class... Ranges>
    auto start(bool ordered, const MapOptions& options, Callable&& callable, Ranges&&... ranges) {
        static_assert(sizeof...(Ranges) > 0, "map(f, ranges...): give at least one range of inputs");
        static_assert((detail::InputRange<Ranges> && ...),
                      "map(f, ranges...): what follows f must be ranges, such as std::vector or "
                      "std::views::iota(0, n); to call f once with these arguments write submit(f, args...)");
        if constexpr ((detail::InputRange<Ranges> && ...))
            return start_checked(ordered, options, std::forward<Callable>(callable), std::forward<Ranges>(ranges)...);
    }
    template <class Callable, class... Ranges>
    auto start_checked(bool ordered, const MapOptions& options, Callable&& callable, Ranges&&... ranges) {
        static_assert(std::invocable<std::decay_t<Callable>&, detail::MapInput<Ranges>...>,
                      "map(f, ranges...): f cannot be called with one element of each range. Each "
                      "element is copied first, so f must take it by value or const reference");
        using F = std::decay_t<Callable>;
        if constexpr (requires { Derived::template check_call_of_map<F, detail::MapInput<Ranges>...>(); })
            Derived::template check_call_of_map<F, detail::MapInput<Ranges>...>();
        const detail::Deadline deadline = detail::Deadline::after(options.timeout);
        detail::require_not_negative(options.timeout, "MapOptions::timeout");
        if (options.buffersize && *options.buffersize == 0)
            throw std::invalid_argument("MapOptions::buffersize must be at least 1; leave it out for "
                                        "no bound");
        using R = detail::KeptResult<
            std::invoke_result_t<std::decay_t<Callable>&, detail::MapInput<Ranges>...>>;
        auto& executor = static_cast<Derived&>(*this);
        decltype(auto) submitter = executor.submitter();
        return MapResults<R>(detail::start_map<R>(submitter, detail::worker_count(executor), ordered, options, deadline,
                                                  std::forward<Callable>(callable),
                                                  std::forward<Ranges>(ranges)...));
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
