// SPDX-License-Identifier: MIT
//
// rank_tasks.hpp: runs the jobs of a rank's lanes: tasks, and the initializer and worker_exit of pools.
//
//     tasks.run(lane, job);          // in the lane's thread; the answer is in the outbox then
//
// What a task throws becomes its outcome. A task that ends its thread cannot be answered for: the job is aborted.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <span>
#include <utility>

#include "concurrent/futures/detail/mpi/rank_crash.hpp"
#include "concurrent/futures/detail/mpi/rank_lane.hpp"
#include "concurrent/futures/detail/mpi/rank_outbox.hpp"
#include "concurrent/futures/detail/mpi/rank_regions.hpp"
#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/platform/monotonic_clock.hpp"
#include "concurrent/futures/detail/serialization/codecs.hpp"
#include "concurrent/futures/detail/serialization/exception_codec.hpp"
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

class RankTasks {
  public:
    /// `results`: where large results are encoded; null: in the heap.
    RankTasks(RankOutbox& outbox, RankRegions& regions, ByteStore* results) noexcept
        : outbox_(outbox), regions_(regions), results_(results) {}

    /// Returns the nanoseconds that a task took; 0 for other jobs. Throws std::bad_alloc if there is no memory for an answer.
    std::int64_t run(RankLane& lane, const RankJob& job) {
        switch (job.frame.header.type) {
            case FrameType::task:
                return run_task(lane, job);
            case FrameType::configure:
                enter(lane, job);
                return 0;
            default:
                leave(lane, job.frame.header.reserved_too);
                return 0;
        }
    }

  private:
    std::int64_t run_task(RankLane& lane, const RankJob& job);
    void enter(RankLane& lane, const RankJob& job);
    void leave(RankLane& lane, std::uint32_t pool);
    static void run_hook(std::span<const std::byte> call) {
        if (call.empty()) return;
        Decoder decoder(call);
        Encoder nothing;
        run_encoded_call(decoder, nothing);
    }

    RankOutbox& outbox_;
    RankRegions& regions_;
    ByteStore* const results_;
};

inline std::int64_t RankTasks::run_task(RankLane& lane, const RankJob& job) {
    const FrameHeader& header = job.frame.header;
    const auto pool = lane.pools.find(header.reserved_too);
    if (pool == lane.pools.end() || pool->second.failed) {
        outbox_.add(FrameType::skipped, header.task, lane.number, {});
        return 0;
    }
    const std::int64_t begin = lane.last_end != 0 ? lane.last_end : monotonic_nanoseconds();
    running_call.id = header.task;
    running_call.name_size = (std::min)(job.name.size(), running_call.name.size());
    std::memcpy(running_call.name.data(), job.name.data(), running_call.name_size);
    FrameType type = FrameType::result;
    lane.reply.clear();
    try {
        Decoder decoder(job.frame.body);
        run_encoded_call(decoder, lane.reply, {&lane.stop_request, header.task});
        regions_.require_known(lane.reply);
    } catch (ForcedUnwind&) {
        abort_for_ended_thread();
    } catch (...) {
        type = FrameType::exception;
        lane.reply.clear();
        encode_exception(lane.reply, std::current_exception());
    }
    running_call.id = 0;
    lane.last_end = monotonic_nanoseconds();
    const std::int64_t took = lane.last_end - begin;
    if (lane.reply.size() < bulk_from) {
        outbox_.add(type, header.task, lane.number, lane.reply.bytes(), took);
        return took;
    }
    // The bytes go out from where they are, and are freed then.
    outbox_.add_own(type, header.task, lane.number, std::move(lane.reply).take(), took);
    lane.reply = Encoder(ByteBuffer(results_));
    return took;
}

/// The lane gets to know a pool.
inline void RankTasks::enter(RankLane& lane, const RankJob& job) {
    const std::uint32_t number = job.frame.header.reserved_too;
    RankLane::Pool& pool = lane.pools[number];
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
        return outbox_.add_own(FrameType::start_failed, number, lane.number, std::move(error).take());
    }
    outbox_.add(FrameType::ready, number, lane.number, {});
}

inline void RankTasks::leave(RankLane& lane, std::uint32_t pool) {
    Encoder error;
    const auto place = lane.pools.find(pool);
    try {
        if (place != lane.pools.end() && !place->second.failed) run_hook(place->second.worker_exit);
    } catch (ForcedUnwind&) {
        abort_for_ended_thread();
    } catch (...) {
        encode_exception(error, std::current_exception());
    }
    if (place != lane.pools.end()) lane.pools.erase(place);
    std::fflush(nullptr);
    outbox_.add_own(FrameType::left, pool, lane.number, std::move(error).take());
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
