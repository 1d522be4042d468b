// SPDX-License-Identifier: MIT
//
// parallelism.hpp: how many workers a pool has by default.
//
//     cf::ThreadPoolExecutor pool({.max_workers = 2 * cf::available_parallelism()});
//
// Like Python 3.13's os.process_cpu_count(). It also respects the quotas of containers.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <cstddef>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// Processors this process may use: its CPU affinity, cut to its cgroup's CPU quota (v1 and v2,
/// nested groups, a quota below one processor counts as one). At least 1. Reads a few small files
/// at each call; safe from any thread. A thread that an OpenMP runtime has bound (OMP_PROC_BIND=true,
/// OMP_PLACES, GOMP_CPU_AFFINITY, KMP_AFFINITY) counts with the processors of all OpenMP places, and workers get those.
/// What taskset, `srun --cpu-bind` or `mpirun --bind-to` has bound stays bound, so give a rank with a pool several
/// processors, for example by `mpirun --map-by slot:PE=4` or `srun --cpus-per-task=4`.
CONCURRENT_FUTURES_DECL std::size_t available_parallelism();

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/parallelism.hpp"
#endif
