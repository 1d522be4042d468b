// SPDX-License-Identifier: MIT
//
// bs_thread_pool.hpp: BS::thread_pool without its optional features, and its name for the table.
#pragma once

#include <benchmark/benchmark.h>

#include <BS_thread_pool.hpp>
#include <string>

namespace benchmarks {

using BsPool = BS::light_thread_pool;

/// Shown in the table.
inline const bool bs_thread_pool_is_named = [] {
    benchmark::AddCustomContext("library", "BS::thread_pool " + BS::thread_pool_version.to_string());
    return true;
}();

}  // namespace benchmarks
