// SPDX-License-Identifier: MIT
//
// processor_count.hpp: how many processors this process may use, as the kernel sees it.
//
//   affinity  sched_getaffinity: taskset, cpusets, container pinning; see processor_set.hpp for OpenMP
//   quota     cgroup v2 cpu.max or v1 cpu.cfs_quota_us / cpu.cfs_period_us, the tightest of this
//             group and of all groups above it, rounded up: half a processor still runs one thread
//
// Files that are missing or odd mean "no limit". Never 0.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/processor_set.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// The first bytes of a small file; empty when it cannot be read.
inline std::string read_small_file(const std::string& path) {
    std::string text;
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                               &std::fclose);
    if (!file) return text;
    std::setvbuf(file.get(), nullptr, _IONBF, 0);  // spares a second buffer, and calls to the system
    char buffer[4096];
    for (std::size_t size; (size = std::fread(buffer, 1, sizeof buffer, file.get())) > 0;) {
        text.append(buffer, size);
        if (text.size() > 65536) break;
    }
    return text;
}

/// Whole processors for "quota period" in microseconds; 0: no limit ("max", -1, malformed).
inline std::size_t processors_of_quota(const std::string& quota, const std::string& period) {
    const double quota_us = std::atof(quota.c_str());
    const double period_us = std::atof(period.c_str());
    if (quota_us <= 0 || period_us <= 0) return 0;
    const double processors = quota_us / period_us;
    const auto whole = static_cast<std::size_t>(processors);
    return larger<std::size_t>(static_cast<double>(whole) < processors ? whole + 1 : whole, 1);
}

/// The tightest quota on the way from `group` up to the root of the hierarchy at `mount`; 0: none.
/// `version` is 1 or 2.
inline std::size_t cgroup_quota(const std::string& mount, std::string group, int version) {
    std::size_t tightest = 0;
    for (;;) {
        const std::string folder = mount + (group == "/" ? "" : group);
        std::size_t here = 0;
        if (version == 2) {
            const std::string limits = read_small_file(folder + "/cpu.max");
            const std::size_t space = limits.find(' ');
            if (space != std::string::npos)
                here = processors_of_quota(limits.substr(0, space), limits.substr(space + 1));
        } else {
            here = processors_of_quota(read_small_file(folder + "/cpu.cfs_quota_us"),
                                       read_small_file(folder + "/cpu.cfs_period_us"));
        }
        if (here != 0 && (tightest == 0 || here < tightest)) tightest = here;
        const std::size_t slash = group.rfind('/');
        if (group.empty() || group == "/" || slash == std::string::npos) return tightest;
        group = slash == 0 ? "/" : group.substr(0, slash);
    }
}

/// `groups` is the text of /proc/self/cgroup, `root` where cgroups are mounted; 0: no limit.
inline std::size_t processors_of_cgroups(std::string_view groups, const std::string& root) {
    std::size_t tightest = 0;
    const auto take = [&](std::size_t limit) {
        if (limit != 0 && (tightest == 0 || limit < tightest)) tightest = limit;
    };
    while (!groups.empty()) {
        const std::string_view line = groups.substr(0, groups.find('\n'));
        groups.remove_prefix(smaller(line.size() + 1, groups.size()));
        const std::size_t first = line.find(':');
        const std::size_t second = line.find(':', first == line.npos ? first : first + 1);
        if (first == line.npos || second == line.npos) continue;
        const std::string_view controllers = line.substr(first + 1, second - first - 1);
        const std::string group(line.substr(second + 1));
        if (controllers.empty()) {
            take(cgroup_quota(root, group, 2));
            take(cgroup_quota(root + "/unified", group, 2));
        } else if (std::string(1, ',').append(controllers).append(",").find(",cpu,") !=
                   std::string::npos) {
            take(cgroup_quota(root + "/cpu", group, 1));
            if (controllers != "cpu") take(cgroup_quota(root + "/" + std::string(controllers), group, 1));
        }
    }
    return tightest;
}

inline std::size_t processors_of_affinity() noexcept { return ProcessorSet::of_process().count(); }

/// The smaller one, and at least 1. `quota`: of the control group; 0: it has none.
inline std::size_t processors_within(std::size_t allowed, std::size_t quota) noexcept {
    const std::size_t count = larger<std::size_t>(allowed, 1);
    return quota != 0 ? smaller(count, quota) : count;
}

inline std::size_t processor_count() {
#if CONCURRENT_FUTURES_LINUX
    const std::size_t quota =
        processors_of_cgroups(read_small_file("/proc/self/cgroup"), "/sys/fs/cgroup");
#else
    const std::size_t quota = 0;
#endif
    return processors_within(processors_of_affinity(), quota);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
