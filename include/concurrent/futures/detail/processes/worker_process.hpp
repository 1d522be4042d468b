// SPDX-License-Identifier: MIT
//
// worker_process.hpp: what a worker does from its first breath to its last.
//
//     configure ──▶ run the initializer ──▶ "ready" ──┬─▶ task: start, run, end, send the result
//                                                     │        or, if it was revoked, "skipped"
//                                                     └─▶ stop, or end of the pipe: worker_exit, leave
//
// One thread (tasks that take a std::stop_token get another one, see stop_delivery.hpp). It waits where it has
// nothing to read or no room to write; the pool always makes room, so that ends. The result of a task is sent
// before the next one starts, so that a death loses the running task only. User code can throw whatever it
// likes: it becomes a message.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <system_error>

#include "concurrent/futures/detail/platform/child_process.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"
#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/platform/forked_process.hpp"
#include "concurrent/futures/detail/platform/group_signals.hpp"
#include "concurrent/futures/detail/platform/process_memory.hpp"
#include "concurrent/futures/detail/platform/processor_set.hpp"
#include "concurrent/futures/detail/platform/shared_page.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/processes/call_limits.hpp"
#include "concurrent/futures/detail/processes/ended_main_thread.hpp"
#include "concurrent/futures/detail/processes/region_exchange.hpp"
#include "concurrent/futures/detail/processes/worker_page.hpp"
#include "concurrent/futures/detail/serialization/codecs.hpp"
#include "concurrent/futures/detail/serialization/exception_codec.hpp"
#include "concurrent/futures/detail/state/unhandled.hpp"
#include "concurrent/futures/detail/state/worker_number.hpp"
#include "concurrent/futures/detail/wire/frame.hpp"
#include "concurrent/futures/detail/wire/payload_arena.hpp"
#include "concurrent/futures/detail/wire/task_registry.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// A worker's ends.
struct WorkerChannel {
    FileDescriptor tasks;     // to read wake-ups from
    FileDescriptor results;   // to write them to
    FileDescriptor page;      // the WorkerPage
    FileDescriptor calls;     // the pool's arena, with large calls; the page again: there is none
    FileDescriptor payloads;  // this worker's arena, for large results; likewise
    FileDescriptor memory;    // socket, see region_exchange.hpp
};

class WorkerProcess {
  public:
    WorkerProcess(WorkerChannel channel, pid_t parent)
        : parent_(parent),
          tasks_(std::move(channel.tasks)),
          results_(std::move(channel.results)),
          regions_(std::move(channel.memory),
                   [this](const RegionNumber& number) {
                       send_about_memory(FrameType::want, std::as_bytes(std::span(&number, 1)));
                   }),
          page_(std::move(channel.page), sizeof(WorkerPage)),
          shared_(*static_cast<WorkerPage*>(page_.memory())),
          reader_(shared_.tasks) {
        page_.close_fd();
        const std::lock_guard lock(PoolDescriptors::instance().mutex);
        calls_ = PayloadView::of_calls(
            SharedMemory::map(std::move(channel.calls), SharedMemory::Access::read));
        payloads_ = SharedMemory::map(std::move(channel.payloads), SharedMemory::Access::write);
        page_.stay_mapped();
        worker_number_of_this_process = static_cast<std::size_t>(shared_.control.worker_number());
        record_last_words(shared_.control.last_words());
        obey_end_request(shared_.control.end_request());
        shared_.control.note_first_peak(std::max<std::int64_t>(own_peak_memory(), 1));  // from now on SIGTERM works
    }

    /// Returns the exit code.
    int run() {
        while (std::optional<Frame> frame = receive()) {
            switch (frame->header.type) {
                case FrameType::configure:
                    if (!configure(std::move(frame->body).kept())) return EXIT_FAILURE;
                    break;
                case FrameType::task:
                    run_task(*frame);
                    incoming_.recycle(std::move(frame->body));
                    break;
                case FrameType::trim:
                    if (results_in_memory_) results_in_memory_->trim();
                    give_back_freed_memory();
                    break;
                case FrameType::forget:
                    regions_.forget(*frame);
                    break;
                case FrameType::stop:
                    leave();
                    return EXIT_SUCCESS;
                default:
                    throw SerializationError("a worker got a frame that is not for workers");
            }
        }
        leave();
        return EXIT_SUCCESS;
    }

  private:
    /// Empty at the end of the pipe: the pool wants no more, or is gone.
    std::optional<Frame> receive() {
        for (;;) {
            if (auto frame = incoming_.next()) {
                fetch_payload(*frame, calls_.get());
                return frame;
            }
            std::size_t available = reader_.available();
            if (available == 0) {
                if (!wait(Bell::bytes, [this] { return reader_.has_news(); })) return std::nullopt;
                continue;
            }
            const std::span<std::byte> room = incoming_.room();
            available = (std::min)(available, room.size());
            reader_.read(room.data(), available);
            incoming_.commit(available);
            reader_.publish();
            if (shared_.pool_bell.must_ring(Bell::room)) wake_pool();
        }
    }

    void send(FrameType type, std::span<const std::byte> body, std::uint64_t task = 0,
              std::size_t slot = 0, BodyKind kind = BodyKind::in_frame) {
        const FrameHeader header = make_header(type, body.size(), task, slot, kind);
        RingWriter writer(shared_.results);
        for (std::span<const std::byte> part :
             {std::as_bytes(std::span(&header, 1)), body, std::span(frame_padding).first(header.padding())}) {
            for (;;) {
                part = part.subspan(writer.write(part));
                if (part.empty()) break;
                hand_over(writer);
                // If the pool is gone, there will be no room; this process will see the end of the pipe.
                while (!wait(Bell::room, [&] { return writer.room_for(1) > 0; })) ::poll(nullptr, 0, 1);
            }
        }
        hand_over(writer);
    }
    void hand_over(RingWriter& writer) {
        writer.publish();
        if (shared_.pool_bell.must_ring(Bell::bytes)) wake_pool();
    }
    void wake_pool() {
        const std::byte byte{};
        const iovec part{const_cast<std::byte*>(&byte), 1};
        const IoResult result = write_some(results_.get(), {&part, 1});
        // The pool is gone. Without SIGPIPE, which the program may ignore, this is the end as well.
        if (result.kind == IoResult::Kind::closed) ::_exit(EXIT_FAILURE);
        if (result.kind != IoResult::Kind::moved)
            throw_system_error("a worker cannot wake its pool", result.error);
    }

    /// Returns when `over()` is true; false when it is not and the pool has closed its end of the pipe.
    template <class Condition>
    bool wait(std::uint32_t what, Condition over) {
        const std::int64_t began = monotonic_nanoseconds();
        const bool soon = last_wait_ < patience && spin_until(over);
        while (!soon && !over()) {
            shared_.worker_bell.expect(what);
            if (over()) break;
            std::array<std::byte, 64> wake_ups;
            const IoResult result = read_some(tasks_.get(), wake_ups.data(), wake_ups.size());
            if (result.kind == IoResult::Kind::closed && !over()) return false;
            if (result.kind == IoResult::Kind::failed)
                throw_system_error("a worker cannot wait for tasks", result.error);
        }
        shared_.worker_bell.forget();
        last_wait_ = monotonic_nanoseconds() - began;
        return true;
    }

    /// In the middle of a call, which fails if this does.
    void send_about_memory(FrameType type, std::span<const std::byte> body) {
        try {
            send(type, body);
        } catch (const std::system_error& error) {
            throw SerializationError(std::string("shared memory cannot be asked for or announced: ") + error.what());
        }
    }

    /// False when this worker must not work.
    bool configure(ByteBuffer body) {
        configuration_ = std::move(body);
        try {
            Decoder decoder(configuration_.bytes());
            if (decoder.read_u64() != program_identity())
                throw SerializationError(
                    "the worker runs another program than the pool: was the executable started through "
                    "a loader or wrapper?");
            const std::uint64_t limit = decoder.read_u64();
            limit_memory(limit);
            if (limit == 0) keep_freed_memory(kept_heap);
            if (calls_) {
                const std::lock_guard lock(PoolDescriptors::instance().mutex);
                results_in_memory_ = PayloadArena::over(std::move(payloads_), limit != 0);
                reply_ = fresh_reply();
            }
            const auto read_part = [&] {
                const std::uint64_t size = decoder.read_u64();
                decoder.align(16);
                return decoder.read_bytes(static_cast<std::size_t>(size));
            };
            const auto initializer = read_part();
            worker_exit_ = read_part();
            out_of_memory_ = read_part();
            run_hook(initializer);
            // The system forgets this when the initializer changes user or group.
            if (!die_with_parent(parent_)) ::_exit(EXIT_FAILURE);
        } catch (ForcedUnwind&) {
            throw;
        } catch (...) {
            Encoder encoder;
            encode_exception(encoder, std::current_exception());
            send(FrameType::start_failed, encoder.bytes());
            return false;
        }
        const std::byte reads_shared_memory{1};
        send(FrameType::ready, {&reads_shared_memory, std::size_t{calls_ ? 1u : 0u}});
        return true;
    }

    static void limit_memory(std::uint64_t bytes) {
        if (bytes == 0 || limit_own_memory(static_cast<std::size_t>(bytes))) return;
        throw BrokenProcessPool("ProcessPoolOptions::max_memory_bytes = " + std::to_string(bytes) +
                                " is less than what a worker of this program has from the start");
    }
    /// The initializer or worker_exit; the pool sees on the page how long it takes.
    void run_hook(std::span<const std::byte> call) {
        if (call.empty()) return;
        renew_call_limits();
        shared_.control.note_hook(monotonic_nanoseconds());
        const struct Over {
            ~Over() { page.note_hook(0); }
            ControlPage& page;
        } over{shared_.control};
        Decoder decoder(call);
        Encoder nothing;
        run_encoded_call(decoder, nothing);
        regions_.end_call();
    }

    void run_task(const Frame& frame) {
        const std::uint64_t task = frame.header.task;
        const std::size_t slot = frame.header.slot % ControlPage::slot_count;
        if (!shared_.control.start(slot, task)) {
            send(FrameType::skipped, {}, task, slot);
            return;
        }
        renew_call_limits();
        reply_.clear();
        FrameType type = FrameType::result;
        std::exception_ptr failure;
        try {
            if (frame.lost) throw std::bad_alloc();
            Decoder decoder(frame.body.bytes());
            run_encoded_call(decoder, reply_, {&shared_.control.stop_request(), task});
            regions_.send(reply_.named(), [this](const RegionName& name) {
                send_about_memory(FrameType::memory, std::as_bytes(std::span(&name, 1)));
            });
        } catch (ForcedUnwind&) {
            throw;  // for the pool the task is still running when this process ends
        } catch (...) {
            failure = std::current_exception();
        }
        if (failure) {  // not in the handler: see exception_codec.hpp
            type = FrameType::exception;
            encode_failure(failure);
            failure = nullptr;
        }
        shared_.control.end(slot, task);
        send_reply(type, task, slot);
        if (reply_.size() > kept_memory) reply_ = fresh_reply();  // do not keep a rare giant's
        reply_.clear();
        regions_.end_call();
    }

    void send_reply(FrameType type, std::uint64_t task, std::size_t slot) {
        ByteBuffer bytes = std::move(reply_).take();
        if (bytes.is_stored() && type == FrameType::result) {
            if (const auto place = results_in_memory_->send(bytes)) {
                reply_ = fresh_reply();
                return send(type, std::as_bytes(std::span(&*place, 1)), task, slot,
                            BodyKind::in_shared_memory);
            }
        }
        send(type, bytes.bytes(), task, slot);
        reply_ = Encoder(std::move(bytes));
    }
    Encoder fresh_reply() const noexcept { return Encoder(ByteBuffer(results_in_memory_.get())); }

    /// A task may have used up all the memory and keep it: then even this may find none.
    void encode_failure(const std::exception_ptr& error) {
        try {
            reply_.size() > kept_memory ? void(reply_ = fresh_reply()) : reply_.clear();
            encode_exception(reply_, error);
        } catch (const std::bad_alloc&) {
            reply_.clear();
            reply_.write_bytes(out_of_memory_.data(), out_of_memory_.size());
        }
    }

    void leave() {
        try {
            run_hook(worker_exit_);
        } catch (ForcedUnwind&) {
            throw;
        } catch (...) {
            report_unhandled(std::current_exception(), "worker_exit");
        }
        flush_standard_streams();
    }

    /// A worker that waited longer than this the last time does not spin: the next wait will be long, too. Nanoseconds.
    static constexpr std::int64_t patience = tuning::brief_sleep;
    static constexpr std::size_t kept_memory = tuning::kept_reply;
    static constexpr std::size_t kept_heap = tuning::kept_heap;  // until there is nothing large to do

    const pid_t parent_;
    FileDescriptor tasks_;
    FileDescriptor results_;
    RegionBorrower regions_;
    SharedPage page_;
    WorkerPage& shared_;
    RingReader reader_;
    std::int64_t last_wait_ = patience;  // nanoseconds
    PayloadHandle<PayloadView> calls_;
    SharedMemory payloads_;  // until it is known how much of it may be used
    PayloadHandle<PayloadArena> results_in_memory_;
    FrameAssembler incoming_;
    ByteBuffer configuration_;
    std::span<const std::byte> worker_exit_;    // in configuration_
    std::span<const std::byte> out_of_memory_;  // in configuration_
    Encoder reply_;
};

/// The terminal belongs to the program.
inline void leave_terminal() noexcept {
    // Ctrl-C goes to all processes of the terminal; what it means is for the program's own process to say.
    ::signal(SIGINT, SIG_IGN);
    withstand_group_signals();
    // Tasks must not take input meant for the program.
    const FileDescriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (nothing && nothing.get() != STDIN_FILENO) ::dup2(nothing.get(), STDIN_FILENO);
}

/// What a worker does before it knows its channel. `parent` is the process whose end is also ours. False: it has ended.
inline bool prepare_worker(pid_t parent) noexcept {
    leave_terminal();
    leave_openmp_place();
    return die_with_parent(parent);
}
/// The exit code, for end().
inline int run_prepared_worker(WorkerChannel channel, pid_t parent, EndProcess end) noexcept {
    try {
        WorkerProcess worker(std::move(channel), parent);
        mask_group_signals(SIG_UNBLOCK);
        return worker.run();
    } catch (ForcedUnwind&) {
        end_without_main_thread("a worker process", end);
    } catch (...) {
        report_unhandled(std::current_exception(), "a worker process");
        return EXIT_FAILURE;
    }
}
/// Both.
inline int run_worker(WorkerChannel channel, pid_t parent, EndProcess end) noexcept {
    return prepare_worker(parent) ? run_prepared_worker(std::move(channel), parent, end) : EXIT_FAILURE;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
