// SPDX-License-Identifier: MIT
//
// rank_loop.hpp: the life of a rank that serves: it receives, runs tasks, sends results and sleeps.
//
//     RankLoop loop(channel, lock, root, bell, arena);
//     loop.run();                                    // returns when the root wants no more
//
//     this thread                                    the helper thread
//     poll ─▶ run a task ─▶ … ─▶ send results        receives and sends while a task takes long: rank_helper.hpp
//     nothing to do: looks for a moment, then
//     sleeps: look_pace.hpp
//
// So short tasks run in the thread that has received them, and a long one neither holds back results nor keeps the root
// from taking tasks back or asking the task to stop. Both threads call MPI, one at a time; tasks may use MPI as well, hence
// MPI_THREAD_MULTIPLE. On the root's node an idle rank sleeps until the root rings its bell. On another node it is MPI that
// it waits for, which wakes nobody: it looks 250 times a second at last, which takes less than 1 % of a core.
// The channel is an MpiChannel (mpi_rank.hpp), or one of a test, which then needs no MPI.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "concurrent/futures/detail/mpi/look_pace.hpp"
#include "concurrent/futures/detail/mpi/rank_helper.hpp"
#include "concurrent/futures/detail/mpi/rank_server.hpp"
#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"
#include "concurrent/futures/detail/platform/monotonic_clock.hpp"
#include "concurrent/futures/detail/platform/process_memory.hpp"
#include "concurrent/futures/detail/platform/shared_doorbell.hpp"
#include "concurrent/futures/detail/platform/timed_wait.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/wire/payload_arena.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Of a rank: guards its channel, and RankServer::receive(). The rule's "engine thread" is the rank's own thread.
struct ChannelLock {
    std::mutex mutex;
    LockRule rule{mutex};
};

template <class Channel>
class RankLoop {
  public:
    /// `bell`: which the root rings; null: it does not. `arena`: where large results are encoded; null: in the heap.
    RankLoop(Channel& channel, ChannelLock& lock, int root, SharedDoorbell* bell, PayloadArena* arena,
             const RankHelper::Pace& pace = RankHelper::Pace())
        : channel_(channel),
          channel_mutex_(lock.mutex),
          channel_rule_(lock.rule),
          bell_(bell),
          arena_(arena),
          root_(root),
          helper_([this] { look_for_helper(); }, pace) {}
    RankLoop(const RankLoop&) = delete;
    RankLoop& operator=(const RankLoop&) = delete;
    ~RankLoop() { helper_.stop(); }

    /// Returns when the root wants no more.
    void run() {
        keep_freed_memory(kept_heap);
        channel_rule_.begin();
        channel_rule_.note_engine_thread();
        std::int64_t news = monotonic_nanoseconds();
        std::int64_t looked = news, sent = news;
        unsigned looks = 0;  // in vain, since `news`
        while (!server_.has_quit()) {
            // Only once a job is taken: the helper thread may receive one at any moment while it looks.
            const bool ran = server_.run_next([this] { helper_.note_run(); });
            helper_.note_end();
            if (ran) {
                news = monotonic_nanoseconds();
                looks = 0;
                if (server_.has_jobs() && news - looked < look_interval) {
                    if (server_.last_duration() < short_task && news - sent < send_interval && server_.outbox().size() < full) continue;
                    sent = news;
                    const std::lock_guard lock(channel_mutex_);
                    send_replies();
                    continue;
                }
                looked = sent = news;
                look();
                continue;
            }
            if (look()) {
                news = looked = sent = monotonic_nanoseconds();
                looks = 0;
                continue;
            }
            const std::int64_t waited = monotonic_nanoseconds() - news;
            if ((bell_ ? keeps_looking(waited) : keeps_looking(waited, looks++)) || is_moving()) {
                pause_between_looks(waited);
                continue;
            }
            bell_ ? sleep_until_rung(waited) : nap(waited);
            looks = looks_after_nap;
        }
        helper_.stop();
        server_.stop_threads();
        server_.answer_quit();
        const std::lock_guard lock(channel_mutex_);
        send_replies();
        channel_.finish_sends();
    }
    /// Why the root has failed; empty: it has not.
    const std::string& root_failure() const noexcept { return server_.root_failure(); }

  private:
    static constexpr std::int64_t short_task = tuning::mpi_short_task;
    static constexpr std::int64_t send_interval = tuning::mpi_send_interval;
    static constexpr std::int64_t look_interval = tuning::mpi_look_interval;  // to look in vain may cost the processor
    static constexpr std::size_t full = tuning::mpi_full_replies;
    static constexpr std::size_t kept_heap = tuning::kept_heap;
    // On the root's node. Then MPI gets on with what tasks have left to it, and unused memory goes back.
    static constexpr auto longest_sleep = tuning::mpi_longest_rank_sleep;
    static constexpr std::int64_t keeps_memory_for = std::chrono::nanoseconds(tuning::large_memory_kept).count();

    /// Sends what is in the outbox, receives what has come. True: something has come.
    bool look() {
        const std::lock_guard lock(channel_mutex_);
        send_replies();
        int peer = root_;
        bool news = channel_.poll(root_, peer);
        if (!news && !channel_.is_fetching()) return false;
        while (auto frame = channel_.next(root_)) {
            server_.receive(std::move(*frame));
            news = true;
        }
        send_replies();
        return news;
    }
    void send_replies() {
        CONCURRENT_FUTURES_ASSERT(channel_rule_.locked());
        if (Outgoing out = server_.outbox().take(); !out.empty()) channel_.send(root_, out);
    }
    void nap(std::int64_t waited) {
        std::unique_lock lock(mutex_);
        timed_wait(wake_up_, lock, Deadline::after(nap_after(waited)), [this] { return has_replies_; });
        has_replies_ = false;
    }
    void sleep_until_rung(std::int64_t waited) {
        const auto has_news = [this] {
            const std::scoped_lock lock(mutex_, channel_mutex_);
            // The helper thread may have taken in a job, whose ring of the bell is over.
            return std::exchange(has_replies_, false) || channel_.has_news() || server_.has_work();
        };
        bell_->prepare();
        if (has_news()) return bell_->forget();
        bell_->sleep(Deadline::after(longest_sleep));
        if (waited > keeps_memory_for && arena_) arena_->trim();
        const std::lock_guard lock(channel_mutex_);
        channel_.let_mpi_progress();
    }
    bool is_moving() {
        const std::lock_guard lock(channel_mutex_);
        return channel_.is_moving();
    }
    void on_replies() noexcept {
        {
            const std::lock_guard lock(mutex_);
            has_replies_ = true;
            wake_up_.notify_one();
        }
        if (bell_) bell_->ring();
    }

    /// By the helper thread.
    void look_for_helper() noexcept {
        try {
            while (look() || is_moving()) std::this_thread::yield();
        } catch (const std::exception& error) {
            std::fprintf(stderr, "concurrent::futures: an MPI rank has lost its root: %s\n", error.what());
            std::abort();
        }
    }

    Channel& channel_;
    std::mutex& channel_mutex_;
    LockRule& channel_rule_;
    SharedDoorbell* const bell_;
    PayloadArena* const arena_;
    const int root_;
    RankServer server_{RankServer::Place::rank, [this] { on_replies(); }, arena_, channel_rule_};

    std::mutex mutex_;
    std::condition_variable wake_up_;
    bool has_replies_ = false;  // guarded by mutex_

    RankHelper helper_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
