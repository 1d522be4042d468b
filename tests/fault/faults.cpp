// SPDX-License-Identifier: MIT
//
// faults.cpp: see faults.hpp. No header of the library is used here.
#include "fault/faults.hpp"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

#define FOR_EACH_WRAPPED_CALL(X)                                                                     \
    X(int, access, (const char* path, int mode), (path, mode))                                       \
    X(int, dup2, (int from, int to), (from, to))                                                     \
    X(int, eventfd, (unsigned value, int flags), (value, flags))                                     \
    X(pid_t, fork, (), ())                                                                           \
    X(int, ftruncate, (int fd, off_t size), (fd, size))                                              \
    X(int, getrlimit, (__rlimit_resource resource, rlimit* limit), (resource, limit))                \
    X(int, kill, (pid_t pid, int signal), (pid, signal))                                             \
    X(int, memfd_create, (const char* name, unsigned flags), (name, flags))                          \
    X(int, pipe2, (int* ends, int flags), (ends, flags))                                             \
    X(int, poll, (pollfd * entries, nfds_t count, int timeout), (entries, count, timeout))           \
    X(int, sched_getaffinity, (pid_t pid, std::size_t size, cpu_set_t* set), (pid, size, set))       \
    X(ssize_t, sendmsg, (int fd, const msghdr* message, int flags), (fd, message, flags))            \
    X(ssize_t, recvmsg, (int fd, msghdr* message, int flags), (fd, message, flags))                  \
    X(int, setrlimit, (__rlimit_resource resource, const rlimit* limit), (resource, limit))          \
    X(int, socketpair, (int domain, int type, int protocol, int* ends), (domain, type, protocol, ends))

extern "C" {
int __real_open(const char* path, int flags, ...);
void* __real_mmap(void* address, std::size_t size, int protection, int flags, int fd, off_t offset);
int __real_close(int fd);
}

namespace fault {
namespace {

constexpr const char* variable = "CONCURRENT_FUTURES_TEST_FAULTS";
constexpr std::uint64_t harmless_in_a_row = 100;

/// Zero when fresh. relaxed everywhere: numbers, which hand nothing over.
struct Shared {
    std::atomic<bool> armed;
    std::atomic<pid_t> pool;
    std::atomic<std::uint64_t> first, last;
    std::atomic<int> call, side, effect;
    std::atomic<std::uint64_t> failed;
    std::atomic<std::uint64_t> calls[2][call_count];
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

std::atomic<Shared*> shared{nullptr};
thread_local int quiet = 0;

Shared* map(const char* path) {
    const int fd = __real_open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return nullptr;
    void* const memory = __real_mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    __real_close(fd);
    return memory == MAP_FAILED ? nullptr : static_cast<Shared*>(memory);
}

/// In a worker, before main and before the library makes its first call.
[[gnu::constructor]] void find_injector() {
    const char* const path = std::getenv(variable);
    if (path) shared.store(map(path), std::memory_order_relaxed);
}

/// Counts the call. Its effect if it is to fail, else 0.
int due(Call call) noexcept {
    Shared* const all = shared.load(std::memory_order_relaxed);
    if (!all || quiet > 0 || !all->armed.load(std::memory_order_relaxed)) return 0;
    const int side = ::getpid() == all->pool.load(std::memory_order_relaxed) ? 0 : 1;
    const std::uint64_t number =
        all->calls[side][static_cast<std::size_t>(call)].fetch_add(1, std::memory_order_relaxed) + 1;
    if (all->call.load(std::memory_order_relaxed) != static_cast<int>(call) ||
        all->side.load(std::memory_order_relaxed) != side ||
        number < all->first.load(std::memory_order_relaxed) ||
        number > all->last.load(std::memory_order_relaxed))
        return 0;
    all->failed.fetch_add(1, std::memory_order_relaxed);
    return all->effect.load(std::memory_order_relaxed);
}

}  // namespace

const char* name_of(Call call) {
    static constexpr std::array<const char*, call_count> names{
        "access", "close", "dup2", "eventfd", "fcntl", "fork", "ftruncate", "futex", "getrlimit", "kill",
        "memfd_create", "mmap", "operator new", "open", "opendir", "pidfd_open", "pidfd_send_signal",
        "pipe2", "poll", "posix_spawn", "prctl", "pthread_create", "read", "recvmsg", "sched_getaffinity",
        "sendmsg", "setrlimit", "socketpair", "posix_spawn_file_actions_*", "wait4", "write", "writev"};
    return names[static_cast<std::size_t>(call)];
}

std::span<const int> effects_of(Call call) {
    static constexpr int input[]{EINTR, EAGAIN, short_transfer, ENOMEM, EIO};
    static constexpr int output[]{EINTR, EAGAIN, short_transfer, EPIPE, ENOMEM};
    static constexpr int notification[]{EINTR, EAGAIN};  // write() is used for nothing else
    static constexpr int message_out[]{EINTR, EAGAIN, EPIPE, ENOBUFS};
    static constexpr int message_in[]{EINTR, EAGAIN, ECONNRESET, ENOMEM};
    static constexpr int waiting[]{EINTR, EAGAIN, ENOMEM};
    static constexpr int interrupted[]{EINTR};
    static constexpr int futexes[]{EINTR, EAGAIN};
    static constexpr int descriptors[]{EMFILE, ENFILE, ENOMEM};
    static constexpr int descriptor_command[]{EMFILE, EINTR};
    static constexpr int memory[]{ENOMEM};
    static constexpr int files[]{EMFILE, ENOENT};
    static constexpr int space[]{ENOSPC, EINTR};
    static constexpr int starts[]{EAGAIN, ENOMEM};
    static constexpr int threads[]{EAGAIN};
    static constexpr int forbidden[]{EPERM};
    static constexpr int unknown[]{ENOSYS, EMFILE, EPERM};
    static constexpr int endings[]{EINTR, ECHILD};
    switch (call) {
        case Call::read: return input;
        case Call::writev: return output;
        case Call::write: return notification;
        case Call::sendmsg: return message_out;
        case Call::recvmsg: return message_in;
        case Call::poll: return waiting;
        case Call::close: return interrupted;
        case Call::futex: return futexes;
        case Call::eventfd:
        case Call::memfd_create:
        case Call::pipe2:
        case Call::socketpair: return descriptors;
        case Call::fcntl:
        case Call::dup2: return descriptor_command;
        case Call::mmap:
        case Call::new_:
        case Call::spawn_actions: return memory;
        case Call::open:
        case Call::opendir:
        case Call::access: return files;
        case Call::ftruncate: return space;
        case Call::fork:
        case Call::posix_spawn: return starts;
        case Call::pthread_create: return threads;
        case Call::pidfd_open:
        case Call::pidfd_send_signal: return unknown;
        case Call::wait4: return endings;
        case Call::getrlimit:
        case Call::kill:
        case Call::prctl:
        case Call::sched_getaffinity:
        case Call::setrlimit: return forbidden;
    }
    return {};
}

bool is_harmless(Call call, int effect) {
    switch (call) {
        case Call::close: return true;
        case Call::futex: return true;
        case Call::poll: return effect == EINTR || effect == EAGAIN;
        case Call::read: return effect == EINTR || effect == short_transfer;  // "no data" may lose the last
        case Call::write:
        case Call::writev: return effect == EINTR || effect == EAGAIN || effect == short_transfer;
        case Call::recvmsg:
        case Call::sendmsg:
        case Call::wait4: return effect == EINTR;
        // The library can do without.
        case Call::access:
        case Call::pidfd_open:
        case Call::pidfd_send_signal:
        case Call::prctl:
        case Call::sched_getaffinity: return true;
        default: return false;
    }
}

std::string describe(const Fault& fault) {
    std::string text = fault.side == Side::pool ? "pool's " : "workers' ";
    text += std::string(name_of(fault.call)) + "() number " + std::to_string(fault.number);
    if (fault.mode == Mode::from_here_on) text += " and all after it";
    if (fault.effect == short_transfer) return text + ": one byte";
    return text + ": " + ::strerrorname_np(fault.effect);
}

Injector::Injector() {
    char path[] = "/tmp/concurrent_futures_faults_XXXXXX";
    const int fd = ::mkostemp(path, O_CLOEXEC);
    if (fd < 0 || ::ftruncate(fd, sizeof(Shared)) != 0) throw std::runtime_error("no temporary file");
    __real_close(fd);
    path_ = path;
    shared.store(map(path), std::memory_order_relaxed);
    ::setenv(variable, path, 1);
}

Injector::~Injector() { ::unlink(path_.c_str()); }

void Injector::arm(const Fault& fault) {
    Shared& all = *shared.load(std::memory_order_relaxed);
    const bool bounded =
        is_harmless(fault.call, fault.effect) || fault.effect == EINTR || fault.effect == EAGAIN;
    const std::uint64_t many = bounded ? fault.number + harmless_in_a_row : ~std::uint64_t{0};
    all.pool.store(::getpid(), std::memory_order_relaxed);
    all.call.store(static_cast<int>(fault.call), std::memory_order_relaxed);
    all.side.store(static_cast<int>(fault.side), std::memory_order_relaxed);
    all.effect.store(fault.effect, std::memory_order_relaxed);
    all.first.store(fault.number == 0 ? ~std::uint64_t{0} : fault.number, std::memory_order_relaxed);
    all.last.store(fault.mode == Mode::once ? fault.number : many, std::memory_order_relaxed);
    all.failed.store(0, std::memory_order_relaxed);
    for (auto& side : all.calls)
        for (auto& count : side) count.store(0, std::memory_order_relaxed);
    all.armed.store(true, std::memory_order_relaxed);
}

Report Injector::disarm() {
    Shared& all = *shared.load(std::memory_order_relaxed);
    all.armed.store(false, std::memory_order_relaxed);
    Report report;
    for (std::size_t side = 0; side < 2; ++side)
        for (std::size_t call = 0; call < call_count; ++call)
            report.calls[side][call] = all.calls[side][call].load(std::memory_order_relaxed);
    report.failed = all.failed.load(std::memory_order_relaxed);
    return report;
}

Quiet::Quiet() { ++quiet; }
Quiet::~Quiet() { --quiet; }

}  // namespace fault

// ---- the calls ----------------------------------------------------------------------------------

using fault::Call;
using fault::due;

extern "C" {

#define WRAP(result, name, parameters, arguments)      \
    result __real_##name parameters;                   \
    result __wrap_##name parameters;                   \
    result __wrap_##name parameters {                  \
        if (const int error = due(Call::name)) {       \
            errno = error;                             \
            return -1;                                 \
        }                                              \
        return __real_##name arguments;                \
    }
FOR_EACH_WRAPPED_CALL(WRAP)

ssize_t __real_read(int fd, void* data, std::size_t size);
ssize_t __wrap_read(int fd, void* data, std::size_t size);
ssize_t __wrap_read(int fd, void* data, std::size_t size) {
    const int error = due(Call::read);
    if (error == fault::short_transfer) {
        // An eventfd gives eight bytes or none.
        return __real_read(fd, data, size <= 64 ? size : 1);
    }
    if (error == 0) return __real_read(fd, data, size);
    errno = error;
    return -1;
}

ssize_t __real_write(int fd, const void* data, std::size_t size);
ssize_t __wrap_write(int fd, const void* data, std::size_t size);
ssize_t __wrap_write(int fd, const void* data, std::size_t size) {
    const int error = due(Call::write);
    if (error == 0) return __real_write(fd, data, size);
    // "Would block" is what an eventfd says that has been written to and not read.
    if (error == EAGAIN) __real_write(fd, data, size);
    errno = error;
    return -1;
}

ssize_t __real_writev(int fd, const iovec* parts, int count);
ssize_t __wrap_writev(int fd, const iovec* parts, int count);
ssize_t __wrap_writev(int fd, const iovec* parts, int count) {
    const int error = due(Call::writev);
    if (error == fault::short_transfer) {
        while (count > 1 && parts->iov_len == 0) ++parts, --count;
        const iovec part{parts->iov_base, parts->iov_len > 0 ? std::size_t{1} : 0};
        return __real_writev(fd, &part, 1);
    }
    if (error == 0) return __real_writev(fd, parts, count);
    errno = error;
    return -1;
}

int __wrap_close(int fd);
int __wrap_close(int fd) {
    const int error = due(Call::close);
    const int result = __real_close(fd);
    if (error == 0) return result;
    errno = error;  // the descriptor is gone all the same
    return -1;
}

int __wrap_open(const char* path, int flags, ...);
int __wrap_open(const char* path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (const int error = due(Call::open)) {
        errno = error;
        return -1;
    }
    return __real_open(path, flags, mode);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...) {
    va_list rest;
    va_start(rest, command);
    const long argument = va_arg(rest, long);
    va_end(rest);
    if (const int error = due(Call::fcntl)) {
        errno = error;
        return -1;
    }
    return __real_fcntl(fd, command, argument);
}

int __real_prctl(int option, ...);
int __wrap_prctl(int option, ...);
int __wrap_prctl(int option, ...) {
    va_list rest;
    va_start(rest, option);
    const unsigned long a = va_arg(rest, unsigned long);
    va_end(rest);
    if (const int error = due(Call::prctl)) {
        errno = error;
        return -1;
    }
    return __real_prctl(option, a, 0UL, 0UL, 0UL);
}

void* __wrap_mmap(void* address, std::size_t size, int protection, int flags, int fd, off_t offset);
void* __wrap_mmap(void* address, std::size_t size, int protection, int flags, int fd, off_t offset) {
    if (const int error = due(Call::mmap)) {
        errno = error;
        return MAP_FAILED;
    }
    return __real_mmap(address, size, protection, flags, fd, offset);
}

DIR* __real_opendir(const char* path);
DIR* __wrap_opendir(const char* path);
DIR* __wrap_opendir(const char* path) {
    if (const int error = due(Call::opendir)) {
        errno = error;
        return nullptr;
    }
    return __real_opendir(path);
}

pid_t __real_wait4(pid_t pid, int* status, int options, rusage* usage);
pid_t __wrap_wait4(pid_t pid, int* status, int options, rusage* usage);
pid_t __wrap_wait4(pid_t pid, int* status, int options, rusage* usage) {
    const int error = due(Call::wait4);
    if (error == ECHILD) {  // somebody else was quicker
        const pid_t ended = __real_wait4(pid, status, options, usage);
        if (ended <= 0) return ended;
    }
    if (error == 0) return __real_wait4(pid, status, options, usage);
    errno = error;
    return -1;
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...) {
    va_list rest;
    va_start(rest, number);
    std::array<long, 6> argument;
    for (long& each : argument) each = va_arg(rest, long);
    va_end(rest);
    int error = 0;
    if (number == SYS_futex) error = due(Call::futex);
    if (number == SYS_pidfd_open) error = due(Call::pidfd_open);
    if (number == SYS_pidfd_send_signal) error = due(Call::pidfd_send_signal);
    // A wake-up cannot be interrupted, it fails only where there is nobody.
    if (number == SYS_futex && (argument[1] & 1) != 0) error = 0;
    if (error == 0)
        return __real_syscall(number, argument[0], argument[1], argument[2], argument[3], argument[4],
                              argument[5]);
    errno = error;
    return -1;
}

int __real_posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                       const posix_spawnattr_t* attributes, char* const* argv, char* const* envp);
int __wrap_posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                       const posix_spawnattr_t* attributes, char* const* argv, char* const* envp);
int __wrap_posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                       const posix_spawnattr_t* attributes, char* const* argv, char* const* envp) {
    if (const int error = due(Call::posix_spawn)) return error;
    return __real_posix_spawn(pid, path, actions, attributes, argv, envp);
}

int __real_posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t* actions, int from, int to);
int __wrap_posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t* actions, int from, int to);
int __wrap_posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t* actions, int from, int to) {
    if (const int error = due(Call::spawn_actions)) return error;
    return __real_posix_spawn_file_actions_adddup2(actions, from, to);
}

int __real_posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t* actions, int from);
int __wrap_posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t* actions, int from);
int __wrap_posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t* actions, int from) {
    if (const int error = due(Call::spawn_actions)) return error;
    return __real_posix_spawn_file_actions_addclosefrom_np(actions, from);
}

// Called by the C++ library, which --wrap does not reach: this program's own definition goes first.
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) {
    using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
    static const auto real = reinterpret_cast<Create>(::dlsym(RTLD_NEXT, "pthread_create"));
    if (const int error = due(Call::pthread_create)) return error;
    return real(thread, attributes, start, argument);
}

}  // extern "C"

// ---- memory -------------------------------------------------------------------------------------

void* operator new(std::size_t size) {
    if (due(Call::new_) != 0) throw std::bad_alloc();
    if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    if (due(Call::new_) != 0) throw std::bad_alloc();
    const auto align = static_cast<std::size_t>(alignment);
    if (void* const memory = std::aligned_alloc(align, (size + align - 1) / align * align)) return memory;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return due(Call::new_) != 0 ? nullptr : std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
