// SPDX-License-Identifier: MIT
//
// shared_encoding.hpp: a value encoded into shared memory that no process can change.
//
//     std::shared_ptr<SharedRegion> region = encoded_in_memory(value);
//     Decoder decoder = decoder_of<T>(*region);             // there
//
// The bytes begin with a mark of the type, so that they are never none and never taken for another's. A large value is written where it stays, so that it is copied once, by its codec.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <typeinfo>
#include <utility>

#include "concurrent/futures/detail/memory/shared_region.hpp"
#include "concurrent/futures/detail/platform/hash_bytes.hpp"
#include "concurrent/futures/detail/platform/loaded_modules.hpp"
#include "concurrent/futures/detail/serialization/byte_buffer.hpp"
#include "concurrent/futures/detail/serialization/decoder.hpp"
#include "concurrent/futures/detail/serialization/encoder.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Gives a buffer one block, and a larger one when it grows.
class BlockStore final : public ByteStore {
  public:
    std::byte* allocate(std::size_t& size) noexcept override {
        try {
            SharedBlock block = SharedBlock::draft(size);
            outgrown_ = std::exchange(block_, std::move(block));
            return block_.data();
        } catch (...) {
            return nullptr;  // there may be some when the size is known
        }
    }
    void release(std::byte* data, std::size_t) noexcept override {
        SharedBlock& mine = data == block_.data() ? block_ : outgrown_;
        mine = SharedBlock();
    }
    /// The block of the bytes, which must be out.
    SharedBlock take() noexcept { return std::exchange(block_, {}); }

  private:
    SharedBlock block_;
    SharedBlock outgrown_;  // until the buffer has moved
};

template <class T>
std::uint64_t type_mark() {
    const char* const name = typeid(T).name();
    return hash_bytes(name, std::strlen(name));
}

/// Of the value. Throws SerializationError when the bytes are those of another type.
template <class T>
Decoder decoder_of(const SharedRegion& region) {
    Decoder decoder(region.bytes());
    if (decoder.read_u64() != type_mark<T>())
        decoder.fail(typeid(T), "the shared memory has a value of another type");
    return decoder;
}

/// Throws what codecs throw, std::bad_alloc, std::system_error.
template <class T>
std::shared_ptr<SharedRegion> encoded_in_memory(const T& value) {
    BlockStore store;
    Encoder encoder{ByteBuffer(&store)};
    encoder.write_u64(type_mark<T>());
    encoder.encode(value);
    ByteBuffer bytes = std::move(encoder).take();
    const std::size_t size = bytes.size();
    SharedBlock block;
    if (bytes.is_stored()) {
        block = store.take();
        bytes.detach();
    } else {
        block = SharedBlock::draft(size);
        std::memcpy(block.data(), bytes.data(), size);
    }
    block.freeze(size);
    auto region = SharedRegion::over(std::move(block), true);
    region->keep(bytes.regions.take());
    return region;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
