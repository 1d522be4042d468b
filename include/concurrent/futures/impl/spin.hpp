// SPDX-License-Identifier: MIT
//
// impl/spin.hpp: whether there is another processor; see impl/src.hpp.
#pragma once

#include "concurrent/futures/detail/platform/processor_count.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

CONCURRENT_FUTURES_DECL bool has_several_processors() noexcept { return processors_of_affinity() > 1; }

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
