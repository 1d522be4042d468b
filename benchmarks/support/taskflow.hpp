// SPDX-License-Identifier: MIT
//
// taskflow.hpp: Taskflow, and its name for the table.
#pragma once

#include <benchmark/benchmark.h>

#include <string>
#include <taskflow/taskflow.hpp>

namespace benchmarks {

/// Shown in the table.
inline const bool taskflow_is_named = [] {
    benchmark::AddCustomContext("library", "Taskflow " + std::string(tf::version()));
    return true;
}();

}  // namespace benchmarks
