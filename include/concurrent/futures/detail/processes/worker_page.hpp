// SPDX-License-Identifier: MIT
//
// worker_page.hpp: the memory that a pool shares with one of its workers, and with no other process.
//
//     control        what has become of each task, see control_page.hpp
//     tasks          frames from the pool to the worker      ┐ see byte_ring.hpp
//     results        frames from the worker to the pool      ┘
//     worker_bell    what the worker sleeps for; the pool then writes a byte to the tasks pipe
//     pool_bell      what the pool sleeps for; the worker then writes a byte to the results pipe
//
// The pipes carry nothing else. Their ends tell each side that the other one is gone.
#pragma once

#include "concurrent/futures/detail/processes/control_page.hpp"
#include "concurrent/futures/detail/wire/byte_ring.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct WorkerPage {
    ControlPage control;
    alignas(ByteRing::line) Bell worker_bell;
    alignas(ByteRing::line) Bell pool_bell;
    ByteRing tasks;
    ByteRing results;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
