// SPDX-License-Identifier: MIT
//
// single_process.hpp: the parent's side of a Process: a child that runs one call. The child's is single_call.hpp.
//
// The child is started by the thread that makes this object, in the ways of a pool: a copy of the program that
// process_main() turns into a child, or a fork. No thread watches it: a caller that asks notices its end.
// Threads: any.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/channels/crossing.hpp"
#include "concurrent/futures/detail/platform/child_process.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/descriptor_socket.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/forked_process.hpp"
#include "concurrent/futures/detail/platform/group_signals.hpp"
#include "concurrent/futures/detail/platform/oom_kills.hpp"
#include "concurrent/futures/detail/platform/process_rights.hpp"
#include "concurrent/futures/detail/platform/shared_page.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/processes/control_page.hpp"
#include "concurrent/futures/detail/processes/obituary.hpp"
#include "concurrent/futures/detail/processes/process_tree.hpp"
#include "concurrent/futures/detail/processes/single_call.hpp"
#include "concurrent/futures/detail/processes/spawn_copy.hpp"
#include "concurrent/futures/detail/processes/start_environment.hpp"
#include "concurrent/futures/detail/processes/template_process.hpp"
#include "concurrent/futures/detail/serialization/byte_buffer.hpp"
#include "concurrent/futures/detail/state/shared_state.hpp"
#include "concurrent/futures/detail/wire/pool_descriptors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct SingleProcessSettings {
    bool spawn = true;
    std::string name{};
    std::size_t max_memory_bytes = 0;
};

class SingleProcess {
  public:
    /// Starts it. `descriptors` belong to the call, and are committed when the child has them in its socket. Throws
    /// std::system_error, BrokenProcessPool; then there is no child.
    SingleProcess(SingleProcessSettings settings, ByteBuffer call, DescriptorsOut& descriptors, std::size_t usual);
    SingleProcess(const SingleProcess&) = delete;
    SingleProcess& operator=(const SingleProcess&) = delete;

    int pid() const noexcept { return process_.pid(); }
    const std::string& name() const noexcept { return name_; }
    /// This is a fork of the process that made it: the child is not this one's.
    bool is_of_another_process() const noexcept { return fork_generation() != born_; }

    /// Empty while it runs.
    std::optional<ExitStatus> status() {
        const std::lock_guard lock(mutex_);
        if (!status_ && !is_of_another_process()) {
            status_ = process_.try_reap();
            if (status_) note_end();
        }
        return status_;
    }
    /// False when the deadline passed first.
    bool join(const Deadline& deadline) {
        return block_until(
            {.what = "the end of a Process"}, deadline, [this] { return status().has_value(); },
            [this](const Deadline& until) {
                constexpr int step = tuning::unwatched_look_interval;
                const int left = until.is_never() ? 60'000 : milliseconds(until);
                pollfd entry{process_.watch_fd(), POLLIN, 0};
                poll_for({&entry, 1}, entry.fd >= 0 ? left : (std::min)(left, step));
            });
    }
    void request_stop() noexcept { page().control.ask_to_stop(SingleCallPage::task); }
    void send_signal(int signal) {
        const std::lock_guard lock(mutex_);  // against reaping, after which the pid may be another process's
        if (status_ || is_of_another_process()) return;
        if (signal == SIGKILL) killed_ = true;
        if (signal == SIGTERM) page().control.ask_to_end();
        process_.send_signal(signal);
    }
    /// How it ended, in words. Empty while it runs.
    std::string obituary();

  private:
    struct Ends {
        std::array<FileDescriptor, worker_descriptors> descriptors;
        std::array<int, worker_descriptors> numbers() const noexcept {
            std::array<int, worker_descriptors> result;
            for (std::size_t i = 0; i < result.size(); ++i) result[i] = descriptors[i].get();
            return result;
        }
    };

    static int milliseconds(const Deadline& deadline) noexcept {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.left()).count();
        return static_cast<int>(std::min<std::int64_t>(left, 60'000));
    }
    SingleCallPage& page() const noexcept { return *static_cast<SingleCallPage*>(page_.memory()); }
    Ends make_ends();
    void write_call(const SingleProcessSettings& settings, const ByteBuffer& call, std::size_t descriptors);
    void spawn_child(const Ends& ends);
    void fork_child(Ends ends);
    void send(DescriptorsOut& descriptors);
    void note_end() noexcept {
        life_line_.reset();
        ended_ = monotonic_nanoseconds();
        share_.give_back();
    }

    const std::string name_;
    const bool forked_;
    const unsigned born_ = fork_generation();
    ProcessTreeShare share_;
    SharedPage page_;
    PoolDescriptor life_line_;  // write end
    PoolDescriptor socket_;     // until all descriptors are sent
    ProcessHandle process_;
    std::mutex mutex_;
    std::optional<ExitStatus> status_;  // guarded by mutex_
    bool killed_ = false;               // guarded by mutex_: with SIGKILL
    std::int64_t ended_ = 0;            // guarded by mutex_
};

inline SingleProcess::SingleProcess(SingleProcessSettings settings, ByteBuffer call, DescriptorsOut& descriptors,
                                    std::size_t usual)
    : name_(settings.name), forked_(!settings.spawn), share_(1, usual), page_(sizeof(SingleCallPage)) {
    Ends ends = make_ends();
    write_call(settings, call, descriptors.items().size());
    call = ByteBuffer();
    if (settings.spawn)
        spawn_child(ends);
    else
        fork_child(std::move(ends));
    ends = Ends();  // what is sent to a child that has ended must not wait for it
    try {
        send(descriptors);
    } catch (...) {
        send_signal(SIGKILL);
        process_.reap();
        throw;
    }
    page_.close_fd();
}

/// With the names of a worker's descriptors: see single_call.hpp.
inline SingleProcess::Ends SingleProcess::make_ends() {
    PoolDescriptors& descriptors = PoolDescriptors::instance();
    const std::lock_guard lock(descriptors.mutex);
    Ends ends;
    Pipe line = make_pipe();
    auto sockets = make_descriptor_sockets();
    ends.descriptors.front() = moved_up(std::move(line.read_end));
    ends.descriptors.back() = moved_up(std::move(sockets.second));
    for (FileDescriptor& end : ends.descriptors)
        if (!end) end = moved_up(FileDescriptor(::fcntl(page_.fd(), F_DUPFD_CLOEXEC, 10)));
    life_line_ = PoolDescriptor(std::move(line.write_end));
    socket_ = PoolDescriptor(std::move(sockets.first));
    return ends;
}

inline void SingleProcess::write_call(const SingleProcessSettings& settings, const ByteBuffer& call,
                                      std::size_t descriptors) {
    ::new (page_.memory()) SingleCallPage;
    page().program = program_identity();
    page().memory_limit = settings.max_memory_bytes;
    page().descriptors = descriptors;
    page().call_size = call.size();
    page().name_size = name_.size();
    page().control.put(SingleCallPage::slot, SingleCallPage::task);
    std::size_t offset = call_offset;
    const auto append = [&](const void* data, std::size_t size) {
        for (std::size_t done = 0; done < size;) {
            const ssize_t written = ::pwrite(page_.fd(), static_cast<const char*>(data) + done, size - done,
                                             static_cast<off_t>(offset + done));
            if (written <= 0 && errno != EINTR) throw_system_error("the arguments of a process cannot be written");
            if (written > 0) done += static_cast<std::size_t>(written);
        }
        offset += size;
    };
    append(call.data(), call.size());
    append(name_.data(), name_.size());
    // The child maps as many bytes as there are.
    if (::ftruncate(page_.fd(), static_cast<off_t>(offset)) != 0)
        throw_system_error("shared memory cannot get its size (ftruncate)");
}

inline void SingleProcess::spawn_child(const Ends& ends) {
    const auto numbers = ends.numbers();
    const auto start = [&] {
        process_ = spawn_copy(worker_environment(share_.for_each_worker(), WorkerKind::single_call), numbers);
    };
    if (!file_adds_rights(executable_path())) return start();
    // The thread that starts it gives up the right to get more: not the user's.
    std::exception_ptr error;
    std::thread([&] {
        try {
            start();
        } catch (...) {
            error = std::current_exception();
        }
    }).join();
    if (error) std::rethrow_exception(error);
}

inline void SingleProcess::fork_child(Ends ends) {
    PoolDescriptors& descriptors = PoolDescriptors::instance();
    const std::lock_guard lock(descriptors.mutex);
    flush_standard_streams();  // or what is in the buffers would be written twice
    // Until the child has its own handlers.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t pid = fork_process();
    if (pid != 0) {
        const int error = errno;
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        if (pid < 0) throw_no_child("a Process cannot be started (fork)", error);
    } else {
        leave_parent_behind(descriptors, group_signals());
        program_start().allowance = share_.for_each_worker();
        auto& theirs = ends.descriptors;
        WorkerChannel channel{std::move(theirs[0]), std::move(theirs[1]), std::move(theirs[2]),
                              std::move(theirs[3]), std::move(theirs[4]), std::move(theirs[5])};
        end_forked_process(run_single_call(std::move(channel), end_forked_process));
    }
    process_ = ProcessHandle(pid, open_pidfd(pid));
}

/// Waits while the socket is full, until the child takes some.
inline void SingleProcess::send(DescriptorsOut& descriptors) {
    for (const DescriptorsOut::Item& item : descriptors.items()) {
        for (;;) {
            const IoResult result =
                send_descriptor(socket_.get(), &item.message, sizeof item.message, item.fd, true);
            if (result.kind == IoResult::Kind::failed && result.error == ETOOMANYREFS) {
                ::poll(nullptr, 0, 1);
                continue;
            }
            if (result.kind == IoResult::Kind::failed)
                throw_system_error("a descriptor cannot be sent to a process", result.error);
            break;  // closed: it has ended, and the ends with it
        }
    }
    descriptors.commit();
    socket_.reset();
}

inline std::string SingleProcess::obituary() {
    const std::optional<ExitStatus> how = status();
    if (!how) return {};
    const std::lock_guard lock(mutex_);
    return obituary_text({.pid = pid(),
                          .status = *how,
                          .task = name_.empty() ? "its call" : "\"" + name_ + "\"",
                          .elapsed = ended_ - plausible_start(page().control.started(SingleCallPage::slot), ended_),
                          .first_peak = page().control.first_peak(),
                          .complaint = {},
                          .signalled_by_pool = killed_,
                          .last_words = page().control.last_words().text(),
                          .subject = "process",
                          .parent = "Process object",
                          .forked = forked_,
                          .memory_limited = page().memory_limit != 0});
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
