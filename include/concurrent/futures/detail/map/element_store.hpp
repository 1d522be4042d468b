// SPDX-License-Identifier: MIT
//
// element_store.hpp: memory for elements that are added one by one and never move.
//
//     ElementStore<int> store(1000);                  // an expected number, or 0
//     store.make_room(0);
//     std::construct_at(store.at(0), 7);              // constructed and destroyed by the owner
//
// Segments of doubling size: one allocation where the number was known, else log2 of the number.
// Threads: one adds; others may use what was handed over to them. The destructor frees memory only.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <memory>

#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class T>
class ElementStore {
  public:
    explicit ElementStore(std::size_t expected) noexcept
        : shift_(static_cast<unsigned>(std::bit_width(larger<std::size_t>(expected, tuning::least_map_store) - 1))) {}
    ElementStore(const ElementStore&) = delete;
    ElementStore& operator=(const ElementStore&) = delete;
    ~ElementStore() {
        for (std::size_t number = 0; number < segments_.size() && segments_[number]; ++number)
            std::allocator<T>().deallocate(segments_[number], capacity(number));
    }

    /// Before the first use of at(index); indexes in order.
    void make_room(std::size_t index) {
        const std::size_t number = segment_of(index);
        if (!segments_[number]) segments_[number] = std::allocator<T>().allocate(capacity(number));
    }
    T* at(std::size_t index) const noexcept {
        const std::size_t number = segment_of(index);
        return segments_[number] + (index - first_of(number));
    }
    /// Consecutive elements that are next to each other in memory: no search for each element.
    class Run {
      public:
        Run() = default;
        bool has(std::size_t index) const noexcept { return index - first_ < size_; }
        T* at(std::size_t index) const noexcept { return elements_ + (index - first_); }
        std::size_t end() const noexcept { return first_ + size_; }

      private:
        friend ElementStore;
        Run(T* elements, std::size_t first, std::size_t size) noexcept
            : elements_(elements), first_(first), size_(size) {}
        T* elements_ = nullptr;
        std::size_t first_ = 0, size_ = 0;
    };
    Run run_of(std::size_t index) const noexcept {
        const std::size_t number = segment_of(index);
        return {segments_[number], first_of(number), capacity(number)};
    }
    /// The first index that is next to `index` in memory.
    std::size_t begin_of_run(std::size_t index) const noexcept { return first_of(segment_of(index)); }
    /// The first index behind `index` that is not next to it in memory.
    std::size_t end_of_run(std::size_t index) const noexcept {
        return first_of(segment_of(index) + 1);
    }

  private:
    std::size_t segment_of(std::size_t index) const noexcept {
        return static_cast<std::size_t>(std::bit_width((index >> shift_) + 1)) - 1;
    }
    std::size_t first_of(std::size_t number) const noexcept {
        return ((std::size_t{1} << number) - 1) << shift_;
    }
    std::size_t capacity(std::size_t number) const noexcept {
        return std::size_t{1} << (number + shift_);
    }

    const unsigned shift_;  // log2 of the first segment's size
    std::array<T*, 33> segments_{};
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
