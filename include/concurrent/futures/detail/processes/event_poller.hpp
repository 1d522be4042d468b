// SPDX-License-Identifier: MIT
//
// event_poller.hpp: what the manager thread of a process pool polls, each entry with the name of what it is for.
//
//     poller.reserve(workers);                                  // so that nothing below needs memory
//     poller.begin(wake_up.fd(), template_socket);
//     poller.add({&worker, results, tasks, process});           // descriptors below 0 are passed over
//     poller.poll(milliseconds, sleeps);
//     if (poller.was_woken()) …
//     for (const EventPoller::Ready& each : poller.ready()) …   // every worker, in the order of add()
//
// It also knows when it looked for the last time, and in what time this process did not run (running_time.hpp).
// Threads: the manager thread only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"
#include "concurrent/futures/detail/platform/monotonic_clock.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/processes/running_time.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class WorkerLink;

class EventPoller {
  public:
    /// The descriptors of a worker.
    struct Watched {
        WorkerLink* worker;
        int results;  // readable: wake-ups, or its end
        int tasks;    // writable: a wake-up may be written again
        int process;  // readable: the process is gone
    };
    /// What happened to a worker.
    struct Ready {
        WorkerLink* worker;
        bool results;  // wake-ups, or the end of the pipe
        bool exited;   // its process
    };

    EventPoller() { reserve(0); }

    void reserve(std::size_t workers) {
        entries_.reserve(worker_begin + each_worker * workers);
        ready_.reserve(workers);
    }
    /// `template_socket`: below 0 if there is none.
    void begin(int wake_up, int template_socket) noexcept {
        entries_.clear();
        ready_.clear();
        entries_.push_back({wake_up, POLLIN, 0});
        entries_.push_back({template_socket, POLLIN, 0});
    }
    void add(const Watched& watched) noexcept {
        CONCURRENT_FUTURES_ASSERT(entries_.size() + each_worker <= entries_.capacity());
        entries_.push_back({watched.results, POLLIN, 0});
        entries_.push_back({watched.tasks, POLLOUT, 0});
        entries_.push_back({watched.process, POLLIN, 0});
        ready_.push_back({watched.worker, false, false});
    }
    /// Below 0: for ever. `sleeps`: the thread has nothing else to do.
    void poll(int milliseconds, bool sleeps) noexcept {
        const std::int64_t before = monotonic_nanoseconds();
        running_time_.note_after(before, 0);
        poll_for(entries_, milliseconds);
        last_look_ = monotonic_nanoseconds();
        const std::int64_t duration = last_look_ - before;
        if (sleeps) last_sleep_ = duration;
        running_time_.note_after(last_look_, milliseconds < 0 ? duration : milliseconds * std::int64_t{1'000'000});
        for (std::size_t i = 0; i < ready_.size(); ++i) {
            const pollfd* const of_worker = &entries_[worker_begin + each_worker * i];
            ready_[i].results = of_worker[0].revents != 0;
            ready_[i].exited = (of_worker[2].revents & ~ignored_of_processes_) != 0;
        }
    }
    bool was_woken() const noexcept { return entries_[0].revents != 0; }
    bool template_spoke() const noexcept { return entries_[1].revents != 0; }
    const std::vector<Ready>& ready() const noexcept { return ready_; }

    /// A process is not gone because the system cannot poll its descriptor: where somebody else tells of its end.
    void trust_exits_only() noexcept { ignored_of_processes_ = POLLNVAL; }

    /// Without a sleep, the system is asked for deaths no more often than this.
    bool is_look_due(std::int64_t now) const noexcept { return now - last_look_ >= look_interval; }
    /// The last sleep was so short that it pays to spin before the next one.
    bool slept_briefly() const noexcept { return last_sleep_ < brief_sleep; }
    RunningTime& running_time() noexcept { return running_time_; }

  private:
    static constexpr std::size_t worker_begin = 2;  // entries: wake-up, template, then three of each worker
    static constexpr std::size_t each_worker = 3;
    static constexpr std::int64_t look_interval = tuning::death_look_interval;
    static constexpr std::int64_t brief_sleep = tuning::brief_sleep;

    std::vector<pollfd> entries_;
    std::vector<Ready> ready_;
    int ignored_of_processes_ = 0;
    std::int64_t last_look_ = 0;
    std::int64_t last_sleep_ = brief_sleep;
    RunningTime running_time_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
