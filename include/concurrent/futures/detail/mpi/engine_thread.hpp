// SPDX-License-Identifier: MIT
//
// engine_thread.hpp: the thread of the engine of MPI pools. It starts with the first pool, ends with the last one, and may be
// started again.
//
//     { const auto lock = thread.lock();  if (…needed…) thread.start([self] { self->run(); }); }
//     { const auto lock = thread.lock();  if (…not needed…) thread.join(); }
//
// Who decides that it is needed holds the lock meanwhile, so that no thread is started twice or joined while it is needed.
#pragma once

#include <mutex>
#include <thread>
#include <utility>

#include "concurrent/futures/detail/platform/thread_name.hpp"
#include "concurrent/futures/detail/state/blocking.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class EngineThread {
  public:
    std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }

    // With the lock.

    /// The one before has ended, or is about to. Throws std::system_error when no thread can be started.
    template <class Body>
    void start(Body body) {
        if (thread_.joinable()) thread_.join();
        thread_ = std::thread([run = std::move(body)] {
            name_current_thread("cf_mpi", 0);
            run();
        });
    }
    /// Returns when it has ended, if there is one. In the thread itself, whose last owner has gone in a callback: at once.
    void join() {
        if (!thread_.joinable()) return;
        thread_.get_id() == std::this_thread::get_id() ? thread_.detach() : thread_.join();
    }

  private:
    std::mutex mutex_;
    std::thread thread_;  // guarded by mutex_
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
