// SPDX-License-Identifier: MIT
//
// worker_configuration.hpp: the first frame that every worker gets, from the settings of its pool.
#pragma once

#include <exception>
#include <new>
#include <utility>

#include "concurrent/futures/detail/processes/process_settings.hpp"
#include "concurrent/futures/detail/processes/worker_process.hpp"
#include "concurrent/futures/detail/serialization/exception_codec.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

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
