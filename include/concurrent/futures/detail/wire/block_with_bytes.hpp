// SPDX-License-Identifier: MIT
//
// block_with_bytes.hpp: a call and its encoded bytes in one block of memory, unless the bytes are many.
//
//     CallRoom room;                                        // encode into it
//     auto* call = BlockWithBytes<Call>::make(std::move(bytes), …);
//     BlockWithBytes<Call>::free(call);                     // the Call's operator delete
#pragma once

#include <array>
#include <cstddef>
#include <new>
#include <utility>

#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/serialization/byte_buffer.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Where the bytes of a call are written first, so that they are in one block with it when their number is known.
struct CallRoom {
    alignas(16) std::array<std::byte, tuning::bytes_beside_call> bytes;  // not set to 0
};

/// Blocks of a Call with some bytes behind it. For a page of memory that has not been used before the system
/// takes about as long as for ten calls, so it is worth being small.
template <class Call>
struct BlockWithBytes {
    static constexpr std::size_t begin = (sizeof(Call) + 15) / 16 * 16;
    static constexpr bool over_aligned = alignof(Call) > __STDCPP_DEFAULT_NEW_ALIGNMENT__;

    /// The constructor must not throw. The bytes may lie in a CallRoom.
    template <class... Args>
    static Call* make(ByteBuffer&& bytes, Args&&... args) {
        const std::size_t count = bytes.size();
        const bool behind = count <= sizeof(CallRoom);
        const std::size_t size = begin + (behind ? count : 0);
        void* place = nullptr;
        if constexpr (over_aligned)
            place = ::operator new(size, std::align_val_t{alignof(Call)});
        else
            place = ::operator new(size);
        if (behind) bytes.move_to(static_cast<std::byte*>(place) + begin);
        return ::new (place) Call(std::move(bytes), std::forward<Args>(args)...);
    }
    static void free(void* place) noexcept {
        if constexpr (over_aligned)
            ::operator delete(place, std::align_val_t{alignof(Call)});
        else
            ::operator delete(place);
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
