// SPDX-License-Identifier: MIT
//
// process_rights.hpp: a worker never has more rights than the process with the pool.
//
//     ProcessRights now = ProcessRights::of_this_thread();
//     now.include(then)                            // false: `then` could do something that `now` cannot
//
//     why_no_copy_can_be_started(path)             // empty, or why a copy of this program would not be a worker
//     if (file_adds_rights(path)) forbid_more_rights();   // before the copy is started
//
// Executing a file can give rights: the set-user-ID and set-group-ID bits, capabilities of the file, and the
// capabilities of root that a process with user id 0 has dropped. no_new_privs takes all of that away.
// A copy whose real and effective ids differ, or whose file has capabilities, does not believe its environment
// (environment.hpp), so it would not learn that it is a worker, and would run main a second time.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"

#if CONCURRENT_FUTURES_LINUX
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Real, effective and saved; where the system does not tell the last one, the effective one again.
struct IdTriple {
    std::array<unsigned, 3> ids{};
    bool contains(unsigned id) const noexcept { return std::find(ids.begin(), ids.end(), id) != ids.end(); }
    bool include(const IdTriple& other) const noexcept {
        return std::all_of(other.ids.begin(), other.ids.end(), [this](unsigned id) { return contains(id); });
    }
};

class ProcessRights {
  public:
    static ProcessRights of_this_thread();

    /// A process with these rights can do, or can get the right to do, all that a process with `other` can.
    bool include(const ProcessRights& other) const noexcept {
        const bool users = may_change_users() || users_.include(other.users_);
        const bool groups = may_change_groups() ||
                            (groups_.include(other.groups_) &&
                             std::includes(more_groups_.begin(), more_groups_.end(), other.more_groups_.begin(),
                                           other.more_groups_.end()));
        return users && groups && (other.capabilities_ & ~capabilities_) == 0;
    }
    /// Permitted ones, a bit each; systems without have none.
    std::uint64_t capabilities() const noexcept { return capabilities_; }
    bool is_root() const noexcept { return users_.ids[0] == 0 || users_.ids[1] == 0; }

  private:
    bool may_change_groups() const noexcept { return (capabilities_ >> 6 & 1) != 0; }  // CAP_SETGID
    bool may_change_users() const noexcept { return (capabilities_ >> 7 & 1) != 0; }   // CAP_SETUID

    IdTriple users_;
    IdTriple groups_;
    std::vector<gid_t> more_groups_;  // sorted
    std::uint64_t capabilities_ = 0;
};

inline ProcessRights ProcessRights::of_this_thread() {
    ProcessRights rights;
#if CONCURRENT_FUTURES_LINUX
    auto& [real, effective, saved] = rights.users_.ids;
    auto& [real_group, effective_group, saved_group] = rights.groups_.ids;
    if (::getresuid(&real, &effective, &saved) != 0 || ::getresgid(&real_group, &effective_group, &saved_group) != 0)
        throw_system_error("getresuid");
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    if (::syscall(SYS_capget, &header, data.data()) == 0)
        rights.capabilities_ = std::uint64_t{data[1].permitted} << 32 | data[0].permitted;
#else
    rights.users_.ids = {::getuid(), ::geteuid(), ::geteuid()};
    rights.groups_.ids = {::getgid(), ::getegid(), ::getegid()};
#endif
    const int count = ::getgroups(0, nullptr);
    if (count > 0) {
        rights.more_groups_.resize(static_cast<std::size_t>(count));
        const int got = ::getgroups(count, rights.more_groups_.data());
        rights.more_groups_.resize(static_cast<std::size_t>((std::max)(got, 0)));
        std::sort(rights.more_groups_.begin(), rights.more_groups_.end());
    }
    return rights;
}

/// The file has capabilities, which a process gets that executes it.
inline bool file_has_capabilities([[maybe_unused]] const char* path) noexcept {
#if CONCURRENT_FUTURES_LINUX
    struct statvfs about{};
    if (::statvfs(path, &about) == 0 && (about.f_flag & ST_NOSUID) != 0) return false;
    return ::getxattr(path, "security.capability", nullptr, 0) > 0;
#else
    return false;
#endif
}

/// This process has user id 0, and fewer capabilities than a program gets that root executes.
inline bool root_has_dropped_capabilities() {
#if CONCURRENT_FUTURES_LINUX
    const ProcessRights rights = ProcessRights::of_this_thread();
    if (!rights.is_root()) return false;
    for (int number = 0; number < 64; ++number) {
        const int bound = ::prctl(PR_CAPBSET_READ, number, 0, 0, 0);
        if (bound < 0) break;
        if (bound == 1 && (rights.capabilities() >> number & 1) == 0) return true;
    }
#endif
    return false;
}

/// Executing it could give this process rights that it does not have. Also when that cannot be learned.
inline bool file_adds_rights(const char* path) {
    struct stat about{};
    if (::stat(path, &about) != 0) return true;
    constexpr mode_t set_group = S_ISGID | S_IXGRP;
    return ((about.st_mode & S_ISUID) != 0 && about.st_uid != ::geteuid()) ||
           ((about.st_mode & set_group) == set_group && about.st_gid != ::getegid()) ||
           file_has_capabilities(path) || root_has_dropped_capabilities();
}

/// Empty: a copy of this program is a worker that has no more rights than this process.
inline std::string why_no_copy_can_be_started(const char* path) {
    const auto ids = [](const char* kind, unsigned long real, unsigned long effective) {
        return std::string("this process has the real ") + kind + " id " + std::to_string(real) +
               " and the effective " + kind + " id " + std::to_string(effective) +
               ". A program that is started in this state must not trust what its starter tells it, so it cannot "
               "become a worker. Give up one of the two for good before making the pool "
               "(setresuid, setresgid), or use StartMethod::fork";
    };
    if (::getuid() != ::geteuid()) return ids("user", ::getuid(), ::geteuid());
    if (::getgid() != ::getegid()) return ids("group", ::getgid(), ::getegid());
    if (::getuid() != 0 && file_has_capabilities(path))
        return std::string("the file of this program, ") + path +
               ", has capabilities. A program that is started with capabilities must not trust what its starter "
               "tells "
               "it, so it cannot become a worker. Take them from the file (setcap -r), or use "
               "StartMethod::fork";
    return {};
}

/// What this thread starts from now on gets no rights by being executed. Cannot be undone. Throws
/// std::system_error where the system does not have this.
inline void forbid_more_rights() {
#if CONCURRENT_FUTURES_LINUX
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) return;
    throw_system_error("no_new_privs, so that a worker does not get the rights of its file");
#else
    throw_system_error("the file of this program gives rights, which a worker must not get; use StartMethod::fork",
                       EPERM);
#endif
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
