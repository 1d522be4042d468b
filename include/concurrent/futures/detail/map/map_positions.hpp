// SPDX-License-Identifier: MIT
//
// map_positions.hpp: what may be an input of a map (InputRange, MapInput), and all inputs of a map walked in step
// (MapPositions).
#pragma once

#include <cstddef>
#include <iterator>
#include <tuple>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/range_ends.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class Range>
concept InputRange = requires(Range& range) {
    range_begin(range) == range_end(range);
    *range_begin(range);
};

/// What a map hands on of each element: its value, also where the range gives out proxies.
template <class Range>
using MapInput = std::iter_value_t<decltype(range_begin(std::declval<Range&>()))>;

/// The element itself where it is to be copied from, or moved; a value where the range gives a proxy. Not a copy of each,
/// which would go by way of the stack.
template <class Range, class Element>
decltype(auto) map_input(Element&& element) {
    if constexpr (std::is_same_v<std::remove_cvref_t<Element>, MapInput<Range>>)
        return std::forward<Element>(element);
    else
        return MapInput<Range>(std::forward<Element>(element));
}

/// One place in each of the ranges.
template <class... Ranges>
class MapPositions {
  public:
    explicit MapPositions(std::tuple<Ranges...>& ranges)
        : MapPositions(ranges, std::index_sequence_for<Ranges...>()) {}

    bool at_end() const { return at_end(std::index_sequence_for<Ranges...>()); }
    void step() {
        std::apply([](auto&... place) { (static_cast<void>(++place), ...); }, places_);
    }
    template <class Use>
    decltype(auto) apply(Use use) {
        return std::apply([&](auto&... place) -> decltype(auto) { return use(*place...); }, places_);
    }
    /// How many elements the shortest range has, if that can be told at once; else 0.
    std::size_t count() const { return count(std::index_sequence_for<Ranges...>()); }

    /// Whether count() tells.
    static constexpr bool is_counted =
        (std::sized_sentinel_for<decltype(range_end(std::declval<Ranges&>())),
                                 decltype(range_begin(std::declval<Ranges&>()))> && ...);

    static constexpr bool can_be_read_twice =
        (std::forward_iterator<decltype(range_begin(std::declval<Ranges&>()))> && ...);

  private:
    template <std::size_t... Index>
    MapPositions(std::tuple<Ranges...>& ranges, std::index_sequence<Index...>)
        : places_(range_begin(std::get<Index>(ranges))...), ends_(range_end(std::get<Index>(ranges))...) {}
    template <std::size_t... Index>
    bool at_end(std::index_sequence<Index...>) const {
        return ((std::get<Index>(places_) == std::get<Index>(ends_)) || ...);
    }
    template <std::size_t... Index>
    std::size_t count(std::index_sequence<Index...>) const {
        if constexpr (is_counted)
            return smaller(static_cast<std::size_t>(std::get<Index>(ends_) - std::get<Index>(places_))...);
        else
            return 0;
    }

    std::tuple<decltype(range_begin(std::declval<Ranges&>()))...> places_;
    std::tuple<decltype(range_end(std::declval<Ranges&>()))...> ends_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
