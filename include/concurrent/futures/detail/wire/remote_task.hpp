// SPDX-License-Identifier: MIT
//
// remote_task.hpp: what the engine of a process pool or of a pool of MPI ranks knows of a task: its bytes, its state, and
// how to end it. "The manager" below is that engine, ProcessManager or MpiHub.
//
// The derived class counts the references. The manager holds one from submit until it has ended the task, or has seen
// that the task was cancelled. It ends a task in exactly one of these ways: succeed(); fail(); end_cancelled();
// try_succeed_untold(), followed by finish_stored() if that returned false. None of these is called under a lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "concurrent/futures/detail/serialization/byte_buffer.hpp"
#include "concurrent/futures/detail/serialization/codecs.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class WorkerLink;

/// What TaskOptions and ProcessPoolOptions ask of one call.
struct TaskLimits {
    static constexpr std::int64_t never = (std::numeric_limits<std::int64_t>::max)();

    std::int64_t timeout = never;  // nanoseconds in the worker
    std::size_t retries = 0;       // that are left
};

class RemoteTask;

/// How a task ends.
struct Ending {
    enum class Kind : std::uint8_t { none, result, exception, failure, cancelled, stored } kind = Kind::none;
    bool listed = false;
    unsigned references = 0;  // to let go of then
    int pid = 0;              // exception: of the worker
    ByteBuffer body{};        // result, exception: as the worker sent it
    std::exception_ptr error{};  // failure
};

class RemoteTask {
  public:
    RemoteTask(const RemoteTask&) = delete;
    RemoteTask& operator=(const RemoteTask&) = delete;

    /// Decodes the result. Whatever that throws becomes the outcome.
    virtual void succeed(Decoder& result) noexcept = 0;
    /// The same in a thread that waits for this call, which may hold locks that a callback needs: false when
    /// there are callbacks, or others to be told. Then only finish_stored() is left to be done, elsewhere.
    virtual bool try_succeed_untold(Decoder& result) noexcept = 0;
    virtual void finish_stored() noexcept = 0;
    /// Takes the exception over: its owners are counted inside the standard library, where no sanitizer
    /// sees it, so the last one should be a future.
    virtual void fail(std::exception_ptr error) noexcept = 0;
    /// The pool cancelled it (shutdown with cancel_futures, or the end of a task that would not stop), not
    /// its future.
    virtual void end_cancelled() noexcept = 0;
    virtual void retain() noexcept = 0;
    virtual void release() noexcept = 0;

    const ByteBuffer& call() const noexcept { return call_; }
    /// What a worker sent for the last time. It may lie where the call's bytes lay, which are of no use any more.
    /// Throws std::bad_alloc.
    void keep_answer(ByteBuffer&& body) {
        if (body.is_lent() && call_.is_lent() && body.size() <= call_.size()) {
            body.move_to(call_.data());
            ending.body = std::move(body);
        } else {
            ending.body = std::move(body).kept();
        }
    }
    /// It has ended: its arguments are not kept for as long as a future is. What the call names, the result may
    /// name, too. With the manager's lock.
    void drop_call(ByteBuffer& result) noexcept {
        try {
            for (auto& region : call_.regions.take()) result.regions.keep(std::move(region));
        } catch (...) {
            // No memory: a result that names it cannot be read.
        }
        if (!call_.is_lent() && outputs == 0) call_ = ByteBuffer();
    }
    /// It was cancelled while it waited: its bytes are of no use any more. The caller frees them, without the
    /// manager's lock.
    ByteBuffer take_unsent_call() noexcept {
        return outputs != 0 ? ByteBuffer() : std::move(call_);
    }
    /// Result type: decoding reads each byte once, so that it may lie where its sender can still change it.
    virtual bool reads_result_once() const noexcept { return false; }
    std::string name() const { return name_ ? *name_ : std::string(); }

    enum class Stage : std::uint8_t { fresh, queued, sent, revoked, ended };

    // The manager's notes, guarded by its mutex. What it needs to give the task to a worker comes first, together
    // with the bytes: the submitter has written it, so that each line of the cache costs a wait.
    RemoteTask* behind = nullptr;  // in its queue, see task_lists.hpp
    Stage stage = Stage::fresh;
    std::uint8_t level = 0;        // its queue
    std::uint8_t slot = 0;         // when sent
    std::uint16_t outputs = 0;     // of workers, that refer to the bytes of the call
    std::uint64_t number = 0;      // in the order of submission, for people
    std::uint64_t id = 0;          // on the wire; new each time it is given to a worker
    WorkerLink* worker = nullptr;  // when sent
    TaskLimits limits{};
    std::int64_t stop_at = TaskLimits::never;  // asked to stop: is ended by force then; the clock is that
                                               // of monotonic_nanoseconds()
    unsigned deaths = 0;           // workers that died running it; not counted beyond what a policy asks for
    unsigned returns = 0;          // workers that died before they started it; likewise
    std::uint64_t failures = 0;    // attempts that were followed by another one
    bool has_limit() const noexcept {
        return limits.timeout != TaskLimits::never || stop_at != TaskLimits::never;
    }
    /// For the pool's observer. `pid`: of the worker that has started it, until the end of that is observed.
    struct Shown {
        std::uint64_t id = 0;
        std::int64_t ended = 0;
        const char* library_name = "";
        int pid = 0;
        bool waits = false;  // counts as waiting
    };
    /// What an observer calls it.
    std::string_view shown_name() const noexcept { return name_ ? std::string_view(*name_) : shown.library_name; }
    RemoteTask* next_revoked = nullptr;  // of those that one shutdown has revoked
    RemoteTask* next_ended = nullptr;    // in an EndingList
    Ending ending{};
    Shown shown{};

  protected:
    /// An empty name is none.
    explicit RemoteTask(ByteBuffer&& call, std::unique_ptr<const std::string> name = nullptr) noexcept
        : call_(std::move(call)), name_(std::move(name)) {}
    virtual ~RemoteTask() = default;

  private:
    ByteBuffer call_;
    const std::unique_ptr<const std::string> name_;  // mostly none, so that a call is small
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
