// SPDX-License-Identifier: MIT
//
// find.hpp: parallel searches that stop early, on any executor that runs tasks in this process.
//
//     auto at = cf::find_if(pool, words, [](const std::string& word) { return word.empty(); });   // the first one
//     if (cf::any_of(pool, points, is_outside)) …                                                 // all_of, none_of
//
// find_if() gives the first element that matches, as std::find_if() does. Once a match is known, threads stop looking at
// elements after it; they may have looked at some before. All else is as in algorithm.hpp: the caller takes part, short
// searches wake no worker, and the predicate is one object that several threads call at once.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <cstddef>
#include <functional>
#include <iterator>
#include <utility>

#include "concurrent/futures/algorithm.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

namespace detail {

/// The number of the first element that matches, or how many there are.
template <class E, class Range, class Predicate>
std::size_t find_index(E& pool, Range& range, Predicate& predicate) {
    return with_random_access(range, [&](auto first, std::size_t size) {
        Atomic<std::size_t> best{size};
        const auto body = [&, first](std::size_t begin, std::size_t end) {
            constexpr std::size_t stretch = tuning::find_stretch;  // elements between two looks at what others have found
            while (begin != end) {
                // relaxed, all: the number only goes down, and the end of the loop hands it over.
                if (begin >= best.load(std::memory_order_relaxed)) return;
                for (const std::size_t stop = smaller(end, begin + stretch); begin != stop; ++begin) {
                    if (!std::invoke(predicate, element(first, begin))) continue;
                    std::size_t seen = best.load(std::memory_order_relaxed);  // relaxed: as above
                    while (begin < seen && !best.compare_exchange_weak(seen, begin, std::memory_order_relaxed)) {
                    }
                    return;
                }
            }
        };
        run_loop<Predicate>(pool, size, body);
        return best.load(std::memory_order_relaxed);  // relaxed: as above
    });
}

}  // namespace detail

/// The first element for which the predicate is true, or the end of the range.
template <class E, detail::InputRange Range, class Predicate>
auto find_if(E& pool, Range&& range, Predicate predicate) {
    static_assert(std::forward_iterator<detail::IteratorOf<Range>>,
                  "find_if gives a place in the range, so the range must be one that can be walked twice");
    const std::size_t index = detail::find_index(pool, range, predicate);
    auto place = detail::range_begin(range);
    std::advance(place, static_cast<std::iter_difference_t<decltype(place)>>(index));
    return place;
}

/// Whether the predicate is true for an element.
template <class E, detail::InputRange Range, class Predicate>
bool any_of(E& pool, Range&& range, Predicate predicate) {
    detail::Atomic<bool> found{false};
    auto match = [&](auto&& one) {
        if (!std::invoke(predicate, std::forward<decltype(one)>(one))) return false;
        // relaxed: the end of the loop hands it over.
        found.store(true, std::memory_order_relaxed);
        return true;
    };
    static_cast<void>(detail::find_index(pool, range, match));
    return found.load(std::memory_order_relaxed);  // relaxed: as above
}

/// Whether it is true for none.
template <class E, detail::InputRange Range, class Predicate>
bool none_of(E& pool, Range&& range, Predicate predicate) {
    return !concurrent::futures::any_of(pool, range, std::move(predicate));
}

/// Whether it is true for all.
template <class E, detail::InputRange Range, class Predicate>
bool all_of(E& pool, Range&& range, Predicate predicate) {
    return !concurrent::futures::any_of(pool, range, [&](auto&& one) {
        return !std::invoke(predicate, std::forward<decltype(one)>(one));
    });
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
