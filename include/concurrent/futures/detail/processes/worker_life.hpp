// SPDX-License-Identifier: MIT
//
// worker_life.hpp: the state of one worker of a process pool, and how the pool ends it.
//
//     starting ── it says ready ──▶ ready ── the pool stops it ──▶ stopping
//         │  │                       │                               │
//         │  └── its start failed ───┼──────────────────────────────▶│
//         └──────────────────────────┴── the process is gone ────────┴──▶ exited ── exit status known ──▶ reaped
//
// Messages that are read after the process is gone still count: they move last_phase(), which is the state before the
// exit. An end by force runs beside the state: force_at() and force_by() set the one time at which the worker gets
// SIGKILL, and note_kill() says that it got it. Impossible transitions are asserted. Threads: guarded by the mutex of the
// pool.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/child_process.hpp"
#include "concurrent/futures/detail/wire/remote_task.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

enum class WorkerState : std::uint8_t { starting, ready, stopping, exited, reaped };

class WorkerLife {
  public:
    /// The worker is ended because of the one task that it runs.
    struct Eviction {
        enum class Cause : std::uint8_t { timeout, stop } cause;
        std::uint64_t task;  // its id
    };

    WorkerState state() const noexcept { return exit_ == WorkerState::starting ? phase_ : exit_; }
    /// starting, ready or stopping: the state before the exit, if there was one.
    WorkerState last_phase() const noexcept { return phase_; }
    bool is_ready() const noexcept { return state() == WorkerState::ready; }
    bool is_starting() const noexcept { return state() == WorkerState::starting; }
    /// The process is there and was not told to leave.
    bool is_open() const noexcept { return state() <= WorkerState::ready; }
    bool has_exited() const noexcept { return state() >= WorkerState::exited; }
    bool is_reaped() const noexcept { return state() == WorkerState::reaped; }

    // What the worker says about its start: one message.

    /// A second message about the start is an error of the worker.
    bool awaits_start_report() const noexcept { return report_ == StartReport::none; }
    /// False when the message is too late, because the pool already ends the worker.
    bool note_ready() noexcept {
        CONCURRENT_FUTURES_ASSERT(awaits_start_report());
        report_ = is_dying() ? StartReport::rejected : StartReport::ready;
        if (report_ == StartReport::rejected) return false;
        if (phase_ == WorkerState::starting) phase_ = WorkerState::ready;
        return true;
    }
    /// The worker leaves by itself.
    void note_start_failed() noexcept {
        CONCURRENT_FUTURES_ASSERT(awaits_start_report());
        report_ = StartReport::rejected;
        phase_ = WorkerState::stopping;
    }
    /// Its initializer has run, as it said in time.
    bool is_initialized() const noexcept { return report_ == StartReport::ready; }

    /// The pool has told it to leave.
    void note_stop() noexcept {
        CONCURRENT_FUTURES_ASSERT(is_open() && !is_dying());
        phase_ = WorkerState::stopping;
    }

    // The end of the process, as the system tells it.

    /// The process is gone; may be said again.
    void note_exit() noexcept {
        if (!has_exited()) exit_ = WorkerState::exited;
    }
    void note_reaped(ExitStatus status) {
        CONCURRENT_FUTURES_ASSERT(!is_reaped());
        exit_ = WorkerState::reaped;
        exit_status_ = std::move(status);
    }
    const ExitStatus& exit_status() const noexcept {
        CONCURRENT_FUTURES_ASSERT(is_reaped());
        return exit_status_;
    }

    // The end by force.

    /// It will end soon, by itself or by SIGKILL.
    bool is_dying() const noexcept { return eviction_ || killed_ || kill_at_ != TaskLimits::never; }
    /// The pool has killed this one worker (WorkerLink::kill()). A SIGKILL to all workers of the pool, or to a worker that
    /// has not reached process_main(), is not noted here.
    bool is_killed() const noexcept { return killed_; }
    /// When it gets SIGKILL unless it ends by itself; `never`: not planned, or done. On the clock of
    /// monotonic_nanoseconds().
    std::int64_t kill_at() const noexcept { return kill_at_; }
    /// Nothing after the kill, as below.
    void force_at(std::int64_t time) noexcept {
        if (!killed_) kill_at_ = time;
    }
    /// The same for a worker that may have such a time already: the earlier one counts.
    void force_by(std::int64_t time) noexcept {
        if (!killed_) kill_at_ = (std::min)(kill_at_, time);
    }
    /// SIGKILL is sent now. May be said again.
    void note_kill() noexcept {
        kill_at_ = TaskLimits::never;
        killed_ = true;
    }
    const std::optional<Eviction>& eviction() const noexcept { return eviction_; }
    void evict(Eviction::Cause cause, std::uint64_t task) noexcept {
        CONCURRENT_FUTURES_ASSERT(!eviction_ && !has_exited());
        eviction_ = {cause, task};
    }
    bool is_evicted_for(std::uint64_t task) const noexcept { return eviction_ && eviction_->task == task; }

    /// Why the pool ended it, for error messages; empty if it did not. The first reason stays.
    const std::string& complaint() const noexcept { return complaint_; }
    void complain(std::string reason) noexcept {
        if (complaint_.empty()) complaint_ = std::move(reason);
    }
    /// A reason that counts more than those before.
    void complain_instead(std::string reason) noexcept { complaint_ = std::move(reason); }

  private:
    /// `rejected`: its start failed, or "ready" came too late.
    enum class StartReport : std::uint8_t { none, ready, rejected };

    WorkerState phase_ = WorkerState::starting;
    WorkerState exit_ = WorkerState::starting;  // exited or reaped; starting: the process is there
    StartReport report_ = StartReport::none;
    bool killed_ = false;
    std::int64_t kill_at_ = TaskLimits::never;
    std::optional<Eviction> eviction_;
    ExitStatus exit_status_;
    std::string complaint_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
