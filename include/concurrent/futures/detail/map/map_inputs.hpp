// SPDX-License-Identifier: MIT
//
// map_inputs.hpp: reads the next items of a map from its ranges and submits them as one task (used by MapTasks).
//
//     std::unique_ptr<MapSource<Task>> source = …MapInputs<Task, …>(submitter, f, ranges...);
//     std::optional<Task> task = source->next(1);      // empty: no more input
//
// No element is read before it is asked for: ++ of an input that comes bit by bit waits for more. One thread at a time.
#pragma once

#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/map/map_chunk.hpp"
#include "concurrent/futures/detail/map/map_positions.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Where the tasks of a map come from: the inputs and the executor, whatever their types.
template <class Task>
class MapSource {
  public:
    virtual ~MapSource() = default;
    /// Submits the next `items` (or what is left) as one task; empty at the end of the shortest input.
    virtual std::optional<Task> next(std::size_t items) = 0;
};

/// Walks the inputs in step and submits. Keeps rvalue ranges, refers to lvalue ones.
template <class Task, class Submitter, class Callable, class... Ranges>
class MapInputs final : public MapSource<Task> {
  public:
    MapInputs(Submitter submitter, Callable callable, Ranges&&... ranges)
        : submitter_(std::move(submitter)),
          callable_(std::move(callable)),
          ranges_(std::forward<Ranges>(ranges)...) {}

    std::optional<Task> next(std::size_t items) override {
        if (items <= 1) {
            if (!reach_next()) return std::nullopt;
            return Task{positions_->apply([&](auto&&... element) {
                                  return submitter_.submit(
                                      callable_, map_input<Ranges>(std::forward<decltype(element)>(element))...);
                              }), 1};
        }
        std::vector<std::tuple<MapInput<Ranges>...>> inputs;
        while (inputs.size() < items && reach_next())
            positions_->apply([&](auto&&... element) {
                inputs.emplace_back(std::forward<decltype(element)>(element)...);
            });
        if (inputs.empty()) return std::nullopt;
        const std::size_t count = inputs.size();
        return Task{submitter_.submit(MapChunk<Callable>{callable_}, std::move(inputs)), count};
    }

  private:
    /// False at the end of the shortest input. Steps only now: ++ of an input that comes bit by bit waits for more.
    bool reach_next() {
        if (at_end_) return false;
        positions_ ? positions_->step() : static_cast<void>(positions_.emplace(ranges_));
        return !(at_end_ = positions_->at_end());
    }

    Submitter submitter_;
    Callable callable_;
    std::tuple<Ranges...> ranges_;  // T& for lvalues
    std::optional<MapPositions<Ranges...>> positions_;
    bool at_end_ = false;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
