// SPDX-License-Identifier: MIT
//
// shared_memory.hpp: a large region of memory that two processes map, without a name in any namespace. Only the parts
// in use take memory.
//
//     SharedMemory region = SharedMemory::make(shared_memory_reservation(), SharedMemory::Access::write);
//     if (!region) …                            // the system has none: do without
//     if (region.provide(offset, size)) write;  // from here on these bytes can be touched without a signal
//     region.discard(offset, size);             // gives the pages back; the bytes are zero again
//
//     SharedMemory same = SharedMemory::map(std::move(fd), SharedMemory::Access::read);   // elsewhere
//
// Sealed: no process can change its length, so none can take memory away from another one, which would get SIGBUS. A
// descriptor for readers is opened for reading only: its mapping cannot be made writable. A fork of this process does
// not get a writable mapping. Nothing here throws: without shared memory, callers take another way.
// Threads: different parts of a region may be provided, used and discarded at the same time.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <utility>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/platform/valgrind.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class SharedMemory {
  public:
    enum class Access : std::uint8_t { read, write };
    static constexpr std::size_t page = 4096;

    SharedMemory() noexcept = default;
    SharedMemory(SharedMemory&& other) noexcept
        : fd_(std::move(other.fd_)),
          memory_(std::exchange(other.memory_, nullptr)),
          size_(std::exchange(other.size_, 0)) {}
    SharedMemory& operator=(SharedMemory&& other) noexcept {
        std::swap(fd_, other.fd_);
        std::swap(memory_, other.memory_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~SharedMemory() {
        if (memory_) ::munmap(memory_, size_);
    }

    /// A new region, all zero, and how this process maps it. Empty when the system has none.
    static SharedMemory make(std::size_t size, Access access) noexcept;
    /// A region that another process made. Empty when this is none, or its length could change, or there
    /// is no room for it here.
    static SharedMemory map(FileDescriptor fd, Access access) noexcept;
    /// For another process; empty when there are no descriptors left, or no /proc to get one for reading.
    FileDescriptor descriptor(Access access) const noexcept;
    /// Of a region that was made here for reading: its first page, writable from now on. Null: it cannot be.
    std::byte* writable_page() const noexcept;

    /// Makes sure that there is memory behind these bytes. False: there is none, and nothing has changed.
    /// Costs a look at every page, so not to be done twice.
    bool provide(std::size_t offset, std::size_t size) const noexcept;
    void discard(std::size_t offset, std::size_t size) const noexcept;
    /// How much of it there is memory behind, in all processes together.
    std::size_t provided() const noexcept;

    explicit operator bool() const noexcept { return memory_ != nullptr; }
    std::byte* data() const noexcept { return static_cast<std::byte*>(memory_); }
    std::size_t size() const noexcept { return size_; }
    int fd() const noexcept { return fd_.get(); }
    /// When provide(), discard(), provided() and descriptor() are not needed any more.
    void close_fd() noexcept { fd_.reset(); }

  private:
    bool map_here(Access access) noexcept;

    FileDescriptor fd_;
    void* memory_ = nullptr;
    std::size_t size_ = 0;
};

/// A length for make(): as much as the machine has memory, because it is only address space. Under valgrind it is more.
inline std::size_t shared_memory_reservation() noexcept {
    constexpr std::size_t least = std::size_t{1} << 26;
    if (runs_under_valgrind()) return least;
    const long pages = ::sysconf(_SC_PHYS_PAGES);
    return (std::max)(least, static_cast<std::size_t>((std::max)(pages, 0L)) * SharedMemory::page);
}

#if CONCURRENT_FUTURES_LINUX

inline bool SharedMemory::map_here(Access access) noexcept {
    const int protection = access == Access::write ? PROT_READ | PROT_WRITE : PROT_READ;
    // After mlockall(MCL_FUTURE) the system would provide all of it at once. What cannot be touched yet it does not.
    void* const place = ::mmap(nullptr, size_, PROT_NONE, MAP_SHARED | MAP_NORESERVE, fd_.get(), 0);
    if (place == MAP_FAILED) return false;
    memory_ = place;
    ::munlock(memory_, size_);
    if (::mprotect(memory_, size_, protection) != 0) {
        ::munmap(std::exchange(memory_, nullptr), size_);
        return false;
    }
    if (access == Access::write && !runs_under_valgrind()) ::madvise(memory_, size_, MADV_DONTFORK);
    ::madvise(memory_, size_, MADV_DONTDUMP);
    return true;
}

inline SharedMemory SharedMemory::make(std::size_t size, Access access) noexcept {
    constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    SharedMemory made;
    // Beyond this limit there is not an error but a signal.
    rlimit file_size{};
    if (::getrlimit(RLIMIT_FSIZE, &file_size) != 0) return made;
    if (file_size.rlim_cur != RLIM_INFINITY && file_size.rlim_cur < size)
        size = static_cast<std::size_t>(file_size.rlim_cur);
    size -= size % page;
    if (size == 0) return made;
    FileDescriptor fd(::memfd_create("concurrent_futures", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(size)) != 0 ||
        ::fcntl(fd.get(), F_ADD_SEALS, seals) != 0)
        return made;
    if (fd.get() <= STDERR_FILENO) {
        fd = FileDescriptor(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 10));  // see off_standard_streams()
        if (!fd) return made;
    }
    made.fd_ = std::move(fd);
    made.size_ = size;
    // Where address space is limited (RLIMIT_AS), a part of it will do.
    constexpr std::size_t least = std::size_t{1} << 26;
    while (!made.map_here(access)) {
        if (made.size_ / 2 < least) return SharedMemory();
        made.size_ = made.size_ / 2 / page * page;
    }
    return made;
}

inline SharedMemory SharedMemory::map(FileDescriptor fd, Access access) noexcept {
    constexpr int needed = F_SEAL_SHRINK | F_SEAL_GROW;
    SharedMemory mapped;
    const int seals = ::fcntl(fd.get(), F_GET_SEALS);
    struct stat about{};
    if (seals < 0 || (seals & needed) != needed || ::fstat(fd.get(), &about) != 0 || about.st_size <= 0)
        return mapped;
    mapped.fd_ = std::move(fd);
    mapped.size_ = static_cast<std::size_t>(about.st_size);
    if (!mapped.map_here(access)) return SharedMemory();
    return mapped;
}

inline std::byte* SharedMemory::writable_page() const noexcept {
    return ::mprotect(memory_, page, PROT_READ | PROT_WRITE) == 0 ? data() : nullptr;
}

inline FileDescriptor SharedMemory::descriptor(Access access) const noexcept {
    if (access == Access::write) return FileDescriptor(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 10));
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd_.get());
    const FileDescriptor low(::open(path, O_RDONLY | O_CLOEXEC));
    if (!low) return FileDescriptor();
    return FileDescriptor(::fcntl(low.get(), F_DUPFD_CLOEXEC, 10));
}

inline bool SharedMemory::provide(std::size_t offset, std::size_t size) const noexcept {
    // In portions: a signal interrupts one and undoes it.
    constexpr std::size_t portion = tuning::provided_portion;
    const std::size_t end = offset + size;
    for (std::size_t place = offset; place < end;) {
        const std::size_t part = (std::min)(portion, end - place);
        int result;
        do result = ::fallocate(fd_.get(), 0, static_cast<off_t>(place), static_cast<off_t>(part));
        while (result != 0 && errno == EINTR);
        if (result != 0) {
            discard(offset, place - offset);
            return false;
        }
#if defined(MADV_POPULATE_WRITE)
        ::madvise(data() + place, part, MADV_POPULATE_WRITE);  // all page faults at once; older kernels: no
#endif
        place += part;
    }
    return true;
}

inline void SharedMemory::discard(std::size_t offset, std::size_t size) const noexcept {
    if (size != 0)
        ::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                    static_cast<off_t>(size));
}

inline std::size_t SharedMemory::provided() const noexcept {
    struct stat about{};
    constexpr std::size_t unit = 512;
    return ::fstat(fd_.get(), &about) == 0 ? static_cast<std::size_t>(about.st_blocks) * unit : 0;
}

#else

inline bool SharedMemory::map_here(Access) noexcept { return false; }
inline std::byte* SharedMemory::writable_page() const noexcept { return nullptr; }
inline SharedMemory SharedMemory::make(std::size_t, Access) noexcept { return {}; }
inline SharedMemory SharedMemory::map(FileDescriptor, Access) noexcept { return {}; }
inline FileDescriptor SharedMemory::descriptor(Access) const noexcept { return FileDescriptor(); }
inline bool SharedMemory::provide(std::size_t, std::size_t) const noexcept { return false; }
inline void SharedMemory::discard(std::size_t, std::size_t) const noexcept {}
inline std::size_t SharedMemory::provided() const noexcept { return 0; }

#endif

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
