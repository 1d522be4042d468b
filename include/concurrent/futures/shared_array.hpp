// SPDX-License-Identifier: MIT
//
// shared_array.hpp: an array that all processes of the program see at the same time.
//
//     cf::SharedArray<double> image(width * height);           // zeros
//     pool.submit(blur, image, first_row, last_row);           // void blur(std::span<double> image, int, int)
//     image[0];                                                // what blur wrote, after its future has ended
//
// A handle, as cheap to copy as a std::shared_ptr: copies refer to the same array, also in other processes, on threads
// and inline. The elements are never copied: a task and its result carry 32 bytes that name the array, and each process
// maps it once. A parameter may be a SharedArray<T>, a std::span<T> or a std::span<const T>. Arrays may be members of
// other values that cross, and tasks may make and return them.
// Threads: as a std::shared_ptr to an array. Any number of threads may read. A write must happen before the other
// accesses, by a future or by std::atomic_ref, which works between processes where it is lock-free.
// Memory: the array lives until its last handle in any process is gone, also if processes die; then the kernel frees
// it. All of its memory is reserved from the beginning; max_memory_bytes does not count it. Each array takes a
// descriptor in every process that has it, and whole pages, so use a few large arrays rather than many small ones. A
// pool of StartMethod::fork keeps the arrays that existed when it was made. Workers keep an array mapped until the
// pool's process has no handle to it.
#pragma once

#include "concurrent/futures/detail/platform/process_requirements.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/serialization/region_codec.hpp"
#include "concurrent/futures/serialization.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
namespace detail {

template <class Range>
using ElementOf = std::remove_cvref_t<decltype(*std::begin(std::declval<Range&>()))>;

}  // namespace detail

/// An array of T that all processes map. T is trivially copyable and means the same in every process: no pointers.
template <class T>
class SharedArray {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_const_v<T>,
                  "SharedArray<T>: T must be trivially copyable and not const, since several processes see the "
                  "same bytes");
    static_assert(!std::is_pointer_v<T> && !std::is_member_pointer_v<T>,
                  "SharedArray<T>: pointers mean nothing in another process; share positions in the array");
    static_assert(alignof(T) <= 4096, "SharedArray<T>: alignof(T) must be at most 4096, the size of a page");

  public:
    using value_type = T;
    using size_type = std::size_t;
    using iterator = T*;

    /// Empty, without memory.
    SharedArray() noexcept = default;
    /// `size` elements whose bytes are all zero. Throws std::bad_alloc when there is no memory, std::system_error
    /// when there are no descriptors.
    explicit SharedArray(std::size_t size) {
        if (size > static_cast<std::size_t>((std::numeric_limits<std::ptrdiff_t>::max)()) / sizeof(T))
            throw std::bad_alloc();
        if (size != 0) region_ = detail::SharedRegion::over(detail::SharedBlock::make(size * sizeof(T)), false);
    }
    /// `size` times the same.
    SharedArray(std::size_t size, const T& value) : SharedArray(size) { std::fill_n(data(), size, value); }
    /// A copy of these elements.
    SharedArray(std::initializer_list<T> elements) : SharedArray(std::span<const T>(elements)) {}
    template <class Range>
        requires(!std::is_same_v<std::remove_cvref_t<Range>, SharedArray> &&
                 std::is_convertible_v<detail::ElementOf<Range>, T>)
    explicit SharedArray(Range&& elements)
        : SharedArray(static_cast<std::size_t>(std::distance(std::begin(elements), std::end(elements)))) {
        std::copy(std::begin(elements), std::end(elements), data());
    }

    /// The elements, as in std::span: writable through a handle that is const, too.
    T* data() const noexcept { return region_ ? reinterpret_cast<T*>(region_->data()) : nullptr; }
    std::size_t size() const noexcept { return region_ ? region_->size() / sizeof(T) : 0; }
    std::size_t size_bytes() const noexcept { return size() * sizeof(T); }
    bool empty() const noexcept { return !region_; }
    T* begin() const noexcept { return data(); }
    T* end() const noexcept { return data() + size(); }
    T& operator[](std::size_t index) const noexcept { return data()[index]; }
    T& front() const noexcept { return data()[0]; }
    T& back() const noexcept { return data()[size() - 1]; }
    /// Throws std::out_of_range.
    T& at(std::size_t index) const {
        if (index >= size())
            throw std::out_of_range("SharedArray::at: " + std::to_string(index) + " of " + std::to_string(size()));
        return data()[index];
    }

    /// A view, valid as long as this process has a handle.
    std::span<T> span() const noexcept { return {data(), size()}; }
    operator std::span<T>() const&& noexcept { return span(); }  // all others std::span converts itself

    /// True for handles to the same array: what is written through one is seen through the other.
    friend bool operator==(const SharedArray& a, const SharedArray& b) noexcept = default;

  private:
    friend detail::BuiltinCodec<SharedArray>;

    std::shared_ptr<detail::SharedRegion> region_;
};

template <class Range>
SharedArray(Range&&) -> SharedArray<detail::ElementOf<Range>>;

namespace detail {

template <class T>
inline constexpr bool is_converted_there<SharedArray<T>> = true;

/// A byte that says whether there is any, and the name.
template <class T>
struct BuiltinCodec<SharedArray<T>> {
    static constexpr std::size_t minimum_size() { return 1; }
    static void encode(Encoder& encoder, const SharedArray<T>& array) {
        encoder.encode(!array.empty());
        if (!array.empty()) encode_region(encoder, array.region_);
    }
    static SharedArray<T> decode(Decoder& decoder) {
        SharedArray<T> array;
        if (!decoder.decode<bool>()) return array;
        array.region_ = decode_region(decoder, false, typeid(SharedArray<T>));
        if (array.region_->size() % sizeof(T) != 0)
            decoder.fail(typeid(SharedArray<T>), std::to_string(array.region_->size()) +
                                                     " bytes of shared memory are no number of elements of " +
                                                     std::to_string(sizeof(T)));
        return array;
    }
};

}  // namespace detail
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
