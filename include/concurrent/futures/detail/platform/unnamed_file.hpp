// SPDX-License-Identifier: MIT
//
// unnamed_file.hpp: a file of length 0 without a name, in memory where the system has that.
//
//     FileDescriptor fd = make_unnamed_file();    // close-on-exec, no standard stream, never empty
//
// Linux: memfd_create(). Container profiles and old kernels may refuse it: then a file in /dev/shm, /tmp or /var/tmp
// whose name is gone before anybody can open it, or at least before this returns. Not in $TMPDIR: a pool's thread must not
// read the environment, which the program may change meanwhile.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

#if CONCURRENT_FUTURES_LINUX

/// memfd_create() failed with `error` because it is not there or not allowed, not for want of descriptors or memory.
constexpr bool is_refused(int error) noexcept { return error == ENOSYS || error == EPERM || error == EACCES; }

inline FileDescriptor make_unnamed_file_in(const char* folder) {
    FileDescriptor fd(::open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600));
    if (fd) return fd;
    std::string name = std::string(folder) + "/concurrent_futures_XXXXXX";
    fd = FileDescriptor(::mkostemp(name.data(), O_CLOEXEC));
    if (fd) ::unlink(name.c_str());
    return fd;
}

inline FileDescriptor make_unnamed_file() {
    FileDescriptor fd(::memfd_create("concurrent_futures", MFD_CLOEXEC));
    if (!fd && !is_refused(errno)) throw_system_error("no shared memory for a worker or process (memfd_create)");
    const int refusal = errno;
    for (const char* const folder : {"/dev/shm", "/tmp", "/var/tmp"})
        if (!fd) fd = make_unnamed_file_in(folder);
    if (!fd)
        throw_system_error("memfd_create is refused, and no file can be made in /dev/shm, /tmp or /var/tmp; allow "
                           "memfd_create (seccomp profile of the container), or make one of these folders writable",
                           refusal);
    return off_standard_streams(std::move(fd));
}

#else

inline FileDescriptor make_unnamed_file() {
    // A name for an instant: made exclusively and removed at once.
    int here = 0;
    const std::string name = "/cf" + std::to_string(::getpid()) + "." +
                             std::to_string(reinterpret_cast<std::uintptr_t>(&here) & 0xffff);
    FileDescriptor fd(::shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
    if (!fd) throw_system_error("no shared memory for a worker or process (shm_open)");
    ::shm_unlink(name.c_str());
    set_close_on_exec(fd.get());
    return off_standard_streams(std::move(fd));
}

#endif

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
