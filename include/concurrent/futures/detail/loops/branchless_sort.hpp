// SPDX-License-Identifier: MIT
//
// branchless_sort.hpp: a quicksort of small, trivially copyable elements whose code does not branch on a comparison.
//
//     if (looks_in_order(begin, end, less)) …                  // std::sort() is faster there
//     BranchlessSort<int, Less> sorter(less);
//     sorter.sort(begin, end, nullptr, most_divisions(size));  // or divide() it, and sort() the two parts elsewhere
//
// In random data the processor guesses half of the comparisons wrong, and each costs it some fifteen cycles: two thirds of
// std::sort(). Here an element moves in each step, and the comparison only decides how far a pointer goes (Lomuto's
// partition as a cycle of moves, Bergdoll and Peters 2023). Parts of up to eight elements are sorted by networks.
// Elements equal to a pivot before them are put aside at once, as in pdqsort (Peters 2021), so few values are sorted in O(n).
// Parts that were divided badly many times are left to a heap. Threads: parts that do not overlap, from any number; the
// element before a part is read by several.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <functional>
#include <iterator>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class Iterator>
concept SortableWithoutBranches =
    std::contiguous_iterator<Iterator> &&
    std::is_same_v<std::iter_reference_t<Iterator>, std::iter_value_t<Iterator>&> &&
    std::is_trivially_copyable_v<std::iter_value_t<Iterator>> && std::is_copy_constructible_v<std::iter_value_t<Iterator>> &&
    std::is_copy_assignable_v<std::iter_value_t<Iterator>> &&
    sizeof(std::iter_value_t<Iterator>) <= tuning::largest_branchless_element;

/// So many divisions are enough if they are not much worse than halves.
inline int most_divisions(std::size_t size) noexcept { return 2 * static_cast<int>(std::bit_width(size)); }

/// Judged by a few neighbours: where they seldom change between rising and falling, branches are guessed right.
template <class T, class Less>
bool looks_in_order(T* begin, T* end, Less& less) {
    const std::size_t size = static_cast<std::size_t>(end - begin);
    const std::size_t samples = smaller(size / 8, tuning::order_samples);
    if (samples == 0) return true;
    const std::size_t step = (size - 2) / samples;
    std::size_t turns = 0;
    for (std::size_t sample = 0; sample != samples; ++sample) {
        T* const at = begin + sample * step;
        turns += static_cast<bool>(less(at[1], at[0])) != static_cast<bool>(less(at[2], at[1]));
    }
    return turns * 8 <= samples;
}

template <class T, class Less>
class BranchlessSort {
  public:
    /// In a part that was divided: the end of what is left to sort before the element at `middle`, which is in its place.
    struct Division {
        T* left_end;
        T* middle;
    };

    explicit BranchlessSort(Less& less) noexcept : less_(less) {}

    /// `before`: an element that none of the part is less than; or null.
    void sort(T* begin, T* end, T* before, int divisions) {
        while (end - begin > largest_network) {
            if (divisions-- == 0) return sort_by_heap(begin, end);
            const Division division = divide(begin, end, before);
            sort(begin, division.left_end, before, divisions);
            before = division.middle;
            begin = before + 1;
        }
        sort_by_network(begin, end - begin);
    }
    /// The part has more than two elements.
    Division divide(T* begin, T* end, T* before) {
        std::swap(*begin, *pivot(begin, end));
        if (before && !less_(*before, *begin)) {  // the part has nothing less than this pivot: those equal to it go to the left
            return {begin, partition(begin, end, [this](T& one, T& middle) { return !less_(middle, one); })};
        }
        T* const middle = partition(begin, end, [this](T& one, T& at) -> bool { return less_(one, at); });
        return {middle, middle};
    }

  private:
    static constexpr std::ptrdiff_t largest_network = 8, nine_from = 128;

    /// Networks, from that for two elements to that for eight: the places that are put in order, one pair after the other.
    struct Pair {
        unsigned char low, high;
    };
    static constexpr Pair networks[65] = {
        {0, 1},
        {0, 2}, {0, 1}, {1, 2},
        {0, 2}, {1, 3}, {0, 1}, {2, 3}, {1, 2},
        {0, 3}, {1, 4}, {0, 2}, {1, 3}, {0, 1}, {2, 4}, {1, 2}, {3, 4}, {2, 3},
        {0, 5}, {1, 3}, {2, 4}, {1, 2}, {3, 4}, {0, 3}, {2, 5}, {0, 1}, {2, 3}, {4, 5}, {1, 2}, {3, 4},
        {0, 6}, {2, 3}, {4, 5}, {0, 2}, {1, 4}, {3, 6}, {0, 1}, {2, 5}, {3, 4}, {1, 2}, {4, 6}, {2, 3}, {4, 5}, {1, 2}, {3, 4}, {5, 6},
        {0, 2}, {1, 3}, {4, 6}, {5, 7}, {0, 4}, {1, 5}, {2, 6}, {3, 7}, {0, 1}, {2, 3}, {4, 5}, {6, 7}, {2, 4}, {3, 5}, {1, 4}, {3, 6},
        {1, 2}, {3, 4}, {5, 6}};
    static constexpr std::size_t network_begin[10] = {0, 0, 0, 1, 4, 9, 18, 30, 46, 65};  // by number of elements

    /// Gives the element that has only such before it that belong there; it was the first one.
    template <class BelongsBefore>
    static T* partition(T* begin, T* end, BelongsBefore belongs_before) {
        T* low = begin + 1;
        if (low != end) {
            // One element is outside, so there is a gap; it comes back in the end, or when a comparison throws.
            struct Gap {
                T* at;
                T outside;
                ~Gap() { *at = outside; }
            };
            T middle = *begin;
            Gap gap{low, *low};
            const auto step = [&](T* one) {
                const bool before = belongs_before(*one, middle);
                *gap.at = *low;
                *low = *one;
                gap.at = one;
                low += before;
            };
            T* one = low + 1;
            for (; end - one >= 2; one += 2) {
                step(one);
                step(one + 1);
            }
            if (one != end) step(one);
            const bool before = belongs_before(gap.outside, middle);
            *gap.at = *low;
            gap.at = low;
            low += before;
        }
        --low;
        std::swap(*begin, *low);
        return low;
    }
    T* pivot(T* begin, T* end) {
        const std::ptrdiff_t eighth = (end - begin) / 8;
        T* const middle = begin + 4 * eighth;
        if (end - begin < nine_from) return median(begin, middle, end - 1);
        return median(median(begin + 1, begin + eighth / 2, begin + eighth),
                      median(begin + 3 * eighth, middle, begin + 5 * eighth),
                      median(begin + 6 * eighth, begin + 7 * eighth, end - 1));
    }
    T* median(T* a, T* b, T* c) {
        if (less_(*a, *b)) return less_(*b, *c) ? b : less_(*a, *c) ? c : a;
        return less_(*a, *c) ? a : less_(*b, *c) ? c : b;
    }

    void sort_by_heap(T* begin, T* end) {  // O(n log n) whatever the order, and within the part if it is none
        std::make_heap(begin, end, std::ref(less_));
        std::sort_heap(begin, end, std::ref(less_));
    }
    void sort_by_network(T* begin, std::ptrdiff_t size) {
        if constexpr (std::is_arithmetic_v<T>) {
            switch (size) {  // in registers
                case 2: return sort_unrolled<2>(begin);
                case 3: return sort_unrolled<3>(begin);
                case 4: return sort_unrolled<4>(begin);
                case 5: return sort_unrolled<5>(begin);
                case 6: return sort_unrolled<6>(begin);
                case 7: return sort_unrolled<7>(begin);
                case 8: return sort_unrolled<8>(begin);
                default: return;
            }
        } else {
            const std::size_t count = static_cast<std::size_t>(size);
            for (std::size_t pair = network_begin[count]; pair != network_begin[count + 1]; ++pair)
                put_in_order(begin[networks[pair].low], begin[networks[pair].high]);
        }
    }
    template <std::size_t Count>
    void sort_unrolled(T* begin) {
        T elements[Count];
        for (std::size_t at = 0; at != Count; ++at) elements[at] = begin[at];
        constexpr std::size_t first = network_begin[Count];
        [&]<std::size_t... Pair>(std::index_sequence<Pair...>) {
            (put_in_order(elements[networks[first + Pair].low], elements[networks[first + Pair].high]), ...);
        }(std::make_index_sequence<network_begin[Count + 1] - first>());
        for (std::size_t at = 0; at != Count; ++at) begin[at] = elements[at];
    }
    void put_in_order(T& low, T& high) {
        const bool is_wrong = less_(high, low);
        if constexpr (std::is_integral_v<T>) {
            const T a = low, b = high;
            low = is_wrong ? b : a;
            high = is_wrong ? a : b;
        } else {  // compilers would branch here
            const T both[2] = {low, high};
            low = both[is_wrong];
            high = both[!is_wrong];
        }
    }

    Less& less_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
