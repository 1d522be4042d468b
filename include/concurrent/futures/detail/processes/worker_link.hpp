// SPDX-License-Identifier: MIT
//
// worker_link.hpp: the pool's end of one worker: its process, the memory and the two pipes that pool and worker share,
// and the tasks that were given to it (tasks_in_flight.hpp, outgoing_frames.hpp).
//
// Messages are in the rings of the page (worker_page.hpp); a byte in a pipe wakes the side that sleeps. Nothing here is
// shared with other workers, and nothing blocks the pool. Threads: guarded by the pool's mutex. The manager thread also
// rings and reads the pipes without it. While the manager thread sleeps, direct_path.hpp does its work in other threads,
// with the mutex, and may close a pipe that is broken.
#pragma once

#include <signal.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/child_process.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"
#include "concurrent/futures/detail/platform/shared_page.hpp"
#include "concurrent/futures/detail/processes/obituary.hpp"
#include "concurrent/futures/detail/processes/outgoing_frames.hpp"
#include "concurrent/futures/detail/processes/region_exchange.hpp"
#include "concurrent/futures/detail/processes/start_environment.hpp"
#include "concurrent/futures/detail/processes/tasks_in_flight.hpp"
#include "concurrent/futures/detail/processes/worker_life.hpp"
#include "concurrent/futures/detail/processes/worker_pace.hpp"
#include "concurrent/futures/detail/processes/worker_page.hpp"
#include "concurrent/futures/detail/processes/worker_pipes.hpp"
#include "concurrent/futures/detail/wire/frame.hpp"
#include "concurrent/futures/detail/wire/payload_arena.hpp"
#include "concurrent/futures/detail/wire/pool_descriptors.hpp"
#include "concurrent/futures/detail/wire/remote_task.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class WorkerLink {
  public:
    /// The descriptors for the worker; close them when it has them. `calls`: the pool's arena, for large calls.
    /// `payloads`: the worker's arena, for large results.
    struct Ends {
        FileDescriptor tasks, results, page, calls, payloads, memory;
        std::array<int, worker_descriptors> numbers() const noexcept {
            return {tasks.get(), results.get(), page.get(), calls.get(), payloads.get(), memory.get()};
        }
    };

    /// `calls`: where large calls are; may be null.
    WorkerLink(std::uint32_t number, const PayloadArena* calls, Ends& ends, const LockRule& rule = LockRule::none())
        : rule_(rule),
          number_(number),
          calls_(calls),
          page_(sizeof(WorkerPage)),
          shared_(*::new (page_.memory()) WorkerPage),
          outgoing_(shared_.tasks),
          reader_(shared_.results),
          pipes_(shared_.worker_bell, shared_.pool_bell) {
        PoolDescriptors& descriptors = PoolDescriptors::instance();
        const std::lock_guard lock(descriptors.mutex);
        Pipe task_pipe = make_pipe();
        Pipe result_pipe = make_pipe();
        ends.tasks = moved_up(std::move(task_pipe.read_end));
        ends.results = moved_up(std::move(result_pipe.write_end));
        ends.page = moved_up(FileDescriptor(::fcntl(page_.fd(), F_DUPFD_CLOEXEC, 10)));
        page_.close_fd();
        results_in_memory_ = PayloadView::of_results(
            calls ? SharedMemory::make(calls->region().size(), SharedMemory::Access::read)
                  : SharedMemory());
        if (calls) ends.calls = calls->region().descriptor(SharedMemory::Access::read);
        if (results_in_memory_)
            ends.payloads = results_in_memory_->region().descriptor(SharedMemory::Access::write);
        // A worker takes nothing for shared memory that is not sealed.
        for (FileDescriptor* const end : {&ends.calls, &ends.payloads})
            if (!*end) *end = moved_up(FileDescriptor(::fcntl(ends.page.get(), F_DUPFD_CLOEXEC, 10)));
        auto sockets = make_descriptor_sockets();
        ends.memory = moved_up(std::move(sockets.second));
        regions = RegionLender(PoolDescriptor(std::move(sockets.first)));
        set_nonblocking(task_pipe.write_end);
        set_nonblocking(result_pipe.read_end);
        PoolDescriptor tasks_end(std::move(task_pipe.write_end));
        pipes_.open(std::move(tasks_end), PoolDescriptor(std::move(result_pipe.read_end)));
    }
    WorkerLink(const WorkerLink&) = delete;
    WorkerLink& operator=(const WorkerLink&) = delete;

    std::uint32_t number() const noexcept { return number_; }
    ControlPage& page() const noexcept { return shared_.control; }

    // Tasks: with the pool's mutex.

    /// Gives it the task; a slot must be free. Takes over the manager's reference. The frame is written before the
    /// slot, but the worker sees it only when flush() publishes it.
    void give(RemoteTask& task) {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        const std::size_t slot = tasks.free_slot();
        const bool in_shared_memory = task.call().is_stored() && reads_shared_memory;
        if (in_shared_memory) keeps_memory = true;
        outgoing_.queue_task(task, slot, in_shared_memory ? calls_ : nullptr);
        tasks.put(task, slot);
        task.stage = RemoteTask::Stage::sent;
        task.worker = this;
        task.slot = static_cast<std::uint8_t>(slot);
        page().put(slot, task.id);
    }
    /// True when the worker will not run it. Its slot stays taken until the worker has skipped it.
    bool try_revoke(const RemoteTask& task) noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return tasks.try_revoke(task, page());
    }

    // Messages.

    std::uint64_t received() const noexcept { return incoming_.received(); }
    bool has_output() const noexcept { return !outgoing_.empty() && pipes_.tasks_open(); }
    /// There may be something to receive.
    bool has_news() const noexcept { return pipes_.results_open() && process.pid() > 0 && reader_.has_news(); }
    /// There is something to write, and room for it.
    bool can_write() const noexcept { return has_output() && outgoing_.may_have_room(); }

    /// It has closed its pipe without being told to leave, so its process is most likely about to be gone.
    bool exits_now() const noexcept { return !pipes_.results_open() && life.is_dying() && !life.is_reaped(); }

    /// What a thread that watches looks at without the lock: has it moved beyond what position() was with it?
    const ByteRing& results() const noexcept { return shared_.results; }
    std::uint64_t position() const noexcept { return reader_.position(); }

    /// Finds the body of a frame that lies in shared memory. Only a result may be large. Throws SerializationError for an
    /// impossible place.
    void fetch_body(Frame& frame) {
        if (frame.header.body == BodyKind::in_frame) return;
        if (frame.header.type != FrameType::result)
            throw SerializationError("a message in shared memory that is no result");
        fetch_payload(frame, results_in_memory_.get());
        keeps_memory = true;
    }
    void queue_frame(const FrameHeader& header, std::span<const std::byte> body) { outgoing_.queue(header, body); }
    /// Writes what fits into the ring. Throws SerializationError when the worker has written an impossible position.
    void flush() {
        if (pipes_.tasks_open() && outgoing_.flush()) pipes_.note_bytes_written();
    }
    /// Receives what there is now; hands each frame to `receive`. Throws SerializationError for bytes that are no
    /// frame.
    template <class Receive>
    void read_frames(Receive receive);
    /// The worker reads this and leaves. Closing the pipe is not enough: the worker does not see its end while another
    /// process has it open, such as a fork that the program made.
    void stop() {
        queue_frame(make_header(FrameType::stop, 0), {});
        stopping_ = true;
    }

    // Sleep and wake-ups.

    WorkerPipes& pipes() noexcept { return pipes_; }
    const WorkerPipes& pipes() const noexcept { return pipes_; }
    /// Before the pool sleeps: the worker writes to the results pipe when there is something for the pool. After this, ask
    /// has_news() and can_write() once more.
    void expect_news() noexcept { pipes_.expect(Bell::bytes | (has_output() ? Bell::room : 0)); }
    /// Wakes the worker, if it sleeps and has something to do.
    void ring() noexcept {
        pipes_.ring();
        if (stopping_ && outgoing_.empty()) pipes_.close_tasks();
    }

    // Kept here for other parts of the engine.
    TasksInFlight tasks;
    WorkerPace pace;
    unsigned watchers = 0;  // threads that look at this worker's results in place of the manager thread
    bool reads_shared_memory = false;  // the worker can read large bodies from shared memory
    bool keeps_memory = false;         // the worker has shared memory that it may not need any more
    RegionLender regions;              // SharedArrays and Broadcasts that it asks for or makes
    WorkerLife life;
    ProcessHandle process;
    const std::int64_t born = monotonic_nanoseconds();
    bool start_is_noted = false;                    // WorkerDeaths::note_start() was called
    std::optional<std::uint64_t> oom_kills_before;  // OomKills::count() at its start
    OutOfMemory out_of_memory = OutOfMemory::unknown;
    std::int64_t heard_at = 0;  // when something came
    std::int64_t paused = 0;    // as InFlight::paused, of the worker's whole life
    /// Asks the worker to end, with SIGTERM. Before process_main() it has nothing to clean up: SIGKILL then.
    void ask_to_end() noexcept {
        page().ask_to_end();
        process.send_signal(page().first_peak() == 0 ? SIGKILL : SIGTERM);
    }
    void kill() noexcept {
        life.note_kill();
        process.send_signal(SIGKILL);
    }
    /// The worker gets a moment to end by itself, so that the pool learns how it died; then it is killed.
    void leave_a_moment() noexcept { life.force_by(monotonic_nanoseconds() + moment); }
    std::size_t index = 0;  // see this_worker.hpp; the manager thread's
    std::chrono::steady_clock::time_point idle_since = std::chrono::steady_clock::now();

  private:
    static constexpr std::int64_t moment = 100'000'000;  // nanoseconds

    const LockRule& rule_;
    const std::uint32_t number_;
    const PayloadArena* const calls_;
    PayloadHandle<PayloadView> results_in_memory_;
    SharedPage page_;
    WorkerPage& shared_;
    OutgoingFrames outgoing_;
    RingReader reader_;
    WorkerPipes pipes_;
    bool stopping_ = false;
    FrameAssembler incoming_;
};

template <class Receive>
void WorkerLink::read_frames(Receive receive) {
    CONCURRENT_FUTURES_ASSERT(rule_.locked());
    // Only what is there now: a worker that never stops must not keep the pool here.
    std::size_t available = reader_.available();
    if (available == 0) return;
    while (available > 0) {
        const std::span<std::byte> room = incoming_.room();
        const std::size_t size = (std::min)(available, room.size());
        reader_.read(room.data(), size);
        incoming_.commit(size);
        available -= size;
        while (std::optional<Frame> frame = incoming_.next()) receive(*frame);
    }
    reader_.publish();
    pipes_.note_room_made();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
