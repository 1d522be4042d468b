// SPDX-License-Identifier: MIT
//
// stop_delivery.hpp: Future::request_stop() on its last stretch: in the worker, to the std::stop_token of
// the running task.
//
//     const StopDelivery delivery(line);        // while the task runs
//     callable(delivery.token(), …);
//
// The worker's only thread runs the task, so another thread hears the request: it sleeps on the StopRequest for as
// long as the task runs. Only a task that takes a stop_token has such a thread, and pays for its start. A signal would
// not do, because a stop callback may do anything, which a handler may not. A thread for the worker's whole life would
// not do, because only a process with one thread can fork. A task that does not listen is ended from outside, by the
// pool.
#pragma once

#include <signal.h>

#include <cstdint>
#include <stop_token>
#include <system_error>
#include <thread>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/wire/stop_request.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Where a task is asked to stop. Default: nowhere, as in a call that runs in the submitter's process.
struct StopLine {
    StopRequest* request = nullptr;
    std::uint64_t task = 0;
};

class StopDelivery {
  public:
    explicit StopDelivery(const StopLine& line) : line_(line) {
        if (!line_.request) return;
        sigset_t all;
        sigset_t before;
        ::sigfillset(&all);  // the program's signal handlers run in the task's thread
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        try {
            listener_ = std::thread([this] { listen(); });
        } catch (const std::system_error&) {
            // No thread can be started: the task runs, and does not hear of the request.
        }
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    StopDelivery(const StopDelivery&) = delete;
    StopDelivery& operator=(const StopDelivery&) = delete;
    ~StopDelivery() {
        if (!listener_.joinable()) return;
        // relaxed: handed over by the signal's count.
        over_.store(true, std::memory_order_relaxed);
        line_.request->stop_signal().raise();
        listener_.join();
    }

    std::stop_token token() const noexcept { return source_.get_token(); }

  private:
    void listen() noexcept {
        for (;;) {
            const std::uint32_t seen = line_.request->stop_signal().count();
            // relaxed: handed over by the signal's count.
            if (over_.load(std::memory_order_relaxed)) return;
            if (line_.request->stop_asked(line_.task)) {
                source_.request_stop();
                return;
            }
            line_.request->stop_signal().wait_beyond(seen);
        }
    }

    const StopLine line_;
    std::stop_source source_;
    Atomic<bool> over_{false};
    std::thread listener_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
