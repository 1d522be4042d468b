// SPDX-License-Identifier: MIT
//
// worker_configuration.hpp: the first frame that every worker gets, from the settings of its pool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <span>
#include <utility>

#include "concurrent/futures/detail/processes/process_settings.hpp"
#include "concurrent/futures/detail/processes/worker_process.hpp"
#include "concurrent/futures/detail/serialization/exception_codec.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Body of a configure frame. Empty calls: none.
struct WorkerConfiguration {
    std::uint64_t program;       // program_identity() of the pool
    std::uint64_t memory_limit;  // bytes; 0: none
    std::span<const std::byte> initializer;
    std::span<const std::byte> worker_exit;
    std::span<const std::byte> out_of_memory;  // std::bad_alloc as bytes, for when there is none to encode it
};

inline void encode_configuration(Encoder& encoder, const WorkerConfiguration& configuration) {
    encoder.write_u64(configuration.program);
    encoder.write_u64(configuration.memory_limit);
    for (const auto part :
         {configuration.initializer, configuration.worker_exit, configuration.out_of_memory}) {
        encoder.write_u64(part.size());
        encoder.align(16);
        encoder.write_bytes(part.data(), part.size());
    }
}

/// The body of the frame that every worker gets first.
inline ByteBuffer configuration_of(const ProcessSettings& settings) {
    Encoder encoder;
    Encoder out_of_memory;
    encode_exception(out_of_memory, std::make_exception_ptr(std::bad_alloc()));
    encode_configuration(encoder, {program_identity(), settings.max_memory_bytes,
                                   settings.initializer.bytes(), settings.worker_exit.bytes(),
                                   out_of_memory.bytes()});
    return std::move(encoder).take();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
