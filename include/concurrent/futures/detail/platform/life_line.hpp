// SPDX-License-Identifier: MIT
//
// life_line.hpp: a child process ends with its parent, whichever thread of the parent started it.
//
//     Pipe line = make_pipe();                 // the parent keeps the write end, and never writes
//     hold_life_line(line.read_end)            // in the child: killed when the last write end is closed
//
// die_with_parent() does the same for children of a thread that lives as long as its process: the kernel tells that
// signal when the thread ends. Linux; elsewhere nothing happens.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// False: the parent is gone already. The descriptor must stay open.
inline bool hold_life_line(const FileDescriptor& read_end) noexcept {
#if CONCURRENT_FUTURES_LINUX
    const int flags = ::fcntl(read_end.get(), F_GETFL);
    if (flags >= 0 && ::fcntl(read_end.get(), F_SETOWN, ::getpid()) == 0 &&
        ::fcntl(read_end.get(), F_SETSIG, SIGKILL) == 0)
        static_cast<void>(::fcntl(read_end.get(), F_SETFL, flags | O_ASYNC));
#endif
    pollfd entry{read_end.get(), POLLIN, 0};
    return !poll_for({&entry, 1}, 0) || (entry.revents & POLLHUP) == 0;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
