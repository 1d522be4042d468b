// SPDX-License-Identifier: MIT
//
// start_map.hpp: begins a map with the engine that suits its executor and its options.
//
//     calls run in this process, no buffersize     MapJob: workers share the items out among themselves
//     other process, or a buffersize               MapTasks: each task is an item or a chunk of items
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/map/map_inputs.hpp"
#include "concurrent/futures/detail/map/map_job_results.hpp"
#include "concurrent/futures/detail/map/map_pace.hpp"
#include "concurrent/futures/detail/map/map_stream.hpp"
#include "concurrent/futures/detail/map/map_tasks.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/options.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Tasks of this kind of submitter run in other processes, on copies of what is submitted.
template <class Submitter>
inline constexpr bool leaves_the_process = false;
class ProcessSubmitter;
template <>
inline constexpr bool leaves_the_process<ProcessSubmitter> = true;

/// Takes the input as the options say, and submits. The options have been checked.
template <class R, class Submitter, class Callable, class... Ranges>
std::unique_ptr<MapStream<R>> start_map(const Submitter& submitter, std::size_t workers, bool ordered,
                                        const MapOptions& options, const Deadline& deadline, Callable&& callable,
                                        Ranges&&... ranges) {
    if constexpr (!leaves_the_process<Submitter>) {
        if (!options.buffersize) {
            auto results = std::make_unique<MapJobResults<R>>(ordered, deadline);
            results->start(submitter, workers, options.chunksize, std::forward<Callable>(callable),
                           std::forward<Ranges>(ranges)...);
            return results;
        }
    }
    std::optional<MapPace> pace;
    if constexpr (leaves_the_process<Submitter>)
        if (options.chunksize == 0 && !options.buffersize) pace.emplace(workers, Submitter::at_once(workers));
    using Inputs = MapInputs<MapTask<R>, Submitter, std::decay_t<Callable>, Ranges...>;
    auto inputs =
        std::make_unique<Inputs>(submitter, std::forward<Callable>(callable), std::forward<Ranges>(ranges)...);
    return std::make_unique<MapTasks<R>>(std::move(inputs), options, pace, ordered, deadline);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
