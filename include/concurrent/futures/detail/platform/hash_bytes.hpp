// SPDX-License-Identifier: MIT
//
// hash_bytes.hpp: a hash that is the same in every process.
#pragma once

#include <cstddef>
#include <cstdint>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// FNV-1a, 64 bits. Fowler, Noll, Vo; draft-eastlake-fnv.
inline std::uint64_t hash_bytes(const void* data, std::size_t size,
                                std::uint64_t hash = 0xcbf29ce484222325u) noexcept {
    const auto* const bytes = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
