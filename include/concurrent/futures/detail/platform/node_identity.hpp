// SPDX-License-Identifier: MIT
//
// node_identity.hpp: whether two processes run on one machine and may open each other's files.
//
//     const std::uint64_t node = node_identity();               // in both; 0: not known
//     FileDescriptor same = open_of_process(pid, fd, O_RDWR);    // there, if the numbers are the same
//
// Linux only: elsewhere no process knows its node.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <utility>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"
#include "concurrent/futures/detail/platform/hash_bytes.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

#if CONCURRENT_FUTURES_LINUX

/// Of the boot, the name of the host and the namespace of process numbers.
inline std::uint64_t node_identity() noexcept {
    std::array<char, 1024> text{};
    const FileDescriptor boot(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
    if (!boot || ::read(boot.get(), text.data(), 64) <= 0) return 0;
    if (::readlink("/proc/self/ns/pid", text.data() + 64, 64) <= 0) return 0;
    if (::gethostname(text.data() + 128, text.size() - 129) != 0) return 0;
    return hash_bytes(text.data(), text.size());
}
/// Empty when the system does not allow it.
inline FileDescriptor open_of_process(std::int64_t pid, int fd, int mode) noexcept {
    std::array<char, 64> path{};
    std::snprintf(path.data(), path.size(), "/proc/%lld/fd/%d", static_cast<long long>(pid), fd);
    return off_standard_streams(FileDescriptor(::open(path.data(), mode | O_CLOEXEC)));
}

#else

inline std::uint64_t node_identity() noexcept { return 0; }
inline FileDescriptor open_of_process(std::int64_t, int, int) noexcept { return FileDescriptor(); }

#endif

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
