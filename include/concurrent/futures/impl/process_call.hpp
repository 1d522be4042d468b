// SPDX-License-Identifier: MIT
//
// impl/process_call.hpp: the callbacks of a task of a process pool that has an observer; see impl/src.hpp.
#pragma once

#include "concurrent/futures/detail/processes/process_call.hpp"
#include "concurrent/futures/detail/state/pool_watch.hpp"
#include "concurrent/futures/observer.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

CONCURRENT_FUTURES_DECL void run_watched(const PoolWatch& watch, const RemoteTask& task, SharedState& state,
                                         Listener& callback, TaskQueue* later) {
    if (!watch) return callback.notify(state, later);
    const auto event = [&] { return watch.call_event(task.shown.id, task.shown_name()); };
    watch.tell([&](Observer& observer) { observer.callback_started(event()); });
    callback.notify(state, later);
    watch.tell([&](Observer& observer) { observer.callback_finished(event()); });
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
