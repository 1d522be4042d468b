// SPDX-License-Identifier: MIT
//
// impl/parallelism.hpp: the processors that this process may use; see impl/src.hpp.
#pragma once

#include <cstddef>

#include "concurrent/futures/detail/platform/processor_count.hpp"
#include "concurrent/futures/parallelism.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

CONCURRENT_FUTURES_DECL std::size_t available_parallelism() { return detail::processor_count(); }

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
