// SPDX-License-Identifier: MIT
//
// oom_kills.hpp: how often the kernel's out-of-memory killer has killed a process of this control group.
//
//     const OomKills kills;                            // of this process's control group
//     const auto before = kills.count();               // empty: the system does not tell
//     … a child is killed by a signal 9 that this process has not sent …
//     if (before && *kills.count() > *before) …        // it was the out-of-memory killer
//
// The kernel counts a kill in the victim's control group before it sends the signal: cgroup v2 in
// memory.events, v1 in memory.oom_control, both in a line "oom_kill 3". Threads: any.
#pragma once

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"
#include "concurrent/futures/detail/platform/processor_count.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// The count in such a file; empty when there is none (Linux below 4.13).
inline std::optional<std::uint64_t> oom_kills_in(std::string_view text) {
    constexpr std::string_view name = "oom_kill ";
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix((std::min)(line.size() + 1, text.size()));
        if (line.substr(0, name.size()) != name) continue;
        const std::string_view digits = line.substr(name.size());
        if (digits.empty() || digits.find_first_not_of("0123456789") != digits.npos) return std::nullopt;
        return std::strtoull(std::string(digits).c_str(), nullptr, 10);
    }
    return std::nullopt;
}

/// The file of the group that `groups` names, the text of /proc/self/cgroup; `root` is where control groups
/// are mounted. Empty: there is none. In a container the name may be that of the host, and the group is
/// what is mounted.
inline std::string oom_kill_file(std::string_view groups, const std::string& root) {
    const auto first_readable = [](std::initializer_list<std::string> paths) {
        for (const std::string& path : paths)
            if (oom_kills_in(read_small_file(path))) return path;
        return std::string();
    };
    while (!groups.empty()) {
        const std::string_view line = groups.substr(0, groups.find('\n'));
        groups.remove_prefix((std::min)(line.size() + 1, groups.size()));
        const std::size_t first = line.find(':');
        const std::size_t second = line.find(':', first == line.npos ? first : first + 1);
        if (first == line.npos || second == line.npos) continue;
        const std::string_view controllers = line.substr(first + 1, second - first - 1);
        const std::string group = line.substr(second + 1) == "/" ? "" : std::string(line.substr(second + 1));
        std::string found;
        if (controllers.empty())
            found = first_readable({root + group + "/memory.events", root + "/memory.events",
                                    root + "/unified" + group + "/memory.events"});
        else if (std::string(1, ',').append(controllers).append(",").find(",memory,") != std::string::npos)
            found = first_readable({root + "/memory" + group + "/memory.oom_control",
                                    root + "/memory/memory.oom_control"});
        if (!found.empty()) return found;
    }
    return {};
}

class OomKills {
  public:
    OomKills() {
#if CONCURRENT_FUTURES_LINUX
        file_ = oom_kill_file(read_small_file("/proc/self/cgroup"), "/sys/fs/cgroup");
#endif
    }
    /// So far; empty: unknown.
    std::optional<std::uint64_t> count() const {
        if (file_.empty()) return std::nullopt;
        return oom_kills_in(read_small_file(file_));
    }
    /// The file, for count_in(), which is quicker; invalid: there is none.
    FileDescriptor open() const noexcept {
        return file_.empty() ? FileDescriptor() : FileDescriptor(::open(file_.c_str(), O_RDONLY | O_CLOEXEC));
    }
    static std::optional<std::uint64_t> count_in(int fd) {
        std::array<char, 1024> text;
        const ssize_t size = ::pread(fd, text.data(), text.size(), 0);  // from its beginning: the kernel writes it anew
        if (size <= 0) return std::nullopt;
        return oom_kills_in({text.data(), static_cast<std::size_t>(size)});
    }

  private:
    std::string file_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
