// SPDX-License-Identifier: MIT
//
// dispenso.hpp: dispenso, and its name for the table.
//
// By its own choice a submitter that is far ahead runs tasks itself, and so does one that waits. That is left
// as it is, but in round_trip, where a trip is to be a trip.
#pragma once

#include <benchmark/benchmark.h>
#include <dispenso/future.h>
#include <dispenso/parallel_for.h>
#include <dispenso/task_set.h>
#include <dispenso/thread_pool.h>

#include <string>

namespace benchmarks {

/// Shown in the table.
inline const bool dispenso_is_named = [] {
    benchmark::AddCustomContext("library", "dispenso " + std::to_string(DISPENSO_MAJOR_VERSION) + "." +
                                               std::to_string(DISPENSO_MINOR_VERSION) + "." +
                                               std::to_string(DISPENSO_PATCH_VERSION));
    return true;
}();

}  // namespace benchmarks
