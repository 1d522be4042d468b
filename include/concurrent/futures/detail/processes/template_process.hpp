// SPDX-License-Identifier: MIT
//
// template_process.hpp: StartMethod::fork: one process with one thread, forked when the pool is made, that
// forks the workers, now and later.
//
//     pool                               template                        worker
//                                       fork() ─────────────────────▶   waits: the first one, at once
//                                ◀───  forked {0, pid, pidfd}
//     fork {number, descriptors}  ──────────────────────────────────▶   runs tasks
//     fork {number, descriptors}  ───▶  fork() ─────────────────────▶   runs tasks: each other one
//                                ◀───  forked {number, pid, pidfd}
//                                ◀───  exited {pid, status}              ends
//     (its end, or that of the socket) ─▶  kills what is left, leaves
//
// The first worker is forked while the pool still starts its manager thread, and waits for its descriptors on a socket of
// its own. It is no worker before it has them: it runs nothing, and the pool does not count it.
//
// Forking a process with several threads is unsafe: locks that other threads held stay locked in the
// child. The template has one thread for life, so a worker can be replaced at any time. Workers see the
// memory as it was when the pool was made. The template reaps its children and reports how they ended.
#pragma once

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/bound_functions.hpp"
#include "concurrent/futures/detail/platform/child_process.hpp"
#include "concurrent/futures/detail/platform/descriptor_socket.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"
#include "concurrent/futures/detail/platform/forked_process.hpp"
#include "concurrent/futures/detail/platform/process_rights.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/processes/start_environment.hpp"
#include "concurrent/futures/detail/processes/worker_process.hpp"
#include "concurrent/futures/detail/state/shared_state.hpp"
#include "concurrent/futures/detail/wire/pool_descriptors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct TemplateMessage {
    enum class Kind : std::int32_t { fork, forked, exited };
    Kind kind;
    std::uint32_t number;  // fork, forked: which worker
    std::int32_t pid;      // forked, exited; below 0: fork failed with error
    std::int32_t error;
    std::int32_t exit_code;  // exited; below 0: none
    std::int32_t signal;     // exited; below 0: none
    std::int64_t peak_memory = 0;  // exited; see ExitStatus
};

static_assert(worker_descriptors <= most_descriptors);

struct Reception {
    IoResult::Kind kind = IoResult::Kind::failed;
    TemplateMessage message{};
    std::array<FileDescriptor, worker_descriptors> descriptors{};
};

/// What is there now.
inline Reception receive_message(int socket) noexcept {
    Reception result;
    result.kind =
        receive_descriptors(socket, &result.message, sizeof result.message, result.descriptors, false).kind;
    return result;
}

/// All that were to come with the message have come.
inline bool is_complete(const Reception& order) noexcept {
    return std::all_of(order.descriptors.begin(), order.descriptors.end(),
                       [](const FileDescriptor& each) { return static_cast<bool>(each); });
}

/// The number of the worker that is forked first, before anybody has asked for it.
inline constexpr std::uint32_t first_worker = 0;

/// Runs in the template, alone in its process.
class TemplateLoop {
  public:
    /// `orders`: where the first worker waits. `parent`: the process with the pool. Its end is also the end of the socket, but
    /// not while somebody else has the other side open, such as a child that the program has forked.
    TemplateLoop(FileDescriptor socket, FileDescriptor orders, pid_t parent)
        : socket_(std::move(socket)), orders_(std::move(orders)), parent_(parent) {}

    void run() {
        bool pool_is_there = start(first_worker, [this](pid_t self) { wait_for_order(self); });
        orders_.reset();
        parent_watch_ = open_pidfd(parent_);
        while (pool_is_there) {
            std::vector<pollfd> entries{{socket_.get(), POLLIN, 0}, {parent_watch_.get(), POLLIN, 0}};
            bool all_watched = true;
            for (const auto& [pid, child] : children_) {
                if (child.watch_fd() >= 0) entries.push_back({child.watch_fd(), POLLIN, 0});
                all_watched = all_watched && child.watch_fd() >= 0;
            }
            poll_for(entries, !all_watched    ? tuning::unwatched_look_interval
                              : parent_watch_ ? -1
                                              : tuning::unwatched_parent_look_interval);
            if (::getppid() != parent_ || !reap()) break;
            if (entries.front().revents == 0) continue;
            Reception order = receive_message(socket_.get());
            if (order.kind == IoResult::Kind::would_block) continue;
            if (order.kind != IoResult::Kind::moved) break;
            pool_is_there = is_complete(order)
                                ? start(order.message.number, [&](pid_t self) { become_worker(order, self); })
                                : report_incomplete(order);
        }
        for (const auto& [pid, child] : children_) child.send_signal(SIGKILL);
        for (const auto& [pid, child] : children_) child.reap();
    }

  private:
    /// The pool waits for this message: if it cannot be sent, only the template's end tells it enough. False: the pool is
    /// gone.
    bool report(const TemplateMessage& message, std::span<const int> fds) const {
        for (int attempt = 0;; ++attempt) {
            const IoResult sent = send_descriptors(socket_.get(), &message, sizeof message, fds, true);
            if (sent.kind == IoResult::Kind::moved) return true;
            if (sent.kind == IoResult::Kind::closed) return false;
            if (attempt == 100) throw_system_error("the template process of a pool cannot answer");
            ::poll(nullptr, 0, 1);
        }
    }
    /// There was no room for the descriptors of this worker.
    bool report_incomplete(const Reception& order) const {
        return report({TemplateMessage::Kind::forked, order.message.number, -1, EMFILE, -1, -1}, {});
    }
    /// False: the pool is gone.
    bool reap() {
        for (auto place = children_.begin(); place != children_.end();) {
            const std::optional<ExitStatus> status = place->second.try_reap();
            if (!status) {
                ++place;
                continue;
            }
            const bool told = report({TemplateMessage::Kind::exited, 0, place->first, 0, status->exit_code.value_or(-1),
                                      status->signal.value_or(-1), status->peak_memory},
                                     {});
            place = children_.erase(place);
            if (!told) return false;
        }
        return true;
    }

    /// `live(parent)` is the life of the new process. False: the pool is gone.
    template <class Live>
    bool start(std::uint32_t number, Live live) {
        const pid_t self = ::getpid();
        mask_group_signals(SIG_BLOCK);  // until the worker has set handlers, which the program's hooks may undo
        const pid_t pid = fork_process();
        if (pid == 0) {
            try {
                live(self);
            } catch (...) {
                report_unhandled(std::current_exception(), "a worker process");
            }
            end_forked_process(EXIT_FAILURE);
        }
        const int error = errno;
        mask_group_signals(SIG_UNBLOCK);
        const TemplateMessage answer{TemplateMessage::Kind::forked, number, pid, error, -1, -1};
        if (pid < 0) return report(answer, {});
        FileDescriptor pidfd = open_pidfd(pid);
        const int passed = pidfd.get();
        const bool told = report(answer, passed >= 0 ? std::span<const int>(&passed, 1) : std::span<const int>());
        children_.emplace(pid, ProcessHandle(pid, std::move(pidfd)));
        return told;
    }

    // In a worker.

    /// Of the first worker: what it can do before it knows which it is, while the pool gets ready.
    void wait_for_order(pid_t parent) {
        if (!prepare_worker(parent)) return;
        Reception order;
        order.kind = receive_descriptors(orders_.get(), &order.message, sizeof order.message, order.descriptors, true).kind;
        if (order.kind != IoResult::Kind::moved) end_forked_process(EXIT_SUCCESS);  // the pool is gone, or needs no worker
        orders_.reset();
        if (!is_complete(order)) {
            report_incomplete(order);
            return;
        }
        become_prepared_worker(order, parent);
    }
    void become_worker(Reception& order, pid_t parent) {
        if (prepare_worker(parent)) become_prepared_worker(order, parent);
    }
    void become_prepared_worker(Reception& order, pid_t parent) {
        socket_.reset();
        parent_watch_.reset();
        children_.clear();
        auto& ends = order.descriptors;
        WorkerChannel channel{std::move(ends[0]), std::move(ends[1]), std::move(ends[2]),
                              std::move(ends[3]), std::move(ends[4]), std::move(ends[5])};
        end_forked_process(run_prepared_worker(std::move(channel), parent, end_forked_process));
    }

    FileDescriptor socket_;
    FileDescriptor orders_;
    const pid_t parent_;
    FileDescriptor parent_watch_;  // readable when it has ended
    std::map<pid_t, ProcessHandle> children_;
};

/// First thing in a forked child: nothing of the parent's pools, processes and channels is this process's. The lock
/// of `of_parent` is held.
/// From then on `blocked` is the signal mask.
inline void leave_parent_behind(const PoolDescriptors& of_parent, const sigset_t& blocked) noexcept {
    // No other thread is left that could hold these locks, but one may have held them at the fork.
    of_parent.close_all_in_fork();
    ++program_start().depth;
    // relaxed: there is one thread.
    program_start().taken.store(0, std::memory_order_relaxed);
    const sigset_t members = group_signals();
    for (int signal = 1; signal < NSIG; ++signal) {
        struct sigaction action{};
        if (::sigismember(&members, signal) != 1 && ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_IGN &&
            action.sa_handler != SIG_DFL)
            ::signal(signal, SIG_DFL);
    }
    ::signal(SIGCHLD, SIG_DFL);
    ::signal(SIGINT, SIG_IGN);
    withstand_group_signals(true);
    ::sigprocmask(SIG_SETMASK, &blocked, nullptr);
    this_worker = nullptr;
    served_pool = nullptr;
}

/// The pool's side.
class TemplateProcess {
  public:
    /// Forks. The process must have no threads but those of this library's process pools. `allowance`: see
    /// process_tree.hpp.
    explicit TemplateProcess(std::size_t allowance) {
        PoolDescriptors& descriptors = PoolDescriptors::instance();
        const std::lock_guard lock(descriptors.mutex);
        bind_functions_of_forks();
        auto [ours, theirs] = make_sockets();
        auto [orders, orders_end] = make_sockets();
        descriptors.open.reserve(descriptors.open.size() + 2);  // nothing can fail when there is a child
        flush_standard_streams();  // or what is in the buffers would be written twice
        sigset_t all;
        sigset_t before;
        ::sigfillset(&all);  // the program's handlers are not to run in the template
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        const pid_t parent = ::getpid();
        const pid_t pid = fork_process();
        if (pid != 0) ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        if (pid < 0) throw_no_child("the template process of a pool cannot be started (fork)", errno);
        if (pid == 0) {
            ours.reset();
            orders.reset();
            program_start().allowance = allowance;
            live_as_template(std::move(theirs), std::move(orders_end), descriptors, parent);
        }
        process_ = ProcessHandle(pid, open_pidfd(pid));
        socket_ = PoolDescriptor(std::move(ours));
        orders_ = PoolDescriptor(std::move(orders));
    }
    TemplateProcess(TemplateProcess&&) noexcept = default;

    int socket() const noexcept { return socket_.get(); }
    /// Asks for one worker. The descriptors may be closed afterwards. Its process, if that is known already; else receive()
    /// tells it. Throws std::runtime_error when the template is gone, or has rights that this process has given up since.
    ProcessHandle request(std::uint32_t number, std::span<const int> descriptors) {
        if (!ProcessRights::of_this_thread().include(rights_))
            throw std::runtime_error(
                "this process has given up rights since the pool was made, and forked workers would still have "
                "them; make the pool afterwards");
        const TemplateMessage message{TemplateMessage::Kind::fork, number, 0, 0, -1, -1};
        if (orders_) {
            const PoolDescriptor orders = std::move(orders_);
            if (send_descriptors(orders.get(), &message, sizeof message, descriptors, false).kind == IoResult::Kind::moved) {
                first_number_ = number;
                return std::exchange(first_, ProcessHandle());
            }
            first_ = ProcessHandle();  // it has ended
        }
        if (send_descriptors(socket_.get(), &message, sizeof message, descriptors, false).kind != IoResult::Kind::moved)
            throw std::runtime_error("the template process, which forks the workers, is gone");
        return {};
    }
    void close_socket() noexcept { socket_.reset(); }
    /// The end of the socket tells when it is gone.
    void kill() const noexcept { process_.send_signal(SIGKILL); }
    /// What it says of workers that were asked for.
    Reception receive() {
        for (;;) {
            Reception received = receive_message(socket_.get());
            if (received.kind != IoResult::Kind::moved || !is_of_unused_worker(received)) return received;
        }
    }
    /// When its workers have ended. It holds nothing worth saving, so this cannot hang.
    void stop() noexcept {
        const bool has_child = static_cast<bool>(orders_);
        orders_.reset();
        socket_.reset();
        if (has_child) await_end();
        process_.send_signal(SIGKILL);
        process_.reap();
    }

  private:
    static std::pair<FileDescriptor, FileDescriptor> make_sockets() {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
            throw_system_error("a pool gets no socket to its template process (socketpair)");
        return {off_standard_streams(FileDescriptor(ends[0])), off_standard_streams(FileDescriptor(ends[1]))};
    }
    /// Of the first worker, before it was asked for: what the pool will want to know then. Afterwards the message gets its
    /// number.
    bool is_of_unused_worker(Reception& received) {
        TemplateMessage& message = received.message;
        if (message.kind == TemplateMessage::Kind::forked && message.number == first_worker) {
            message.number = first_number_;
            if (first_number_ != first_worker) return false;
            if (message.pid < 0)
                orders_.reset();  // it could not be forked: later perhaps
            else
                first_ = ProcessHandle(message.pid, std::move(received.descriptors.front()));
            return true;
        }
        if (message.kind != TemplateMessage::Kind::exited || message.pid != first_.pid()) return false;
        first_ = ProcessHandle();
        orders_.reset();
        return true;
    }
    /// Of the template, which ends its child first: nobody else could wait for that. Not for long.
    void await_end() const noexcept {
        std::array<pollfd, 1> entry{pollfd{process_.watch_fd(), POLLIN, 0}};
        if (process_.watch_fd() >= 0) poll_for(entry, most_milliseconds_to_end);
    }
    [[noreturn]] static void live_as_template(FileDescriptor socket, FileDescriptor orders,
                                              const PoolDescriptors& of_parent, pid_t parent) {
        sigset_t none;
        ::sigemptyset(&none);
        leave_parent_behind(of_parent, none);
        try {
            TemplateLoop(std::move(socket), std::move(orders), parent).run();
        } catch (...) {
            report_unhandled(std::current_exception(), "the template process of a pool");
        }
        ::_exit(EXIT_SUCCESS);
    }

    static constexpr int most_milliseconds_to_end = 1000;

    const ProcessRights rights_ = ProcessRights::of_this_thread();  // the template's as well
    ProcessHandle process_;
    PoolDescriptor socket_;
    PoolDescriptor orders_;  // to the first worker, until that is asked for
    ProcessHandle first_;    // it; unknown until the template has told of it, and afterwards the pool's
    std::uint32_t first_number_ = first_worker;  // once it was asked for
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
