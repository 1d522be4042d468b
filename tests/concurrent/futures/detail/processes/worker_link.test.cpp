// SPDX-License-Identifier: MIT
//
// The pool's end of a worker that is no process: the test reads and writes what the worker would.
#include <concurrent/futures/detail/processes/worker_link.hpp>
#include <concurrent/futures/detail/platform/forked_process.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/processes/pool_parts.hpp"

namespace {

using namespace concurrent::futures::detail;

WorkerPage& page_of(const WorkerLink& worker) { return *static_cast<WorkerPage*>(static_cast<void*>(&worker.page())); }

TEST_CASE("a task that a worker was given is on its page and in its ring", "[worker_link]") {
    WorkerLink::Ends ends;
    WorkerLink worker(1, nullptr, ends);
    recorded::Task task(parts::encoded(1));
    task.id = 10;
    worker.give(task);
    CHECK((task.stage == RemoteTask::Stage::sent && task.worker == &worker));
    CHECK(worker.page().state(task.slot, task.id) == SlotState::sent);
    CHECK((worker.tasks.in_flight() == 1 && worker.tasks.find(task.slot, 10) != nullptr));
    CHECK(page_of(worker).tasks.written == 0);  // the worker does not see it yet
    worker.flush();
    CHECK(page_of(worker).tasks.written > 0);
    CHECK(worker.try_revoke(task));
    CHECK(!worker.page().start(task.slot, task.id));
    CHECK((worker.tasks.in_flight() == 1 && worker.tasks.wanted() == 0));
}

TEST_CASE("a worker that sleeps gets one byte for what is new, one that is awake gets none", "[worker_link]") {
    WorkerLink::Ends ends;
    WorkerLink worker(1, nullptr, ends);
    for (const bool sleeps : {false, true}) {
        if (sleeps) page_of(worker).worker_bell.expect(Bell::bytes);
        recorded::Task task;
        worker.give(task);
        worker.flush();
        worker.ring();
        worker.ring();
        set_nonblocking(ends.tasks);
        char bytes[8];
        CHECK(::read(ends.tasks.get(), bytes, sizeof bytes) == (sleeps ? 1 : -1));
    }
}

TEST_CASE("frames of a worker are handed over whole, and bytes that are none are an error", "[worker_link]") {
    WorkerLink::Ends ends;
    WorkerLink worker(1, nullptr, ends);
    recorded::Task task;
    task.id = 7;
    std::vector<std::uint64_t> seen;
    const auto note = [&](const Frame& frame) { seen.push_back(frame.header.task); };
    worker.read_frames(note);
    CHECK(seen.empty());
    ByteBuffer frame;
    append_frame(frame, make_header(FrameType::result, 0, 7), {});
    parts::write(worker, frame.bytes().first(frame.size() - 1));
    worker.read_frames(note);
    CHECK(seen.empty());
    parts::write(worker, frame.bytes().last(1));
    worker.read_frames(note);
    CHECK(seen == std::vector<std::uint64_t>{7});
    parts::write(worker, std::vector(64, std::byte{1}));
    CHECK_THROWS_AS(worker.read_frames(note), concurrent::futures::SerializationError);
}

TEST_CASE("a worker that was told to leave loses its pipe when it has all messages", "[worker_link]") {
    WorkerLink::Ends ends;
    WorkerLink worker(1, nullptr, ends);
    worker.stop();
    worker.flush();
    worker.ring();
    char byte;
    CHECK(::read(ends.tasks.get(), &byte, 1) == 0);
    CHECK(!worker.has_output());
}

TEST_CASE("a worker gets the pool's memory for calls as it is", "[worker_link]") {
    PoolDescriptors& descriptors = PoolDescriptors::instance();
    PayloadHandle<PayloadArena> calls;
    {
        const std::lock_guard lock(descriptors.mutex);
        calls = PayloadArena::over(SharedMemory::make(1024 * 1024, SharedMemory::Access::write));
    }
    REQUIRE(calls);
    WorkerLink::Ends ends;
    const WorkerLink worker(1, calls.get(), ends);
    struct stat pool_memory {};
    struct stat worker_memory {};
    REQUIRE((::fstat(calls->region().fd(), &pool_memory) == 0 && ::fstat(ends.calls.get(), &worker_memory) == 0));
    CHECK((pool_memory.st_dev == worker_memory.st_dev && pool_memory.st_ino == worker_memory.st_ino));
}

TEST_CASE("a worker that was told to leave keeps its pipe until it has been sent everything", "[worker_link]") {
    WorkerLink::Ends ends;
    WorkerLink worker(1, nullptr, ends);
    const std::vector<std::byte> large(2 * ByteRing::capacity);
    worker.queue_frame(make_header(FrameType::forget, large.size()), large);
    worker.stop();
    RingReader reader(page_of(worker).tasks);
    std::vector<std::byte> room(ByteRing::capacity);
    std::size_t read = 0;
    for (int rounds = 0; rounds < 5 && worker.pipes().tasks_open(); ++rounds) {
        worker.flush();
        worker.ring();
        const std::size_t size = reader.available();
        reader.read(room.data(), size);
        reader.publish();
        read += size;
    }
    CHECK(!worker.pipes().tasks_open());
    CHECK(read == large.size() + 2 * sizeof(FrameHeader));
}

TEST_CASE("before it sleeps the pool asks for news of room only if there is something to write", "[worker_link]") {
    WorkerLink::Ends ends;
    WorkerLink worker(1, nullptr, ends);
    worker.expect_news();
    CHECK((!page_of(worker).pool_bell.must_ring(Bell::room) && page_of(worker).pool_bell.must_ring(Bell::bytes)));
    const std::vector<std::byte> large(2 * ByteRing::capacity);
    worker.queue_frame(make_header(FrameType::forget, large.size()), large);
    worker.flush();
    worker.expect_news();
    CHECK(page_of(worker).pool_bell.must_ring(Bell::room));
}

TEST_CASE("a worker that was given or has sent a large body keeps memory", "[worker_link]") {
    PayloadHandle<PayloadArena> calls, results;
    WorkerLink::Ends ends;
    const auto large_in = [](PayloadArena& arena) {
        concurrent::futures::Encoder encoder{ByteBuffer(&arena)};
        const std::vector<std::byte> bytes(1024 * 1024);
        encoder.write_bytes(bytes.data(), bytes.size());
        return std::move(encoder).take();
    };
    {
        const std::lock_guard lock(PoolDescriptors::instance().mutex);
        calls = PayloadArena::over(SharedMemory::make(64 * 1024 * 1024, SharedMemory::Access::write));
    }
    REQUIRE(calls);
    WorkerLink worker(1, calls.get(), ends);
    {
        const std::lock_guard lock(PoolDescriptors::instance().mutex);
        results = PayloadArena::over(SharedMemory::map(std::move(ends.payloads), SharedMemory::Access::write));
    }
    REQUIRE(results);
    recorded::Task task(large_in(*calls.get()));
    REQUIRE(task.call().is_stored());
    worker.reads_shared_memory = true;
    worker.give(task);
    CHECK(worker.keeps_memory);

    worker.keeps_memory = false;
    ByteBuffer result = large_in(*results.get());
    const auto place = results->send(result);
    REQUIRE(place);
    Frame frame{make_header(FrameType::result, sizeof *place, task.id, task.slot, BodyKind::in_shared_memory), {}, false};
    std::memcpy(frame.body.extend(sizeof *place), &*place, sizeof *place);
    worker.fetch_body(frame);
    CHECK((frame.body.is_stored() && worker.keeps_memory));
}

TEST_CASE("a worker that was told to leave keeps its pipe while not all that was to be sent fits into the ring", "[worker_link]") {
    WorkerLink::Ends ends;
    WorkerLink worker(1, nullptr, ends);
    const std::vector<std::byte> large(2 * ByteRing::capacity);
    worker.queue_frame(make_header(FrameType::forget, large.size()), large);
    worker.stop();
    worker.flush();
    worker.ring();
    CHECK((worker.pipes().tasks_open() && worker.has_output()));
    RingReader of_worker(page_of(worker).tasks);
    std::vector<std::byte> sink(ByteRing::capacity);
    while (worker.has_output()) {
        of_worker.read(sink.data(), of_worker.available());
        of_worker.publish();
        worker.flush();
    }
    worker.ring();
    CHECK(!worker.pipes().tasks_open());
}

TEST_CASE("a worker that waits for room to write is woken when its messages have been read", "[worker_link]") {
    WorkerLink::Ends ends;
    WorkerLink worker(1, nullptr, ends);
    recorded::Task task;
    parts::say(worker, FrameType::result, task);
    page_of(worker).worker_bell.expect(Bell::room);
    worker.read_frames([](const Frame&) {});
    worker.ring();
    set_nonblocking(ends.tasks);
    char bytes[8];
    CHECK(::read(ends.tasks.get(), bytes, sizeof bytes) == 1);
}

TEST_CASE("a large call stays in shared memory for a worker that reads it there, which then has memory to give back", "[worker_link]") {
    PayloadHandle<PayloadArena> calls;
    {
        const std::lock_guard lock(PoolDescriptors::instance().mutex);
        calls = PayloadArena::over(SharedMemory::make(1024 * 1024, SharedMemory::Access::write));
    }
    REQUIRE(calls);
    for (const bool reads : {false, true}) {
        concurrent::futures::Encoder encoder{ByteBuffer(calls.get())};
        for (int i = 0; i < 100'000; ++i) encoder.encode(i);
        recorded::Task task(std::move(encoder).take());
        REQUIRE(task.call().is_stored());
        WorkerLink::Ends ends;
        WorkerLink worker(1, calls.get(), ends);
        worker.reads_shared_memory = reads;
        worker.give(task);
        worker.flush();
        FrameHeader header{};
        RingReader of_worker(page_of(worker).tasks);
        REQUIRE(of_worker.available() >= sizeof header);
        of_worker.read(static_cast<std::byte*>(static_cast<void*>(&header)), sizeof header);
        CHECK((header.body == BodyKind::in_frame) == !reads);
        CHECK(worker.keeps_memory == reads);
    }
}

TEST_CASE("a worker is asked to end by SIGTERM, or killed before it is in process_main()", "[worker_link]") {
    for (const bool is_in_main : {false, true}) {
        WorkerLink::Ends ends;
        WorkerLink worker(1, nullptr, ends);
        const auto handler = ::signal(SIGTERM, SIG_DFL);  // the child is to have none of the test's
        const pid_t pid = fork_process();
        if (pid == 0)
            for (;;) ::pause();
        ::signal(SIGTERM, handler);
        REQUIRE(pid > 0);
        worker.process = ProcessHandle(pid, open_pidfd(pid));
        if (is_in_main) worker.page().note_first_peak(1);
        worker.ask_to_end();
        const ExitStatus status = worker.process.reap();
        CHECK(status.signal == (is_in_main ? SIGTERM : SIGKILL));
    }
}

}  // namespace
