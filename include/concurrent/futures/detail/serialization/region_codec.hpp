// SPDX-License-Identifier: MIT
//
// region_codec.hpp: shared memory as bytes: its name, 32 bytes, at any offset.
#pragma once

#include <cstring>
#include <memory>
#include <typeinfo>
#include <utility>

#include "concurrent/futures/detail/memory/shared_region.hpp"
#include "concurrent/futures/detail/serialization/decoder.hpp"
#include "concurrent/futures/detail/serialization/encoder.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline void encode_region(Encoder& encoder, std::shared_ptr<SharedRegion> region) {
    encoder.write_bytes(&region->name(), sizeof(RegionName));
    encoder.keep(std::move(region));
}

/// Throws SerializationError when this process cannot have it, or it is of another kind.
inline std::shared_ptr<SharedRegion> decode_region(Decoder& decoder, bool is_constant, const std::type_info& type) {
    RegionName name;
    std::memcpy(&name, decoder.read(sizeof name, type), sizeof name);
    if (name.is_constant != std::uint64_t{is_constant}) decoder.fail(type, "the bytes name no such shared memory");
    return SharedRegion::resolve(name);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
