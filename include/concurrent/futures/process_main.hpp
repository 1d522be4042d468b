// SPDX-License-Identifier: MIT
//
// process_main.hpp: the first line of main in programs with a ProcessPoolExecutor.
//
//     int main(int argc, char** argv) {
//         cf::process_main(argc, argv);      // in a worker this does not return
//         …
//     }
//
// A pool with StartMethod::spawn starts this program again for each worker, and in this call such a copy becomes a
// worker. So main should do nothing before it that must not happen in each worker. Calling it again does nothing.
// Threads: call it before starting threads.
#pragma once

#include "concurrent/futures/detail/platform/process_requirements.hpp"

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// In the program itself: returns at once, and allows pools to spawn. In a worker: runs tasks until the pool needs the
/// worker no more, then exits.
CONCURRENT_FUTURES_DECL void process_main(int argc, char** argv);

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/process_main.hpp"
#endif
