// SPDX-License-Identifier: MIT
//
// completions.hpp: how the tasks of a process pool or of pools of MPI ranks end: decided with the engine's mutex, delivered
// without it. CompletionQueue and MpiCompletions add what only one of them has.
//
//     completions.end(task, Ending::Kind::result);        // with the mutex
//     completions.deliver_all(…);                         // engine thread, without the mutex: user code runs here
//
// The delivery decodes: an exception in decode_failure() below, a value in ProcessCall::succeed() or MpiCall::succeed().
// Codecs, done callbacks, destructors and observers run there, with no lock. A callback may wait for another task: the
// engine thread then works on from inside the callback, and goes on in these lists where it was. Nothing here needs memory
// (task_lists.hpp), but for notices.
#pragma once

#include <deque>
#include <exception>
#include <mutex>
#include <utility>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"
#include "concurrent/futures/detail/serialization/byte_buffer.hpp"
#include "concurrent/futures/detail/serialization/codecs.hpp"
#include "concurrent/futures/detail/serialization/exception_codec.hpp"
#include "concurrent/futures/detail/wire/task_lists.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Runs codecs of registered exceptions: not under a lock. `pid`: of the worker.
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

/// `Notice`: something that a worker said, or failed to do, of which no task is told.
template <class Notice>
class Completions {
  public:
    Completions(const Completions&) = delete;
    Completions& operator=(const Completions&) = delete;

    // With the mutex.

    /// The task ends in this way; one reference goes with it.
    void end(RemoteTask& task, Ending::Kind kind) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        endings_.add(task, kind);
    }
    /// One reference goes, and nothing else.
    void release(RemoteTask& task) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        endings_.release(task);
    }
    void add(Notice notice) {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        notices_.push_back(std::move(notice));
    }
    bool has_endings() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return !endings_.empty();
    }
    bool has_notices() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return !notices_.empty();
    }
    bool has_any() const noexcept { return has_endings() || has_notices(); }
    /// On the engine thread: it has even nothing that it is about to deliver.
    bool empty() const noexcept { return !has_any() && deliveries_.empty(); }

  protected:
    /// `rule`: of the engine's mutex. Throws std::bad_alloc: an empty std::deque has memory.
    explicit Completions(const LockRule& rule) : rule_(rule) {}
    ~Completions() = default;

    const LockRule& rule() const noexcept { return rule_; }
    std::mutex& mutex() const noexcept { return rule_.mutex(); }
    /// With the mutex.
    EndingList& endings() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return endings_;
    }

    /// Engine thread, without the mutex. `tell_first(lock)`, with the lock: true when it had something to tell, for which
    /// it gave the lock up. `tell(notice)`, `deliver(task, ending)`: without it. One at a time from the common lists, so
    /// that a callback that works on here goes on where this was.
    template <class TellFirst, class Tell, class Deliver>
    void deliver_all(TellFirst tell_first, Tell tell, Deliver deliver) noexcept {
        for (;;) {
            if (deliveries_.empty()) {
                std::unique_lock lock(mutex());
                if (tell_first(lock)) continue;
                if (!notices_.empty()) {
                    const Notice notice = std::move(notices_.front());
                    notices_.pop_front();
                    lock.unlock();
                    tell(notice);
                    continue;
                }
                deliveries_.take_from(endings_);
                if (deliveries_.empty()) return;
            }
            Deliveries::Delivery next = deliveries_.pop_front();
            deliver(*next.task, next.ending);
        }
    }
    /// Without the mutex: the task ends, and its references go.
    void deliver(RemoteTask& task, Ending& ending) noexcept;
    /// In a thread that waits for the task, which has ended with this result. False: it has callbacks, which are left to
    /// the engine thread.
    bool deliver_untold(RemoteTask& task, Ending& ending) noexcept;

  private:
    const LockRule& rule_;
    EndingList endings_;
    Deliveries deliveries_;  // engine thread; empty when it sleeps
    std::deque<Notice> notices_;
};

template <class Notice>
void Completions<Notice>::deliver(RemoteTask& task, Ending& ending) noexcept {
    CONCURRENT_FUTURES_ASSERT(rule_.unlocked());  // user code runs
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

template <class Notice>
bool Completions<Notice>::deliver_untold(RemoteTask& task, Ending& ending) noexcept {
    CONCURRENT_FUTURES_ASSERT(rule_.unlocked());  // user code runs
    Decoder decoder(ending.body.bytes());
    const bool is_told = task.try_succeed_untold(decoder);
    if (!is_told) {
        const std::lock_guard lock(mutex());
        endings_.add(task, Ending::Kind::stored);  // with one of the references
        --ending.references;
    }
    for (; ending.references > 0; --ending.references) task.release();
    return is_told;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
