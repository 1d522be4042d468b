// SPDX-License-Identifier: MIT
//
// single_call.hpp: the child's side of a Process: one call, then the end. The parent's side is single_process.hpp.
//
//     page       what the parent wrote: program, limits, the call's bytes; and the control page of a worker
//     tasks      a pipe in which nothing is ever written: its end is the parent's end, see life_line.hpp
//     memory     a socket with the descriptors that belong to the call, see crossing.hpp
//
// One thread, as in a worker of a pool. Exit code 0: the call returned; 1: it threw, or could not be made, and stderr
// says why.
#pragma once

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/channels/crossing.hpp"
#include "concurrent/futures/detail/platform/child_process.hpp"
#include "concurrent/futures/detail/platform/descriptor_socket.hpp"
#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/platform/forked_process.hpp"
#include "concurrent/futures/detail/platform/group_signals.hpp"
#include "concurrent/futures/detail/platform/last_words.hpp"
#include "concurrent/futures/detail/platform/life_line.hpp"
#include "concurrent/futures/detail/platform/process_memory.hpp"
#include "concurrent/futures/detail/platform/processor_set.hpp"
#include "concurrent/futures/detail/platform/shared_page.hpp"
#include "concurrent/futures/detail/processes/control_page.hpp"
#include "concurrent/futures/detail/processes/ended_main_thread.hpp"
#include "concurrent/futures/detail/processes/worker_process.hpp"
#include "concurrent/futures/detail/serialization/codecs.hpp"
#include "concurrent/futures/detail/state/unhandled.hpp"
#include "concurrent/futures/detail/wire/pool_descriptors.hpp"
#include "concurrent/futures/detail/wire/task_registry.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Shared by a Process and its child. Behind it, at call_offset, lie the call's bytes and then the name's.
struct SingleCallPage {
    static constexpr std::size_t slot = 0;
    static constexpr std::uint64_t task = 1;  // its number on the control page

    ControlPage control;
    std::uint64_t program = 0;       // program_identity() of the parent
    std::uint64_t memory_limit = 0;  // bytes; 0: none
    std::uint64_t descriptors = 0;   // how many are in the socket
    std::uint64_t call_size = 0;
    std::uint64_t name_size = 0;
};
inline constexpr std::size_t call_offset = (sizeof(SingleCallPage) + 63) / 64 * 64;

class SingleCall {
  public:
    explicit SingleCall(WorkerChannel channel)
        : life_line_(std::move(channel.tasks)),
          socket_(std::move(channel.memory)),
          page_(map(std::move(channel.page))),
          shared_(*static_cast<SingleCallPage*>(page_.memory())) {}

    /// Returns the exit code, for end().
    int run(EndProcess end) noexcept {
        std::string where = "process " + std::to_string(::getpid());
        try {
            const std::string name(reinterpret_cast<const char*>(bytes() + call_offset + shared_.call_size),
                                   static_cast<std::size_t>(shared_.name_size));
            if (!name.empty()) where += " \"" + name + "\"";
            prepare();
            std::vector<ReceivedDescriptor> received = receive_descriptors();
            const DescriptorsIn descriptors(received);
            Decoder decoder({bytes() + call_offset, static_cast<std::size_t>(shared_.call_size)});
            Encoder nothing;
            run_encoded_call(decoder, nothing, {&shared_.control.stop_request(), SingleCallPage::task});
        } catch (ForcedUnwind&) {
            end_without_main_thread(where.c_str(), end);
        } catch (...) {
            report_unhandled(std::current_exception(), where.c_str());
            flush_standard_streams();
            return EXIT_FAILURE;
        }
        flush_standard_streams();
        return EXIT_SUCCESS;
    }

  private:
    static SharedPage map(FileDescriptor fd) {
        struct stat about{};
        if (::fstat(fd.get(), &about) != 0) throw_system_error("fstat");
        SharedPage page(std::move(fd), static_cast<std::size_t>(about.st_size));
        page.close_fd();
        return page;
    }
    std::byte* bytes() const noexcept { return static_cast<std::byte*>(page_.memory()); }

    void prepare() {
        if (!hold_life_line(life_line_)) ::_exit(EXIT_FAILURE);
        shared_.control.note_first_peak(own_peak_memory());
        page_.stay_mapped();
        record_last_words(shared_.control.last_words());
        obey_end_request(shared_.control.end_request());
        mask_group_signals(SIG_UNBLOCK);
        if (shared_.program != program_identity())
            throw SerializationError(
                "the child runs another program than its parent: was the executable started through a loader or "
                "wrapper?");
        if (shared_.memory_limit != 0 && !limit_own_memory(static_cast<std::size_t>(shared_.memory_limit)))
            throw BrokenProcessPool("ProcessOptions::max_memory_bytes = " + std::to_string(shared_.memory_limit) +
                                    " is less than what a process of this program has from the start");
        shared_.control.start(SingleCallPage::slot, SingleCallPage::task);
    }
    std::vector<ReceivedDescriptor> receive_descriptors() {
        std::vector<ReceivedDescriptor> received;
        for (std::uint64_t left = shared_.descriptors; left > 0; --left) {
            ReceivedDescriptor& each = received.emplace_back();
            FileDescriptor fd;
            if (receive_descriptor(socket_.get(), &each.message, sizeof each.message, fd, true).kind !=
                IoResult::Kind::moved)
                throw SerializationError("the descriptors of the arguments did not arrive");
            const std::lock_guard lock(PoolDescriptors::instance().mutex);
            if (fd) each.fd = PoolDescriptor(std::move(fd));
        }
        socket_.reset();
        return received;
    }

    FileDescriptor life_line_;
    FileDescriptor socket_;
    SharedPage page_;
    SingleCallPage& shared_;
};

/// What both start methods have in common: the exit code, for end().
inline int run_single_call(WorkerChannel channel, EndProcess end) noexcept {
    leave_terminal();
    leave_openmp_place();
    try {
        return SingleCall(std::move(channel)).run(end);
    } catch (...) {
        report_unhandled(std::current_exception(), "a process");
        return EXIT_FAILURE;
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
