// SPDX-License-Identifier: MIT
//
// impl/blocking.hpp: how a thread sleeps until something is over, by the rule of blocking.hpp; see impl/src.hpp.
#pragma once

#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/state/blocking.hpp"
#include "concurrent/futures/detail/state/trampoline.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

CONCURRENT_FUTURES_DECL bool block_in_steps(const WaitsFor& waits_for, BlockingWorker* worker, const Deadline& deadline,
                                            const WaitSteps& steps) {
    const BlockedThread blocked(waits_for);
    for (;;) {
        if (steps.over(steps.wait)) return true;
        if (deadline.passed()) return false;
        if (Trampoline::catch_up()) continue;
        if (!worker) {
            steps.sleep(steps.wait, served_pool ? deadline.or_earlier(Deadline::after(serve_each)) : deadline);
            if (served_pool && !steps.over(steps.wait)) served_pool->work_once();
            continue;
        }
        using Substitute = BlockingWorker::Substitute;
        Substitute substitute = worker->begin_block();
        if (substitute == Substitute::none || (substitute == Substitute::paused && deadline.is_never())) {
            worker->end_block();
            if (steps.last_resort(steps.wait)) continue;
            substitute = worker->begin_block();
        }
        if (substitute == Substitute::possible || substitute == Substitute::paused) {
            while (!steps.over(steps.wait) && !deadline.passed()) steps.sleep(steps.wait, deadline);
        } else {
            auto slice = BlockingWorker::slice;
            for (; !steps.over(steps.wait) && !deadline.passed(); worker->watch()) {
                steps.sleep(steps.wait, deadline.or_earlier(Deadline::after(slice)));
                if (slice < 4 * BlockingWorker::slice) slice *= 2;
            }
        }
        worker->end_block();
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
