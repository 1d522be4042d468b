// SPDX-License-Identifier: MIT
//
// onetbb.hpp: oneTBB with as many workers as the others have beside the submitter, and the customary way
// to get a future from a library that has none: a promise the task fulfils.
#pragma once

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#include <oneapi/tbb/version.h>

#include <future>
#include <memory>

#include "support/workload.hpp"

namespace benchmarks {

/// Shown in the table.
inline const bool onetbb_is_named = [] {
    benchmark::AddCustomContext("library", "oneTBB " TBB_VERSION_STRING);
    return true;
}();

/// Runs `body` as the submitter of an arena that has room for it and the workers.
template <class Body>
void in_arena(Body body) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers + 1);
    tbb::task_arena arena(workers + 1, 1);
    arena.execute(body);
}

/// `start(task)` is how the task is given to TBB.
template <class Start, class Call>
std::future<int> with_promise(Start start, Call call) {
    auto promise = std::make_shared<std::promise<int>>();
    std::future<int> future = promise->get_future();
    start([promise, call] { promise->set_value(call()); });
    return future;
}

}  // namespace benchmarks
