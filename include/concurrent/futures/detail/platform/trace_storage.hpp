// SPDX-License-Identifier: MIT
//
// trace_storage.hpp: a file that many threads append to at once, and that is complete after a crash.
//
//     TraceStorage file("run.json");             // throws std::system_error
//     char* block = file.take_block();           // block_size spaces, somewhere in the file; null: no more
//     … write into it: it is in the file at once, whatever becomes of this process
//     file.reuse(block, used);                   // full: its text goes to the end of the file, and it is empty again
//     file.give_back(block);
//     file.finish("]");
//
// Where there is mmap(), a block is memory that the file shares: the system keeps what was written when the program
// crashes. Elsewhere a block is written when it is given back. A lock on the file keeps a second process from writing to
// it. The file must not be truncated while it is written: writing beyond its end would be SIGBUS.
// Threads: the caller brings a lock for all functions; blocks are written without.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "concurrent/futures/detail/platform/config.hpp"

#if CONCURRENT_FUTURES_HAS_PROCESSES
#include <sys/file.h>
#include <sys/mman.h>

#include "concurrent/futures/detail/platform/environment.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline constexpr const char* trace_variable = "CONCURRENT_FUTURES_TRACE";

#if CONCURRENT_FUTURES_HAS_PROCESSES

inline const char* trace_path_of_program() noexcept { return trusted_variable(trace_variable); }

class TraceStorage {
  public:
    static constexpr std::size_t block_size = 65'536;  // of any page size a multiple

    explicit TraceStorage(const std::string& path)
        : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666)), spaces_(block_size, ' ') {
        const auto expect = [&](bool done, const char* what) {
            if (!done) throw_system_error(("TraceFile: cannot " + (what + (" \"" + path + "\""))).c_str());
        };
        expect(static_cast<bool>(fd_), "open");
        expect(::flock(fd_.get(), LOCK_EX | LOCK_NB) == 0, "write, because another trace is being written to,");
        expect(::ftruncate(fd_.get(), 0) == 0, "truncate");
    }

    char* take_block() noexcept {
        const std::size_t gap = (block_size - size_ % block_size) % block_size;
        if (finished_ || !append({spaces_.data(), gap}) || !append(spaces_)) return nullptr;
        void* const block = ::mmap(nullptr, block_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(),
                                   static_cast<off_t>(size_ - block_size));
        return block == MAP_FAILED ? nullptr : static_cast<char*>(block);
    }
    void give_back(char* block) noexcept { ::munmap(block, block_size); }
    /// Text outside of blocks. False: there is no room for it, or the file is finished.
    bool write(std::string_view text) noexcept { return !finished_ && append(text); }
    /// The first `used` bytes go to the end of the file, and the block can be written again. Its pages are mapped already:
    /// the first write to a page of a new block costs a page fault and a change of the file's metadata.
    bool reuse(char* block, std::size_t used) noexcept {
        if (!write({block, used})) return false;
        std::memset(block, ' ', used);
        return true;
    }
    /// The last bytes. Blocks that are in use remain so.
    void finish(std::string_view text) noexcept {
        if (finished_) return;
        append(text);
        finished_ = true;
    }

  private:
    /// False: the file system is full, or it cannot be written; then the file ends where it did.
    bool append(std::string_view text) noexcept {
        std::size_t done = 0;
        while (done < text.size()) {
            const ssize_t count =
                ::pwrite(fd_.get(), text.data() + done, text.size() - done, static_cast<off_t>(size_ + done));
            if (count > 0)
                done += static_cast<std::size_t>(count);
            else if (count == 0 || errno != EINTR)
                break;
        }
        if (done == text.size()) return size_ += done, true;
        static_cast<void>(!::ftruncate(fd_.get(), static_cast<off_t>(size_)));
        return false;
    }

    FileDescriptor fd_;
    const std::string spaces_;
    std::size_t size_ = 0;
    bool finished_ = false;
};

#else

inline const char* trace_path_of_program() noexcept { return std::getenv(trace_variable); }

class TraceStorage {
  public:
    static constexpr std::size_t block_size = 65'536;

    explicit TraceStorage(const std::string& path) : file_(std::fopen(path.c_str(), "wb")) {
        if (!file_) throw std::system_error(errno, std::generic_category(), "TraceFile: cannot open \"" + path + "\"");
    }
    TraceStorage(const TraceStorage&) = delete;
    TraceStorage& operator=(const TraceStorage&) = delete;
    ~TraceStorage() {
        std::fwrite(last_.data(), 1, last_.size(), file_);
        std::fclose(file_);
    }

    char* take_block() noexcept {
        char* const block = finished_ ? nullptr : new (std::nothrow) char[block_size];
        if (block) std::memset(block, ' ', block_size);
        return block;
    }
    bool write(std::string_view text) noexcept {
        return !finished_ && std::fwrite(text.data(), 1, text.size(), file_) == text.size();
    }
    bool reuse(char* block, std::size_t used) noexcept {
        if (!write({block, used})) return false;
        std::memset(block, ' ', used);
        return true;
    }
    void give_back(char* block) noexcept {
        std::fwrite(block, 1, block_size, file_);
        delete[] block;
    }
    /// Blocks that are in use come before it.
    void finish(std::string_view text) noexcept {
        if (finished_) return;
        finished_ = true;
        last_ = text;
    }

  private:
    std::FILE* const file_;
    std::string_view last_;
    bool finished_ = false;
};

#endif

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
