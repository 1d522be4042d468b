// SPDX-License-Identifier: MIT
//
// file_descriptor.hpp: descriptors that close themselves, and the calls on them that the process
// pool makes.
//
//     Pipe tasks = make_pipe();                      // both ends close-on-exec
//     set_nonblocking(tasks.write_end);
//     IoResult r = write_some(tasks.write_end.get(), data, size);
//
// Interrupted calls are repeated. Errors that need a decision come back in IoResult; those that mean
// the system is out of something throw std::system_error.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "concurrent/futures/detail/platform/config.hpp"

#if CONCURRENT_FUTURES_LINUX
#include <sys/eventfd.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// What to do where something ran out of which there is only so much; otherwise empty.
inline const char* remedy_of(int error) noexcept {
    switch (error) {
        case EMFILE:
            return "; this process has as many descriptors as it may have: close some, or raise RLIMIT_NOFILE (ulimit -n)";
        case ENFILE: return "; the system has no descriptor left: close some, or raise fs.file-max";
        case ENOMEM: return "; there is no memory left, or RLIMIT_AS allows no more";
        default: return "";
    }
}

/// `what`: the system call, and what it was for.
[[noreturn]] inline void throw_system_error(const char* what, int error = errno) {
    throw std::system_error(error, std::generic_category(), std::string(what) + remedy_of(error));
}
/// The same for fork() and posix_spawn(), where EAGAIN has one meaning.
[[noreturn]] inline void throw_no_child(const char* what, int error) {
    if (error != EAGAIN) throw_system_error(what, error);
    throw std::system_error(error, std::generic_category(),
                            std::string(what) + "; no more processes are allowed: end some, or raise RLIMIT_NPROC "
                                                "(ulimit -u) or pids.max of the control group");
}

class FileDescriptor {
  public:
    FileDescriptor() noexcept = default;
    explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
    FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~FileDescriptor() { reset(); }

    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    int release() noexcept { return std::exchange(fd_, -1); }
    void reset() noexcept {
        // Linux and POSIX.1-2024 free the number even when close is interrupted: never repeat it.
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }

  private:
    int fd_ = -1;
};

struct Pipe {
    FileDescriptor read_end;
    FileDescriptor write_end;
};

inline void set_close_on_exec(int fd) {
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) throw_system_error("fcntl(FD_CLOEXEC)");
}

inline void set_nonblocking(const FileDescriptor& fd) {
    const int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0)
        throw_system_error("fcntl(O_NONBLOCK)");
}

/// The same open file under a number that is not among the first ten, so that it can neither be a
/// standard stream nor clash with the numbers a child expects its descriptors at.
inline FileDescriptor moved_up(FileDescriptor fd) {
    const int copy = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 10);
    if (copy < 0) throw_system_error("fcntl(F_DUPFD_CLOEXEC)");
    return FileDescriptor(copy);
}

/// In a program that closed its standard streams, a new descriptor gets one of their numbers, and then
/// all that the program prints. So none of ours stays there.
inline FileDescriptor off_standard_streams(FileDescriptor fd) {
    return fd && fd.get() <= STDERR_FILENO ? moved_up(std::move(fd)) : std::move(fd);
}

inline Pipe make_pipe() {
    int ends[2];
#if CONCURRENT_FUTURES_LINUX
    if (::pipe2(ends, O_CLOEXEC) != 0) throw_system_error("a process gets no pipe to the other end (pipe2)");
#else
    if (::pipe(ends) != 0) throw_system_error("a process gets no pipe to the other end (pipe)");
#endif
    Pipe made{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
#if !CONCURRENT_FUTURES_LINUX
    set_close_on_exec(ends[0]);
    set_close_on_exec(ends[1]);
#endif
    made.read_end = off_standard_streams(std::move(made.read_end));
    made.write_end = off_standard_streams(std::move(made.write_end));
    return made;
}

struct IoResult {
    enum class Kind : std::uint8_t { moved, would_block, closed, failed };
    Kind kind;
    std::size_t size = 0;  // when moved
    int error = 0;         // when failed
};

inline IoResult io_result(ssize_t result, bool reading) noexcept {
    if (result > 0) return {IoResult::Kind::moved, static_cast<std::size_t>(result)};
    if (result == 0) return {reading ? IoResult::Kind::closed : IoResult::Kind::would_block};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoResult::Kind::would_block};
    if (errno == EPIPE || errno == ECONNRESET) return {IoResult::Kind::closed};
    return {IoResult::Kind::failed, 0, errno};
}

inline IoResult read_some(int fd, std::byte* data, std::size_t size) noexcept {
    ssize_t result;
    do result = ::read(fd, data, size);
    while (result < 0 && errno == EINTR);
    return io_result(result, true);
}

/// Raises SIGPIPE when the reading end is closed: the manager thread blocks that signal, a worker dies of it.
inline IoResult write_some(int fd, std::span<const iovec> parts) noexcept {
    ssize_t result;
    do result = ::writev(fd, parts.data(), static_cast<int>(parts.size()));
    while (result < 0 && errno == EINTR);
    return io_result(result, false);
}

/// False when the time was up, or for no reason at all; `milliseconds` below 0 waits for ever. When the system
/// cannot tell (no memory; RLIMIT_NOFILE was lowered below the number of entries) all have POLLNVAL, a
/// millisecond later: look at each, without blocking.
inline bool poll_for(std::span<pollfd> entries, int milliseconds) noexcept {
    const int ready = ::poll(entries.data(), entries.size(), milliseconds);
    if (ready >= 0) return ready > 0;
    const bool nothing = errno == EINTR || errno == EAGAIN;
    for (pollfd& entry : entries) entry.revents = nothing || entry.fd < 0 ? 0 : POLLNVAL;
    if (nothing) return false;
    const timespec moment{0, milliseconds == 0 ? 0 : 1'000'000};
    ::nanosleep(&moment, nullptr);
    return true;
}

/// Wakes a thread that polls. Any number of wake-ups before it looks count as one, so it cannot fill.
class WakeUp {
  public:
    WakeUp() {
#if CONCURRENT_FUTURES_LINUX
        ends_.read_end = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (!ends_.read_end) throw_system_error("a pool gets no descriptor by which its manager thread is woken (eventfd)");
        ends_.read_end = off_standard_streams(std::move(ends_.read_end));
#else
        ends_ = make_pipe();
        set_nonblocking(ends_.read_end);
        set_nonblocking(ends_.write_end);
#endif
    }
    int fd() const noexcept { return ends_.read_end.get(); }
    void notify() const noexcept {
        const std::uint64_t one = 1;
        const int fd = ends_.write_end ? ends_.write_end.get() : ends_.read_end.get();
        // Full (would block) means a wake-up is there already.
        while (::write(fd, &one, sizeof one) < 0 && errno == EINTR) {
        }
    }
    void clear() const noexcept {
        std::array<std::byte, 64> sink;
        while (read_some(ends_.read_end.get(), sink.data(), sink.size()).kind ==
                   IoResult::Kind::moved && ends_.write_end) {
        }
    }

  private:
    Pipe ends_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
