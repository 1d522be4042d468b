// SPDX-License-Identifier: MIT
//
// map_chunk.hpp: a task that runs several items of a map in a row, and what it returns. Used by maps whose calls run in
// other processes, and by maps with a chunksize and a buffersize.
#pragma once

#include <exception>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "concurrent/futures/detail/map/map_outcome.hpp"
#include "concurrent/futures/detail/memory/roomy_value.hpp"
#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/task/bound_call.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// The outcomes of the items of one task, each a value or its own exception.
template <class R>
using MapChunkResults = std::vector<std::variant<MapItem<R>, std::exception_ptr>>;

/// The task that runs several items in a row.
template <class Callable>
struct MapChunk {
    static constexpr const char* library_name = "map";
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
                    RoomyValue<MapItem<R>> result([&]() -> R { return std::apply(callable, std::move(input)); });
                    results.emplace_back(std::in_place_index<0>, std::move(*result));
                }
            } catch (ForcedUnwind&) {
                throw;
            } catch (...) {
                results.emplace_back(std::in_place_index<1>, std::current_exception());
            }
        }
        return results;
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
