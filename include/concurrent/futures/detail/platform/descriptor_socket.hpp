// SPDX-License-Identifier: MIT
//
// descriptor_socket.hpp: short messages between two processes, each with up to six descriptors: the one way in which this
// library passes descriptors.
//
//     auto [ours, theirs] = make_descriptor_sockets();
//     send_descriptor(ours.get(), &message, sizeof message, fd, false);      // fd -1: none
//     FileDescriptor received;                                              // in the other process
//     receive_descriptor(theirs.get(), &message, sizeof message, received, true);
//     send_descriptors(ours.get(), &message, sizeof message, fds, false);      // several; receive_descriptors()
//     peer_of(theirs.get())                                                  // which process made the pair
//
// A message of another size is an error. A descriptor for which the receiver has no room is lost; the message is still
// received. The numbers of the standard streams, and the next ones, are never used.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/child_process.hpp"
#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline std::pair<FileDescriptor, FileDescriptor> make_descriptor_sockets() {
    int ends[2];
#if CONCURRENT_FUTURES_LINUX
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) throw_system_error("a process gets no socket for descriptors (socketpair)");
    return {off_standard_streams(FileDescriptor(ends[0])), off_standard_streams(FileDescriptor(ends[1]))};
#else
    if (::socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) != 0) throw_system_error("a process gets no socket for descriptors (socketpair)");
    FileDescriptor one(ends[0]), other(ends[1]);
    set_close_on_exec(one.get());
    set_close_on_exec(other.get());
    return {off_standard_streams(std::move(one)), off_standard_streams(std::move(other))};
#endif
}

/// The process that made a pair of sockets, as the kernel noted it then.
struct SocketPeer {
    pid_t pid;  // 0: in another pid namespace, where this process sees no pids
    uid_t user;
    gid_t group;
};
inline constexpr bool knows_socket_peers = CONCURRENT_FUTURES_LINUX;

/// Empty for what is no such socket, and where the system does not tell.
inline std::optional<SocketPeer> peer_of([[maybe_unused]] int socket) noexcept {
#if CONCURRENT_FUTURES_LINUX
    int family = 0;
    ucred peer{};
    socklen_t family_size = sizeof family;
    socklen_t peer_size = sizeof peer;
    if (::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &family_size) == 0 && family == AF_UNIX &&
        ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &peer_size) == 0)
        return SocketPeer{peer.pid, peer.uid, peer.gid};
#endif
    return std::nullopt;
}

/// The process with this pid has ended, perhaps without being waited for yet. `socket` is connected to it: if it is
/// the last process that had the other end, its pid may belong to another process by now.
inline bool is_gone(pid_t pid, int socket) noexcept {
    if (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH) return true;
    const FileDescriptor process = pid > 0 ? open_pidfd(pid) : FileDescriptor();
    std::array<pollfd, 2> entries{pollfd{process.get(), POLLIN, 0}, pollfd{socket, 0, 0}};
    poll_for(entries, 0);
    return (entries[0].revents & POLLIN) != 0 || (entries[1].revents & POLLHUP) != 0;
}

/// That one message takes along: what a new worker needs.
inline constexpr std::size_t most_descriptors = 6;

/// `wait`: until there is room in the socket.
inline IoResult send_descriptors(int socket, const void* data, std::size_t size, std::span<const int> fds,
                                 bool wait) noexcept {
    CONCURRENT_FUTURES_ASSERT(fds.size() <= most_descriptors);
    iovec part{const_cast<void*>(data), size};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * most_descriptors)> control{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (!fds.empty()) {
        header.msg_control = control.data();
        header.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* const attached = CMSG_FIRSTHDR(&header);
        attached->cmsg_level = SOL_SOCKET;
        attached->cmsg_type = SCM_RIGHTS;
        attached->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(attached), fds.data(), fds.size_bytes());
    }
    ssize_t sent;
    do sent = ::sendmsg(socket, &header, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
    while (sent < 0 && (errno == EINTR || (wait && errno == EAGAIN)));
    return io_result(sent, false);
}
inline IoResult send_descriptor(int socket, const void* data, std::size_t size, int fd, bool wait) noexcept {
    return send_descriptors(socket, data, size, fd >= 0 ? std::span<const int>(&fd, 1) : std::span<const int>(), wait);
}

/// Puts the descriptors that came into the first places of `fds`; those beyond are closed. `wait`: until a message comes.
inline IoResult receive_descriptors(int socket, void* data, std::size_t size, std::span<FileDescriptor> fds,
                                    bool wait) noexcept {
    iovec part{data, size};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * most_descriptors)> control{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    int flags = wait ? 0 : MSG_DONTWAIT;
#if CONCURRENT_FUTURES_LINUX
    flags |= MSG_CMSG_CLOEXEC;
#endif
    ssize_t received;
    do received = ::recvmsg(socket, &header, flags);
    while (received < 0 && (errno == EINTR || (wait && errno == EAGAIN)));
    const int error = errno;
    std::size_t count = 0;
    for (cmsghdr* c = received < 0 ? nullptr : CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        for (std::size_t offset = 0; CMSG_LEN(offset + sizeof(int)) <= c->cmsg_len; offset += sizeof(int)) {
            int number;
            std::memcpy(&number, CMSG_DATA(c) + offset, sizeof number);
            const FileDescriptor low(number);
            if (count < fds.size()) fds[count] = FileDescriptor(::fcntl(number, F_DUPFD_CLOEXEC, 10));
            ++count;
        }
    }
    errno = error;
    IoResult result = io_result(received, true);
    if (result.kind == IoResult::Kind::moved && (result.size != size || (header.msg_flags & MSG_TRUNC) != 0))
        result = {IoResult::Kind::failed, 0, EPROTO};
    return result;
}
inline IoResult receive_descriptor(int socket, void* data, std::size_t size, FileDescriptor& fd, bool wait) noexcept {
    return receive_descriptors(socket, data, size, {&fd, 1}, wait);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
