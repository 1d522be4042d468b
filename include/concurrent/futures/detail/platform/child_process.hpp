// SPDX-License-Identifier: MIT
//
// child_process.hpp: one process: start it, watch it, signal it, learn how it ended.
//
//     ProcessHandle child = spawn("/proc/self/exe", argv, environment, {0, tasks, results}, blocked);
//     poll on child.watch_fd() …               // readable when it has ended
//     std::optional<ExitStatus> status = child.try_reap();
//
// A pidfd makes signals safe against reuse of the pid and needs no SIGCHLD handler. Without one
// (other systems, old kernels) watch_fd() is -1 and the owner notices the end by its pipes.
// Other code may reap the child first (SIGCHLD ignored, a stray waitpid(-1)). Then the pidfd gives the status on Linux
// 6.15 and later; elsewhere it is unknown.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"
#include "concurrent/futures/detail/platform/process_memory.hpp"
#include "concurrent/futures/detail/platform/processor_set.hpp"

#if CONCURRENT_FUTURES_LINUX
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Both empty: unknown.
struct ExitStatus {
    std::optional<int> exit_code{};
    std::optional<int> signal{};
    std::int64_t peak_memory = 0;  ///< bytes, of it or of a child it waited for; 0: unknown. See own_peak_memory()
};

/// Invalid where the system has none.
inline FileDescriptor open_pidfd([[maybe_unused]] pid_t pid) noexcept {
#if CONCURRENT_FUTURES_LINUX && defined(SYS_pidfd_open)
    FileDescriptor fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!fd || fd.get() > STDERR_FILENO) return fd;
    return FileDescriptor(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 10));  // see off_standard_streams()
#else
    return FileDescriptor();
#endif
}

/// `status` as wait() gives it. Empty while the process runs.
inline std::optional<ExitStatus> exit_status_of(int status, std::int64_t peak_memory) noexcept {
    if (WIFEXITED(status)) return ExitStatus{WEXITSTATUS(status), std::nullopt, peak_memory};
    if (WIFSIGNALED(status)) return ExitStatus{std::nullopt, WTERMSIG(status), peak_memory};
    return std::nullopt;
}

/// How a process ended that has been reaped, by whomever. Both empty where the system does not tell.
inline ExitStatus exit_status_of_reaped([[maybe_unused]] const FileDescriptor& pidfd) noexcept {
#if CONCURRENT_FUTURES_LINUX
    struct Info {  // the kernel's struct pidfd_info, first version; the C library's headers may be older
        std::uint64_t mask = 0;
        std::uint64_t control_group = 0;
        std::uint32_t ids[11] = {};
        std::int32_t exit_code = 0;
    };
    static_assert(sizeof(Info) == 64);
    constexpr std::uint64_t exit = 1 << 3;            // PIDFD_INFO_EXIT
    constexpr auto get_info = _IOWR(0xFF, 11, Info);  // PIDFD_GET_INFO
    Info info;
    info.mask = exit;
    if (pidfd && ::ioctl(pidfd.get(), get_info, &info) == 0 && (info.mask & exit) != 0)
        return exit_status_of(info.exit_code, 0).value_or(ExitStatus{});
#endif
    return {};
}

class ProcessHandle {
  public:
    ProcessHandle() noexcept = default;
    ProcessHandle(pid_t pid, FileDescriptor pidfd) noexcept : pid_(pid), pidfd_(std::move(pidfd)) {}

    pid_t pid() const noexcept { return pid_; }
    int watch_fd() const noexcept { return pidfd_.get(); }

    void send_signal(int signal) const noexcept {
        if (pid_ <= 0) return;
#if CONCURRENT_FUTURES_LINUX && defined(SYS_pidfd_send_signal)
        // A sandbox may forbid it; of a process that has ended there is nothing to signal.
        if (pidfd_ &&
            (::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0) == 0 || errno == ESRCH))
            return;
#endif
        ::kill(pid_, signal);
    }

    /// Empty while it runs. Only for children of this process.
    std::optional<ExitStatus> try_reap() const noexcept { return wait_for_end(WNOHANG); }
    ExitStatus reap() const noexcept {
        for (;;)
            if (const auto status = wait_for_end(0)) return *status;
    }

  private:
    std::optional<ExitStatus> wait_for_end(int options) const noexcept {
        int status = 0;
        rusage usage{};
        pid_t ended;
        do ended = ::wait4(pid_, &status, options, &usage);
        while (ended < 0 && errno == EINTR);
        if (ended == 0) return std::nullopt;
        if (ended < 0) return exit_status_of_reaped(pidfd_);  // ECHILD: somebody else has reaped it
        return exit_status_of(status, peak_memory(usage));
    }

    pid_t pid_ = -1;
    FileDescriptor pidfd_;
};

/// Starts `path`. Descriptor inherited[n] becomes number first_inherited + n there; standard streams
/// stay, everything else is closed. What this process ignores stays ignored, but SIGCHLD; there are no other
/// handlers, and `blocked` is the signal mask. Inherited descriptors must be 10 or more (moved_up). Throws
/// std::system_error.
inline constexpr int first_inherited = 3;
inline ProcessHandle spawn(const char* path, const std::vector<std::string>& arguments,
                           const std::vector<std::string>& environment,
                           std::span<const int> inherited, const sigset_t& blocked) {
    const auto pointers = [](const std::vector<std::string>& strings) {
        std::vector<char*> result;
        for (const std::string& string : strings) result.push_back(const_cast<char*>(string.c_str()));
        result.push_back(nullptr);
        return result;
    };
    const std::vector<char*> argv = pointers(arguments);
    const std::vector<char*> envp = pointers(environment);

    struct Attributes {
        Attributes() {
            ::posix_spawn_file_actions_init(&actions);
            ::posix_spawnattr_init(&attributes);
        }
        ~Attributes() {
            ::posix_spawn_file_actions_destroy(&actions);
            ::posix_spawnattr_destroy(&attributes);
        }
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
    } with;
    sigset_t children;  // ignoring them would also mean to lose how they end
    ::sigemptyset(&children);
    ::sigaddset(&children, SIGCHLD);
    int error = ::posix_spawnattr_setsigmask(&with.attributes, &blocked);
    if (error == 0) error = ::posix_spawnattr_setsigdefault(&with.attributes, &children);
    if (error == 0)
        error = ::posix_spawnattr_setflags(&with.attributes,
                                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int number = first_inherited;
    for (const int fd : inherited)
        if (error == 0) error = ::posix_spawn_file_actions_adddup2(&with.actions, fd, number++);
#if defined(__GLIBC__) && (__GLIBC__ > 2 || (__GLIBC__ == 2 && __GLIBC_MINOR__ >= 34))
    if (error == 0) error = ::posix_spawn_file_actions_addclosefrom_np(&with.actions, number);
#endif
    pid_t pid = -1;
    // The child has the processors of this thread, and must not be confined to one OpenMP place.
    const ProcessorSet here = ProcessorSet::of_this_thread();
    const ProcessorSet all = ProcessorSet::of_process();
    if (here != all) all.apply();
    if (error == 0)
        error = ::posix_spawn(&pid, path, &with.actions, &with.attributes, argv.data(), envp.data());
    if (here != all) here.apply();
    if (error != 0) throw_no_child(path, error);
    return {pid, open_pidfd(pid)};  // no other code can have reaped this child yet: the pid is still its own
}

/// Where the file of this program was when it started. /proc/self/exe is better, as it is right even after
/// that file was replaced, but may be missing.
inline std::string own_executable(const char* first_argument) {
    char path[4096];
    const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
    if (size > 0) return {path, static_cast<std::size_t>(size)};
    const char* started_as = first_argument;
#if CONCURRENT_FUTURES_LINUX
    // What execve() was given; the first argument may be without its folder.
    if (const unsigned long name = ::getauxval(AT_EXECFN)) started_as = reinterpret_cast<const char*>(name);
#endif
    if (!started_as) return {};
    // The working directory may change later.
    char* const absolute = ::realpath(started_as, nullptr);
    std::string found = absolute ? absolute : started_as;
    ::free(absolute);
    return found;
}

/// In a child that has just started: die when the thread that made it ends, which is when its process
/// does. False when that has happened already.
inline bool die_with_parent([[maybe_unused]] pid_t parent) noexcept {
#if CONCURRENT_FUTURES_LINUX
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    return ::getppid() == parent;
}

/// Threads of this process; 0 when it cannot be learned.
inline std::size_t thread_count() noexcept {
    std::size_t count = 0;
#if CONCURRENT_FUTURES_LINUX
    DIR* const folder = ::opendir("/proc/self/task");
    if (!folder) return 0;
    while (const dirent* const entry = ::readdir(folder)) count += entry->d_name[0] != '.';
    ::closedir(folder);
    if (CONCURRENT_FUTURES_TSAN && count > 1) --count;  // the sanitizer's own
#endif
    return count;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
