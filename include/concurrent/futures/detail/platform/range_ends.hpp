// SPDX-License-Identifier: MIT
//
// range_ends.hpp: where a range begins and ends, by the rules of the range-based for loop: an array, members begin() and
// end(), or functions of these names beside the type, as std::filesystem::directory_iterator has them.
//
//     for (auto place = range_begin(range); place != range_end(range); ++place)
//
// std::begin alone does not find functions beside the type, and std::ranges::begin is in a header that costs to compile.
#pragma once

#include <iterator>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class Range>
concept HasEndsOfStd = requires(Range& range) {
    std::begin(range);
    std::end(range);
};

template <class Range>
    requires HasEndsOfStd<Range>
constexpr auto range_begin(Range& range) {
    return std::begin(range);
}
template <class Range>
    requires HasEndsOfStd<Range>
constexpr auto range_end(Range& range) {
    return std::end(range);
}
template <class Range>
    requires(!HasEndsOfStd<Range>) && requires(Range& range) { begin(range); }
constexpr auto range_begin(Range& range) {
    return begin(range);
}
template <class Range>
    requires(!HasEndsOfStd<Range>) && requires(Range& range) { end(range); }
constexpr auto range_end(Range& range) {
    return end(range);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
