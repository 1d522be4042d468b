// SPDX-License-Identifier: MIT
//
// impl/timers.hpp: the timer of the program, and one point in time that it waits for; see impl/src.hpp.
#pragma once

#include <exception>
#include <memory>
#include <stop_token>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/scheduling/deadline_timer.hpp"
#include "concurrent/futures/future.hpp"
#include "concurrent/futures/promise.hpp"
#include "concurrent/futures/timers.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline constinit ModuleWide<DeadlineTimer> module_timer;

inline constinit Atomic<bool> timers_are_over{false};

/// Its threads end before static objects that were made earlier.
inline DeadlineTimer& program_timer() {
    struct StopAtExit {
        ~StopAtExit() {
            // relaxed: the timer's lock hands it over, see Alarm::set().
            timers_are_over.store(true, std::memory_order_relaxed);
            module_timer.get().stop();
            module_timer.get().fire_all();
        }
    };
    static const StopAtExit stop_at_exit;
    return module_timer.get();
}

/// One point in time that a future stands for. Deletes itself when that has come, or when the future was cancelled.
class Alarm {
  public:
    Alarm() {}  // without the entry, which set() constructs
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;
    ~Alarm() {
        if (has_entry_) std::destroy_at(std::addressof(entry_));
    }

    static Future<void> set(DeadlineTimer::Clock::time_point due) {
        auto owned = std::make_unique<Alarm>();
        Future<void> future = owned->promise_.get_future();
        future.add_done_callback([alarm = owned.get()](const Future<void>& done) { alarm->ended(done.cancelled()); });
        Alarm& alarm = *owned.release();
        try {
            std::construct_at(std::addressof(alarm.entry_), program_timer(), due, alarm.stop_);
            alarm.has_entry_ = true;
        } catch (...) {
            alarm.promise_.set_exception(std::current_exception());
            alarm.release();  // it will not ring
            alarm.release();
            throw;
        }
        alarm.release();
        // relaxed: if fire_all() has come before, the timer's lock has handed this over; else it finds the entry.
        if (timers_are_over.load(std::memory_order_relaxed)) future.cancel();
        return future;
    }

  private:
    struct Ring {
        Alarm* alarm;
        void operator()() const {
            Promise<void>& promise = alarm->promise_;
            // relaxed: fire_all() runs in the thread that has stored it; another thread may still miss it.
            if (timers_are_over.load(std::memory_order_relaxed))
                promise.get_future().cancel();
            else if (promise.set_running_or_notify_cancel())
                promise.set_value();
            alarm->release();
        }
    };

    void ended(bool cancelled) {
        if (born_.in_forked_child()) return;  // a thread that is not there may be ringing
        if (cancelled && entry_.withdraw()) release();  // it will not ring
        release();
    }
    void release() noexcept {
        // acq_rel, pairs with itself: the last one sees what the others did.
        if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

    Promise<void> promise_;
    std::stop_source stop_;
    std::stop_callback<Ring> ring_{stop_.get_token(), Ring{this}};
    union {
        DeadlineTimer::Entry entry_;  // no std::optional: the entry may fire before the optional would say that it holds it
    };
    bool has_entry_ = false;       // written by set(), read by the last owner
    Atomic<int> owners_{3};  // set(), the ring that is to come, the callback of the future
    const ForkMark born_;
};

CONCURRENT_FUTURES_DECL Future<void> set_alarm(DeadlineTimer::Clock::time_point due) { return Alarm::set(due); }

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
