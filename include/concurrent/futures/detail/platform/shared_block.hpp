// SPDX-License-Identifier: MIT
//
// shared_block.hpp: memory of a fixed size that any process can map that gets its descriptor.
//
//     SharedBlock block = SharedBlock::make(size);          // zeros; block.fd() goes to another process
//     SharedBlock same = SharedBlock::adopt(std::move(fd), size, SharedBlock::Contents::variable);   // there
//     SharedBlock constant = SharedBlock::draft(size);
//     constant.freeze(used);                                // from now on no process can write to it
//
// All of its memory is reserved from the beginning, and no process can change its length, so accesses raise no signal.
// It lives as long as any process maps it or has a descriptor of it, however processes end. A fork of this process has it
// as well. Threads: a value, not synchronised; its users synchronise accesses to the bytes.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <utility>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"
#include "concurrent/futures/detail/platform/process_memory.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/detail/platform/unnamed_file.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// 64 random bits that cannot be guessed.
inline std::uint64_t unguessable_number() {
    std::uint64_t number = 0;
    if (::getentropy(&number, sizeof number) != 0) throw_system_error("getentropy");
    return number;
}

class SharedBlock {
  public:
    enum class Contents : std::uint8_t { variable, constant };

    SharedBlock() noexcept = default;
    SharedBlock(SharedBlock&& other) noexcept
        : fd_(std::move(other.fd_)),
          memory_(std::exchange(other.memory_, nullptr)),
          size_(std::exchange(other.size_, 0)) {}
    SharedBlock& operator=(SharedBlock&& other) noexcept {
        std::swap(fd_, other.fd_);
        std::swap(memory_, other.memory_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~SharedBlock() { unmap(); }

    /// `size` zero bytes, more than none. Throws std::bad_alloc when there is no memory, std::system_error when
    /// there are no descriptors.
    static SharedBlock make(std::size_t size);
    /// The same, to be filled and then frozen. No other process can have it before.
    static SharedBlock draft(std::size_t size);
    /// The block that another process made. Throws SerializationError when this is none, and as make().
    static SharedBlock adopt(FileDescriptor fd, std::uint64_t size, Contents contents);
    /// Makes a draft as small as its first `size` bytes, and constant; it lies elsewhere then. Throws as make().
    void freeze(std::size_t size);

    std::byte* data() const noexcept { return static_cast<std::byte*>(memory_); }
    std::size_t size() const noexcept { return size_; }
    int fd() const noexcept { return fd_.get(); }
    explicit operator bool() const noexcept { return memory_ != nullptr; }

  private:
    void map(int protection, int flags) {
        void* const place = ::mmap(nullptr, size_, protection, flags, fd_.get(), 0);
        if (place == MAP_FAILED) throw std::bad_alloc();
        memory_ = place;
    }
    void unmap() noexcept {
        if (memory_) ::munmap(std::exchange(memory_, nullptr), size_);
    }
    static FileDescriptor unnamed_file();
    static void fork_with(const SharedBlock& block, bool inherited) noexcept;
    static bool provide(int fd, std::size_t size) noexcept;
    static bool seal(int fd, Contents contents) noexcept;
    static bool is_sealed(int fd, Contents contents) noexcept;

    FileDescriptor fd_;
    void* memory_ = nullptr;
    std::size_t size_ = 0;
};

inline SharedBlock SharedBlock::make(std::size_t size) {
    SharedBlock made = draft(size);
    if (!seal(made.fd_.get(), Contents::variable)) throw_system_error("shared memory cannot be sealed");
    fork_with(made, true);
    return made;
}

inline SharedBlock SharedBlock::draft(std::size_t size) {
    // Beyond these limits there is not an error but a signal, or no limit at all.
    rlimit file_size{};
    if (::getrlimit(RLIMIT_FSIZE, &file_size) == 0 && file_size.rlim_cur != RLIM_INFINITY &&
        file_size.rlim_cur < size)
        throw_system_error("shared memory of this size is above the limit for files (RLIMIT_FSIZE)", EFBIG);
    if (size > static_cast<std::size_t>(PTRDIFF_MAX) || !private_memory_allows(size)) throw std::bad_alloc();
    SharedBlock made;
    made.fd_ = unnamed_file();
    made.size_ = size;
    if (::ftruncate(made.fd_.get(), static_cast<off_t>(size)) != 0 || !provide(made.fd_.get(), size))
        throw std::bad_alloc();
    made.map(PROT_READ | PROT_WRITE, MAP_SHARED);
    fork_with(made, false);  // what somebody else could write to cannot be frozen
#if defined(MADV_POPULATE_WRITE)
    ::madvise(made.memory_, size, MADV_POPULATE_WRITE);  // all page faults at once; older kernels: no
#endif
    return made;
}

inline SharedBlock SharedBlock::adopt(FileDescriptor fd, std::uint64_t size, Contents contents) {
    constexpr std::uint64_t block_unit = 512;
    struct stat about{};
    if (!fd || ::fstat(fd.get(), &about) != 0 || !S_ISREG(about.st_mode) || size == 0 ||
        static_cast<std::uint64_t>(about.st_size) != size || !is_sealed(fd.get(), contents) ||
        // A false length costs its sender real memory.
        static_cast<std::uint64_t>(about.st_blocks) * block_unit < size)
        throw SerializationError("a descriptor that is not that of " + std::to_string(size) +
                                 " bytes of shared memory");
    SharedBlock same;
    same.fd_ = std::move(fd);
    same.size_ = static_cast<std::size_t>(size);
    if (contents == Contents::constant)
        same.map(PROT_READ, MAP_PRIVATE);
    else
        same.map(PROT_READ | PROT_WRITE, MAP_SHARED);
    return same;
}

inline void SharedBlock::freeze(std::size_t size) {
    unmap();
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0 || !seal(fd_.get(), Contents::constant))
        throw_system_error("shared memory cannot be sealed");
    size_ = size;
    map(PROT_READ, MAP_PRIVATE);
}

#if CONCURRENT_FUTURES_LINUX

inline void SharedBlock::fork_with(const SharedBlock& block, bool inherited) noexcept {
    ::madvise(block.memory_, block.size_, inherited ? MADV_DOFORK : MADV_DONTFORK);
}
inline FileDescriptor SharedBlock::unnamed_file() {
    FileDescriptor fd(::memfd_create("concurrent_futures_shared", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd && is_refused(errno))
        throw_system_error("memfd_create is refused: SharedArray and Broadcast need it, because no process can shorten "
                           "such memory under another one; allow it (seccomp profile of the container, Linux 3.17), "
                           "or pass the data by value");
    if (!fd)
        throw_system_error("no descriptor for shared memory: every SharedArray and Broadcast needs one for as "
                           "long as it lives (RLIMIT_NOFILE); keep fewer of them, or make them larger");
    return off_standard_streams(std::move(fd));
}
inline bool SharedBlock::provide(int fd, std::size_t size) noexcept {
    constexpr std::size_t portion = tuning::provided_portion;  // a signal interrupts one and undoes it
    for (std::size_t place = 0; place < size;) {
        const std::size_t part = size - place < portion ? size - place : portion;
        if (::fallocate(fd, 0, static_cast<off_t>(place), static_cast<off_t>(part)) == 0)
            place += part;
        else if (errno != EINTR)
            return false;
    }
    return true;
}
inline bool SharedBlock::seal(int fd, Contents contents) noexcept {
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | (contents == Contents::constant ? F_SEAL_WRITE : 0);
    return ::fcntl(fd, F_ADD_SEALS, seals | F_SEAL_SEAL) == 0;
}
inline bool SharedBlock::is_sealed(int fd, Contents contents) noexcept {
    const int needed = F_SEAL_SHRINK | F_SEAL_GROW | (contents == Contents::constant ? F_SEAL_WRITE : 0);
    const int seals = ::fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & needed) == needed;
}

#else

inline void SharedBlock::fork_with(const SharedBlock&, bool) noexcept {}
/// No seals: a process that shortens what it shares can end the others by a signal.
inline FileDescriptor SharedBlock::unnamed_file() {
    const std::string name = "/cf" + std::to_string(unguessable_number());
    FileDescriptor fd(::shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
    if (!fd) throw_system_error("no shared memory for a SharedArray or Broadcast (shm_open)");
    ::shm_unlink(name.c_str());
    set_close_on_exec(fd.get());
    return off_standard_streams(std::move(fd));
}
inline bool SharedBlock::provide(int, std::size_t) noexcept { return true; }
inline bool SharedBlock::seal(int, Contents) noexcept { return true; }
inline bool SharedBlock::is_sealed(int, Contents) noexcept { return true; }

#endif

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
