// SPDX-License-Identifier: MIT
//
// rank_server.hpp: what a rank does for MPI pools: runs calls, whatever way they come in and results go out.
//
//     frames ──▶ receive() ──▶ lane 0: the rank's own thread      ──▶ outbox ──▶ the root
//                              lane 1…: a thread each
//
// A lane runs one call at a time, in the order in which they came. A pool with no more workers than ranks uses lane 0 of
// each rank only. The initializer and worker_exit run in the lane, too. Lanes with threads end when no pool uses them.
// Threads: receive() from one at a time; each lane has its own mutex; the outbox has one.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <exception>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/memory/shared_region.hpp"
#include "concurrent/futures/detail/mpi/mpi_channel.hpp"
#include "concurrent/futures/detail/mpi/rank_crash.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/platform/monotonic_clock.hpp"
#include "concurrent/futures/detail/platform/thread_name.hpp"
#include "concurrent/futures/detail/serialization/codecs.hpp"
#include "concurrent/futures/detail/serialization/exception_codec.hpp"
#include "concurrent/futures/detail/wire/stop_request.hpp"
#include "concurrent/futures/detail/wire/task_registry.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Body of `configure`: the initializer and worker_exit of a pool, each with its length.
inline ByteBuffer encode_rank_configuration(std::span<const std::byte> initializer,
                                            std::span<const std::byte> worker_exit) {
    Encoder encoder;
    for (const auto part : {initializer, worker_exit}) {
        encoder.write_u64(part.size());
        encoder.align(16);
        encoder.write_bytes(part.data(), part.size());
    }
    return std::move(encoder).take();
}

class RankServer {
  public:
    RankServer(const RankServer&) = delete;
    RankServer& operator=(const RankServer&) = delete;

    /// May put answers into the outbox. Throws SerializationError for what is no frame for ranks.
    void receive(ReceivedFrame frame);
    bool has_quit() const noexcept {
        // (1) acquire, pairs with (2): root_failure().
        return quit_.load(std::memory_order_acquire);
    }
    /// Why the root has failed; empty: it has not.
    const std::string& root_failure() const noexcept { return root_failure_; }

  protected:
    /// `own_lane`: lane 0 has no thread and is for run_next().
    RankServer(bool own_lane, bool is_root) : own_lane_(own_lane), is_root_(is_root), first_(lane(0)) {}
    ~RankServer() { stop_threads(); }

    /// A lane with a thread has put something into the outbox. Without a lock.
    virtual void on_replies() noexcept = 0;

    /// Lane 0, in this thread. False: there is nothing to do.
    bool run_next();
    /// What the last run_next() took.
    std::int64_t last_duration() const noexcept { return own_duration_; }
    bool own_lane_is_empty() {
        const std::lock_guard lock(first_.mutex);
        return first_.jobs.empty();
    }
    std::size_t outbox_size() {
        const std::lock_guard lock(outbox_mutex_);
        return outbox_.bulks.empty() ? outbox_.batch.size() : (std::numeric_limits<std::size_t>::max)();
    }
    Outgoing take_outbox() {
        const std::lock_guard lock(outbox_mutex_);
        return std::exchange(outbox_, Outgoing());
    }
    void stop_threads();

  private:
    struct Job {
        ReceivedFrame frame;
        std::string name{};
    };
    /// Of one pool in one lane.
    struct PoolHere {
        ByteBuffer configuration{};
        std::span<const std::byte> worker_exit{};  // in the configuration
        bool failed = false;
    };
    struct RankLane {
        explicit RankLane(std::size_t n) noexcept : number(n) {}
        const std::size_t number;
        std::mutex mutex;
        std::condition_variable has_jobs;
        std::deque<Job> jobs;   // guarded by mutex
        bool ends = false;      // guarded by mutex
        bool runs = false;      // guarded by mutex: there is a thread that looks at jobs
        std::thread thread;     // of the receiving thread
        StopRequest stop_request;
        Encoder reply;
        std::map<std::uint32_t, PoolHere> pools;  // of the lane's thread
        std::int64_t last_end = 0;
    };

    RankLane& lane(std::size_t number);
    void add_job(ReceivedFrame frame);
    void recall(RankLane& from);
    void run_thread(RankLane& mine) noexcept;
    void run(RankLane& mine, Job& job);
    void run_task(RankLane& mine, Job& job);
    void configure(RankLane& mine, const Job& job);
    void leave(RankLane& mine, std::uint32_t pool);
    void keep_region(const ReceivedFrame& memory);
    void check_regions(const Encoder& reply);
    void reply(FrameType type, std::uint64_t task, std::size_t lane, std::span<const std::byte> body,
               std::int64_t nanoseconds = 0, ByteBuffer owner = {});
    static void run_hook(std::span<const std::byte> call) {
        if (call.empty()) return;
        Decoder decoder(call);
        Encoder nothing;
        run_encoded_call(decoder, nothing);
    }

    const bool own_lane_;
    const bool is_root_;  // the only rank: it has all memory already
    std::vector<std::unique_ptr<RankLane>> lanes_;  // of whoever receives; a lane stays
    RankLane& first_;
    Atomic<bool> quit_{false};
    std::string root_failure_;
    std::string next_name_;
    std::int64_t own_duration_ = 0;
    RegionName next_region_{};
    std::mutex regions_mutex_;
    SharedRegionList regions_;  // guarded by regions_mutex_; until the root says that they are not needed
    std::mutex outbox_mutex_;
    Outgoing outbox_;  // guarded by outbox_mutex_
};

inline RankServer::RankLane& RankServer::lane(std::size_t number) {
    if (number >= 4096) throw SerializationError("a frame of an MPI pool names lane " + std::to_string(number));
    while (lanes_.size() <= number) lanes_.push_back(std::make_unique<RankLane>(lanes_.size()));
    return *lanes_[number];
}

inline void RankServer::receive(ReceivedFrame frame) {
    switch (frame.header.type) {
        case FrameType::task:
        case FrameType::configure:
        case FrameType::stop:
            return add_job(std::move(frame));
        case FrameType::task_name:
            next_name_.assign(reinterpret_cast<const char*>(frame.body.data()), frame.body.size());
            return;
        case FrameType::recall:
            return recall(lane(frame.header.slot));
        case FrameType::ask_to_stop:
            lane(frame.header.slot).stop_request.ask_to_stop(frame.header.task);
            return;
        case FrameType::region:
            if (frame.body.size() != sizeof next_region_) break;
            std::memcpy(&next_region_, frame.body.data(), sizeof next_region_);
            return;
        case FrameType::memory:
            return keep_region(frame);
        case FrameType::forget: {
            RegionNumber number;
            if (frame.body.size() != sizeof number) break;
            std::memcpy(&number, frame.body.data(), sizeof number);
            const std::lock_guard lock(regions_mutex_);
            std::erase_if(regions_, [&](const auto& region) { return region->name().number == number; });
            return;
        }
        case FrameType::quit:
            root_failure_.assign(reinterpret_cast<const char*>(frame.body.data()), frame.body.size());
            // (2) release, pairs with (1).
            quit_.store(true, std::memory_order_release);
            return;
        default:
            break;
    }
    throw SerializationError("an MPI rank got a frame that is not for ranks");
}

inline void RankServer::add_job(ReceivedFrame frame) {
    RankLane& to = lane(frame.header.slot);
    const bool has_thread = to.number != 0 || !own_lane_;
    const std::lock_guard lock(to.mutex);
    to.jobs.push_back({std::move(frame), std::exchange(next_name_, {})});
    if (!has_thread) return;
    if (!to.runs) {
        if (to.thread.joinable()) to.thread.join();  // it has said that it ends
        to.runs = true;
        to.thread = std::thread([this, &to] { run_thread(to); });
    }
    to.has_jobs.notify_one();
}

/// Those that have not started go back; the one that runs is not among the jobs any more.
inline void RankServer::recall(RankLane& from) {
    std::deque<Job> unstarted;
    {
        const std::lock_guard lock(from.mutex);
        std::deque<Job> others;
        for (Job& job : from.jobs)
            (job.frame.header.type == FrameType::task ? unstarted : others).push_back(std::move(job));
        from.jobs = std::move(others);
    }
    for (const Job& job : unstarted) reply(FrameType::skipped, job.frame.header.task, from.number, {});
    reply(FrameType::recalled, 0, from.number, {});
}

inline bool RankServer::run_next() {
    RankLane& own = first_;
    Job job;
    {
        const std::lock_guard lock(own.mutex);
        if (own.jobs.empty()) {
            own.last_end = 0;
            return false;
        }
        job = std::move(own.jobs.front());
        own.jobs.pop_front();
    }
    run(own, job);
    return true;
}

inline void RankServer::run_thread(RankLane& mine) noexcept {
    name_current_thread("cf_rank", mine.number);
    std::unique_lock lock(mine.mutex);
    for (;;) {
        mine.has_jobs.wait(lock, [&] { return !mine.jobs.empty() || mine.ends; });
        if (mine.jobs.empty()) break;
        Job job = std::move(mine.jobs.front());
        mine.jobs.pop_front();
        lock.unlock();
        try {
            run(mine, job);
        } catch (const std::exception& error) {  // no memory for an answer: the root would wait for ever
            std::fprintf(stderr, "concurrent::futures: an MPI rank cannot answer: %s\n", error.what());
            std::abort();
        }
        const bool last = mine.pools.empty();
        job = Job();
        lock.lock();
        if (last && mine.jobs.empty()) break;
    }
    mine.runs = false;
}

inline void RankServer::stop_threads() {
    for (const auto& each : lanes_) {
        {
            const std::lock_guard lock(each->mutex);
            each->ends = true;
            each->has_jobs.notify_one();
        }
        if (each->thread.joinable()) each->thread.join();
    }
}

inline void RankServer::run(RankLane& mine, Job& job) {
    const bool has_thread = mine.number != 0 || !own_lane_;
    switch (job.frame.header.type) {
        case FrameType::task:
            run_task(mine, job);
            break;
        case FrameType::configure:
            configure(mine, job);
            break;
        default:
            leave(mine, job.frame.header.reserved_too);
            break;
    }
    if (has_thread) on_replies();
}

inline void RankServer::run_task(RankLane& mine, Job& job) {
    const FrameHeader& header = job.frame.header;
    const auto pool = mine.pools.find(header.reserved_too);
    if (pool == mine.pools.end() || pool->second.failed)
        return reply(FrameType::skipped, header.task, mine.number, {});
    const std::int64_t begin = mine.last_end != 0 ? mine.last_end : monotonic_nanoseconds();
    running_call.id = header.task;
    running_call.name_size = (std::min)(job.name.size(), running_call.name.size());
    std::memcpy(running_call.name.data(), job.name.data(), running_call.name_size);
    FrameType type = FrameType::result;
    mine.reply.clear();
    try {
        Decoder decoder(job.frame.body);
        run_encoded_call(decoder, mine.reply, {&mine.stop_request, header.task});
        if (!mine.reply.named().empty()) check_regions(mine.reply);
    } catch (ForcedUnwind&) {
        abort_for_ended_thread();
    } catch (...) {
        type = FrameType::exception;
        mine.reply.clear();
        encode_exception(mine.reply, std::current_exception());
    }
    running_call.id = 0;
    const std::int64_t end = monotonic_nanoseconds();
    mine.last_end = mine.number == 0 && own_lane_ ? end : 0;
    if (mine.number == 0) own_duration_ = end - begin;
    if (mine.reply.size() < bulk_from) return reply(type, header.task, mine.number, mine.reply.bytes(), end - begin);
    // The bytes go out from where they are, and are freed then.
    ByteBuffer bytes = std::move(mine.reply).take();
    mine.reply = Encoder();
    const std::span where = bytes.bytes();
    reply(type, header.task, mine.number, where, end - begin, std::move(bytes));
}

inline void RankServer::configure(RankLane& mine, const Job& job) {
    PoolHere& pool = mine.pools[job.frame.header.reserved_too];
    try {
        Encoder copy;
        copy.write_bytes(job.frame.body.data(), job.frame.body.size());
        pool.configuration = std::move(copy).take();
        Decoder decoder(pool.configuration.bytes());
        const auto read_part = [&] {
            const std::uint64_t size = decoder.read_u64();
            decoder.align(16);
            return decoder.read_bytes(static_cast<std::size_t>(size));
        };
        const auto initializer = read_part();
        pool.worker_exit = read_part();
        run_hook(initializer);
    } catch (ForcedUnwind&) {
        abort_for_ended_thread();
    } catch (...) {
        pool.failed = true;
        Encoder error;
        encode_exception(error, std::current_exception());
        return reply(FrameType::start_failed, job.frame.header.reserved_too, mine.number, error.bytes());
    }
    reply(FrameType::ready, job.frame.header.reserved_too, mine.number, {});
}

inline void RankServer::leave(RankLane& mine, std::uint32_t pool) {
    Encoder error;
    const auto place = mine.pools.find(pool);
    try {
        if (place != mine.pools.end() && !place->second.failed) run_hook(place->second.worker_exit);
    } catch (ForcedUnwind&) {
        abort_for_ended_thread();
    } catch (...) {
        encode_exception(error, std::current_exception());
    }
    if (place != mine.pools.end()) mine.pools.erase(place);
    std::fflush(nullptr);
    reply(FrameType::left, pool, mine.number, error.bytes());
}

inline void RankServer::keep_region(const ReceivedFrame& memory) {
    if (memory.body.size() != next_region_.size) throw SerializationError("memory of an MPI pool of a wrong size");
    SharedBlock block = SharedBlock::draft(memory.body.size());
    std::memcpy(block.data(), memory.body.data(), memory.body.size());
    block.freeze(memory.body.size());
    auto region = SharedRegion::adopt(FileDescriptor(::dup(block.fd())), next_region_);
    const std::lock_guard lock(regions_mutex_);
    regions_.push_back(std::move(region));
}

/// A result may name what the root has sent, and nothing else: memory of this machine is not the root's.
inline void RankServer::check_regions(const Encoder& reply) {
    const std::lock_guard lock(regions_mutex_);
    for (const auto& region : reply.named())
        if (!is_root_ && std::find(regions_.begin(), regions_.end(), region) == regions_.end())
            throw SerializationError(
                "a Broadcast or SharedArray that was made in a task cannot be the result of an MPI pool: return "
                "the value");
}

inline void RankServer::reply(FrameType type, std::uint64_t task, std::size_t lane, std::span<const std::byte> body,
                              std::int64_t nanoseconds, ByteBuffer owner) {
    const auto most = std::int64_t{(std::numeric_limits<std::uint32_t>::max)()};
    const std::lock_guard lock(outbox_mutex_);
    outbox_.add(type, task, lane, body, static_cast<std::uint32_t>((std::min)(nanoseconds, most)),
                std::move(owner));
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
