// SPDX-License-Identifier: MIT
//
// mpi_direct_path.hpp: what other threads do in place of the engine thread of MPI pools while that sleeps.
//
//     submit ──▶ a lane with nothing to do          instead of: wake the engine, which sends the task
//     result() ──▶ looks for messages itself        instead of: the engine looks, and wakes this thread
//
// So a round trip needs no other thread of the root. A thread ends only its own task here, and tasks whose end runs no code
// of the user: it may hold a lock that such code needs.
//
// This part can be removed: give() that returns false and look_for_end() that returns done() are correct.
#pragma once

#include <cstdint>
#include <exception>
#include <mutex>
#include <string>

#include "concurrent/futures/detail/mpi/hub_tables.hpp"
#include "concurrent/futures/detail/mpi/lane_dispatcher.hpp"
#include "concurrent/futures/detail/mpi/look_pace.hpp"
#include "concurrent/futures/detail/mpi/reply_reader.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class MpiDirectPath {
  public:
    MpiDirectPath(HubTables& hub, LaneDispatcher& dispatcher, ReplyReader& replies) noexcept
        : hub_(hub), dispatcher_(dispatcher), replies_(replies) {}

    /// True: all that was submitted is with lanes that had nothing to do and the engine will look for the results in time,
    /// or the engine is awake.
    bool give(MpiPool& pool) noexcept;
    /// A thread that is about to sleep until this task has ended, as `done()` tells, looks for its result for a moment.
    template <class Done>
    bool look_for_end(MpiTask& task, Done done) noexcept;

  private:
    static constexpr std::int64_t patience_with_engine = tuning::mpi_patience_with_engine;  // nanoseconds, while it is awake

    enum class Seen : std::uint8_t { nothing, news, work_for_engine };

    /// `is_moving`: what this thread has sent of other tasks has not all gone.
    Seen look(const MpiTask& task, std::int64_t now, bool& is_moving) noexcept;
    bool must_wake_engine() noexcept {
        const std::lock_guard lock(hub_.mutex);
        return hub_.sleep.note_end_of_watch() || hub_.peers.is_moving();
    }
    /// The engine has to tell somebody, or to end a pool.
    bool needs_engine() const noexcept { return hub_.completions.has_any() || hub_.pools.any_closed(); }
    void break_all(const std::exception& error) noexcept {
        hub_.break_all(text_or_why_not([&] { return std::string("MPIPoolExecutor: ") + error.what(); }));
    }

    HubTables& hub_;
    LaneDispatcher& dispatcher_;
    ReplyReader& replies_;
};

inline bool MpiDirectPath::give(MpiPool& pool) noexcept {
    const HubTables::Lock lock(hub_.mutex, std::try_to_lock);
    if (!lock) return false;
    if (!hub_.sleep.is_asleep()) return true;
    if (hub_.is_broken()) return false;
    try {
        pool.queue.collect();
        dispatcher_.dispatch(pool, true);
        hub_.peers.ship_all();
    } catch (const std::exception& error) {
        break_all(error);
        return false;
    }
    // What found no room in a ring, or is sent by MPI, needs a thread that goes on with it.
    return pool.queue.size() == 0 && !hub_.completions.has_any() && !hub_.sleep.sleeps_deeply() && !hub_.peers.is_moving();
}

template <class Done>
bool MpiDirectPath::look_for_end(MpiTask& task, Done done) noexcept {
    hub_.sleep.begin_watch();
    bool is_over = false, is_for_engine = false, is_moving = false;
    std::int64_t news = monotonic_nanoseconds();
    for (unsigned looks = 0;; ++looks) {
        const std::int64_t now = monotonic_nanoseconds();
        const bool looks_here = hub_.peers.polls() && hub_.sleep.is_asleep();
        const Seen seen = looks_here ? look(task, now, is_moving) : Seen::nothing;
        is_for_engine = seen == Seen::work_for_engine;
        is_over = done();
        if (is_over || is_for_engine) break;
        if (seen == Seen::news) {
            news = now;
            looks = 0;
        }
        const std::int64_t waited = now - news;
        const bool all_ring = hub_.peers.node().all_ring;
        const bool goes_on = all_ring ? keeps_looking(waited) : keeps_looking(waited, looks);
        if (looks_here ? !goes_on : waited >= patience_with_engine) break;
        pause_between_looks(waited);
    }
    hub_.sleep.end_watch();
    if (is_for_engine || is_moving || (!is_over && must_wake_engine())) hub_.sleep.wake();
    return is_over || done();
}

/// While the engine sleeps, in a thread that waits for `task`: takes in a message, and delivers what it may.
inline MpiDirectPath::Seen MpiDirectPath::look(const MpiTask& task, std::int64_t now, bool& is_moving) noexcept {
    HubTables::Lock lock(hub_.mutex, std::try_to_lock);
    if (!lock || !hub_.peers.is_open() || hub_.is_broken() || !hub_.sleep.is_asleep()) return Seen::nothing;
    hub_.sleep.note_watch(now);
    bool news = false;
    try {
        news = replies_.receive();
        if (news) {
            dispatcher_.collect();
            dispatcher_.dispatch();
            hub_.peers.ship_all();
        }
        is_moving = hub_.peers.is_moving();
    } catch (const std::exception& error) {
        break_all(error);
        return Seen::work_for_engine;
    }
    // The engine sleeps without a time limit, unless a lane kept tasks when it fell asleep.
    const bool may_recall = news && !dispatcher_.next_recall().is_never();
    const Seen seen = may_recall ? Seen::work_for_engine : news ? Seen::news : Seen::nothing;
    if (!needs_engine()) return seen;
    hub_.completions.deliver_plain(lock, task, [this] { hub_.sleep.wake(); });
    return needs_engine() ? Seen::work_for_engine : seen;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
