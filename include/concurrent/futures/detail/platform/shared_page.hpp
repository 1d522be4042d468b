// SPDX-License-Identifier: MIT
//
// shared_page.hpp: a page of memory that two processes map, without a name in any namespace.
//
//     SharedPage page(sizeof(Table));          // zeroed; pass page.fd() to the other process
//     SharedPage same(FileDescriptor(fd), sizeof(Table));
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <utility>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"
#include "concurrent/futures/detail/platform/unnamed_file.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class SharedPage {
  public:
    SharedPage() noexcept = default;
    explicit SharedPage(std::size_t size) : SharedPage(unnamed_memory(size), size) {}
    SharedPage(FileDescriptor fd, std::size_t size) : fd_(std::move(fd)), size_(size) {
        memory_ = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
        if (memory_ == MAP_FAILED) {
            memory_ = nullptr;
            throw_system_error("shared memory cannot be mapped (mmap)");
        }
    }
    SharedPage(SharedPage&& other) noexcept
        : fd_(std::move(other.fd_)),
          size_(other.size_),
          memory_(std::exchange(other.memory_, nullptr)),
          stays_(other.stays_) {}
    SharedPage& operator=(SharedPage&&) = delete;
    ~SharedPage() {
        if (memory_ && !stays_) ::munmap(memory_, size_);
    }

    int fd() const noexcept { return fd_.get(); }
    void close_fd() noexcept { fd_.reset(); }
    /// Until the process ends: for what signal handlers use.
    void stay_mapped() noexcept { stays_ = true; }
    void* memory() const noexcept { return memory_; }

  private:
    static FileDescriptor unnamed_memory(std::size_t size) {
        FileDescriptor fd = make_unnamed_file();
        if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) throw_system_error("shared memory cannot get its size (ftruncate)");
        return fd;
    }

    FileDescriptor fd_;
    std::size_t size_ = 0;
    void* memory_ = nullptr;
    bool stays_ = false;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
