// SPDX-License-Identifier: MIT
//
// process_manager_delivery.hpp: the last part of a step of ProcessManager, in which calls are told how they
// ended. Included by process_manager.hpp, where the class and its picture are. Manager thread, without the
// lock: this is where user code runs (codecs, callbacks, destructors).
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "concurrent/futures/detail/processes/process_manager.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Runs codecs of registered exceptions: not under a lock.
inline std::exception_ptr decode_failure(const ByteBuffer& body, int pid) noexcept {
    try {
        Decoder decoder(body.bytes());
        std::exception_ptr error = decode_exception(decoder, pid);
        if (!error) throw SerializationError("a worker sent no exception where one was announced");
        return error;
    } catch (...) {
        return std::current_exception();
    }
}

/// Without the lock. One at a time from the common lists, so that a callback that works on here (see
/// work_until) goes on where this left off.
inline void ProcessManager::deliver_all() noexcept {
    for (;;) {
        if (deliveries_.empty()) {
            Lock lock(mutex_);
            if (!observations_.empty()) {
                lock.unlock();
                tell_observations();
                continue;
            }
            if (!notices_.empty()) {
                const Notice notice = std::move(notices_.front());
                notices_.pop_front();
                lock.unlock();
                deliver(notice);
                continue;
            }
            deliveries_.take_from(endings_);
            if (deliveries_.empty()) return;
        }
        Deliveries::Delivery next = deliveries_.pop_front();
        deliver(*next.task, next.ending);
    }
}

inline void ProcessManager::deliver(RemoteTask& task, Ending& ending) noexcept {
    free_payloads(task, ending);
    switch (ending.kind) {
        case Ending::Kind::result: {
            Decoder decoder(ending.body.bytes());
            task.succeed(decoder);
            break;
        }
        case Ending::Kind::exception:
            task.fail(decode_failure(ending.body, ending.pid));
            break;
        case Ending::Kind::failure:
            task.fail(std::move(ending.error));
            break;
        case Ending::Kind::cancelled:
            task.end_cancelled();
            break;
        case Ending::Kind::stored:
            task.finish_stored();
            break;
        case Ending::Kind::none:
            break;
    }
    for (; ending.references > 0; --ending.references) task.release();
}

/// In the thread that waits for the task, which has ended with this result.
inline void ProcessManager::deliver_to_waiter(RemoteTask& task, Ending& ending) noexcept {
    tell_observations();
    free_payloads(task, ending);
    if (ending.kind != Ending::Kind::result) {
        deliver(task, ending);  // a failure to copy it, of which only this thread knows
        return;
    }
    Decoder decoder(ending.body.bytes());
    if (!task.try_succeed_untold(decoder)) {
        {
            const std::lock_guard lock(mutex_);
            endings_.add(task, Ending::Kind::stored);  // with one of the references
            --ending.references;
            // relaxed: read under the mutex where it matters.
            news_.store(true, std::memory_order_relaxed);
        }
        wake();
    }
    for (; ending.references > 0; --ending.references) task.release();
}

inline void ProcessManager::deliver(const Notice& notice) noexcept {
    if (notice.kind == Notice::Kind::exit_failed)
        return report_unhandled(settings_.hook, notice.error, "a process pool's worker_exit");
    std::string why = text_or_why_not([&] {
        const std::string thrown = "ProcessPoolExecutor: the initializer threw in a worker: ";
        try {
            std::rethrow_exception(decode_failure(notice.body, notice.pid));
        } catch (const BrokenProcessPool& error) {  // not the initializer, but the worker itself
            return std::string("ProcessPoolExecutor: ") + error.what();
        } catch (const std::exception& error) {
            return thrown + error.what();
        } catch (...) {
            return thrown + "something that is no std::exception";
        }
    });
    const std::lock_guard lock(mutex_);
    break_pool(std::move(why));
}

/// From succeed(), before the future ends: the result turned out not to be readable.
inline void ProcessManager::count_unreadable_result() noexcept {
    const std::lock_guard lock(mutex_);
    --completed_;
    ++failed_;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
