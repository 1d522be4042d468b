// SPDX-License-Identifier: MIT
//
// When workers are told to give back memory of large bodies. The workers are no processes.
#include <concurrent/futures/detail/processes/pool_memory.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <vector>

#include "concurrent/futures/detail/processes/pool_parts.hpp"

namespace {

using namespace concurrent::futures::detail;
using Clock = std::chrono::steady_clock;

/// The types of the frames that the pool has written for a worker.
std::vector<FrameType> sent_to(WorkerLink& worker) {
    worker.flush();
    RingReader reader(static_cast<WorkerPage*>(static_cast<void*>(&worker.page()))->tasks);
    FrameAssembler assembler;
    std::vector<FrameType> types;
    for (std::size_t left = reader.available(); left > 0;) {
        const std::span<std::byte> room = assembler.room();
        const std::size_t size = (std::min)(left, room.size());
        reader.read(room.data(), size);
        assembler.commit(size);
        left -= size;
        while (const auto frame = assembler.next()) types.push_back(frame->header.type);
    }
    return types;
}

struct PoolWithMemory : parts::Pool {
    PoolWithMemory() { tables.memory.open(tables.signal.wake_up()); }
    ~PoolWithMemory() { PoolMemory::close(tables.signal.wake_up()); }
};

TEST_CASE("a while after the last large body, ready workers that keep memory are told to give it back", "[pool_memory]") {
    PoolWithMemory pool;
    PoolMemory& memory = pool.tables.memory;
    if (!memory.arena()) SKIP("no shared memory here");
    WorkerLink& keeps = pool.add_worker();
    WorkerLink& keeps_none = pool.add_worker();
    WorkerLink& starts = pool.add_worker(false);
    keeps.keeps_memory = starts.keeps_memory = true;

    CHECK(!memory.keeps_unused());
    memory.trim(pool.tables.workers);
    CHECK(sent_to(keeps).empty());  // nothing was large

    memory.note_large(Clock::now() + std::chrono::hours(1));
    CHECK(memory.keeps_unused());
    memory.trim(pool.tables.workers);
    CHECK((memory.keeps_unused() && keeps.keeps_memory && sent_to(keeps).empty()));  // too early

    memory.note_large(Clock::now() - std::chrono::hours(1));
    memory.trim(pool.tables.workers);
    CHECK(!memory.keeps_unused());
    CHECK(sent_to(keeps) == std::vector{FrameType::trim});
    CHECK(!keeps.keeps_memory);
    CHECK(sent_to(keeps_none).empty());
    CHECK((sent_to(starts).empty() && starts.keeps_memory));
}

TEST_CASE("each large body puts off the time at which memory is given back", "[pool_memory]") {
    PoolMemory memory;
    const Clock::time_point now = Clock::now();
    memory.note_large(now);
    const Clock::time_point first = memory.trim_at();
    CHECK(first > now);
    memory.note_large(now + std::chrono::minutes(1));
    CHECK(memory.trim_at() - first == std::chrono::minutes(1));
}

TEST_CASE("without shared memory large calls are encoded in the heap", "[pool_memory]") {
    const PoolMemory memory;
    CHECK(memory.arena() == nullptr);
}

}  // namespace
