// SPDX-License-Identifier: MIT
//
// sort.hpp: sorts in place, in parallel, on any executor that runs tasks in this process.
//
//     cf::sort(pool, names);
//     cf::sort(pool, orders, std::ranges::greater(), &Order::price);
//
// Equal elements may change places, as with std::sort(). The range needs random access. What a comparison throws comes out of
// the call; the elements are then as std::sort() leaves them. All else is as in algorithm.hpp.
//
// Quicksort: a part is divided by the median of nine of its elements, and the two parts are sorted side by side. Short
// parts are sorted in one thread, and those that were divided badly many times by std::sort(). Small elements that can be
// copied as bytes, such as numbers, are sorted without branches: detail/loops/branchless_sort.hpp.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <utility>

#include "concurrent/futures/algorithm.hpp"
#include "concurrent/futures/detail/loops/branchless_sort.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/executor.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

namespace detail {

template <class E, class Iterator, class Less>
class Sorting {
    using Difference = std::iter_difference_t<Iterator>;

  public:
    Sorting(E& pool, Less& less) noexcept : pool_(pool), less_(less) {}

    void run(Iterator begin, Iterator end, int divisions) {
        if (end - begin < shortest || divisions == 0) return std::sort(begin, end, std::ref(less_));
        const Iterator middle = divide(begin, end);
        parallel_invoke(pool_, [&] { run(begin, middle, divisions - 1); }, [&] { run(middle + 1, end, divisions - 1); });
    }

  private:
    static constexpr Difference shortest = tuning::shortest_sort;

    /// Puts an element into its place, with none that is greater before it and none that is less behind it. Gives that place.
    Iterator divide(Iterator begin, Iterator end) {
        const Difference eighth = (end - begin) / 8;
        Iterator medians[3];
        for (int third = 0; third < 3; ++third) {
            const Iterator at = begin + (1 + 3 * third * eighth);
            medians[third] = median(at, at + eighth / 2, at + eighth - 1);
        }
        std::iter_swap(begin, median(medians[0], medians[1], medians[2]));
        Iterator low = begin, high = end;
        for (;;) {
            do ++low; while (low != end && less_(*low, *begin));
            do --high; while (high != begin && less_(*begin, *high));
            if (low >= high) break;
            std::iter_swap(low, high);
        }
        std::iter_swap(begin, high);
        return high;
    }
    Iterator median(Iterator a, Iterator b, Iterator c) {
        if (less_(*a, *b)) return less_(*b, *c) ? b : less_(*a, *c) ? c : a;
        return less_(*a, *c) ? a : less_(*b, *c) ? c : b;
    }

    E& pool_;
    Less& less_;
};

/// The same, of elements that are sorted without branches.
template <class E, class T, class Less>
void sort_without_branches(E& pool, T* begin, T* end, T* before, int divisions, Less& less) {
    BranchlessSort<T, Less> sorter(less);
    while (end - begin >= tuning::shortest_sort && divisions != 0) {
        const auto [left_end, middle] = sorter.divide(begin, end, before);
        --divisions;
        if (left_end != begin) {
            return parallel_invoke(
                pool, [&, left_end = left_end] { sort_without_branches(pool, begin, left_end, before, divisions, less); },
                [&, middle = middle] { sort_without_branches(pool, middle + 1, end, middle, divisions, less); });
        }
        before = middle;
        begin = middle + 1;
    }
    sorter.sort(begin, end, before, divisions);
}

}  // namespace detail

/// Sorts by less(projection(a), projection(b)). Several threads call both at once.
template <class E, detail::InputRange Range, class Less = std::less<>, class Projection = std::identity>
void sort(E& pool, Range&& range, Less less = {}, Projection projection = {}) {
    detail::require_this_process<E>();
    const auto begin = detail::range_begin(range);
    const auto end = detail::range_end(range);
    static_assert(std::random_access_iterator<std::remove_cv_t<decltype(begin)>>,
                  "sort needs a range with random access, such as a std::vector or a std::deque");
    auto before = [&](auto&& a, auto&& b) -> bool {
        return std::invoke(less, std::invoke(projection, std::forward<decltype(a)>(a)),
                           std::invoke(projection, std::forward<decltype(b)>(b)));
    };
    using Iterator = std::remove_cv_t<decltype(begin)>;
    const Iterator last = begin + (end - begin);
    const int divisions = detail::most_divisions(static_cast<std::size_t>(last - begin));
    const bool is_alone = detail::worker_count(pool) == 1;
    if constexpr (detail::SortableWithoutBranches<Iterator>) {
        using T = std::iter_value_t<Iterator>;
        T* const first = std::to_address(begin);
        T* const behind = first + (last - begin);
        if (!detail::looks_in_order(first, behind, before)) {
            if (is_alone) return detail::BranchlessSort<T, decltype(before)>(before).sort(first, behind, nullptr, divisions);
            return detail::sort_without_branches<E, T>(pool, first, behind, nullptr, divisions, before);
        }
    }
    if (is_alone || !detail::are_apart<Iterator>) return std::sort(begin, last, before);
    detail::Sorting<E, Iterator, decltype(before)>(pool, before).run(begin, last, divisions);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
