// SPDX-License-Identifier: MIT
//
// pool_descriptors.hpp: this process's ends of pipes and sockets of pools, processes and channels.
//
// fork copies every descriptor, close-on-exec or not. If the template process of one pool kept another
// pool's pipe open, that pipe would never end. So whatever this library forks closes all that is listed here, and
// the objects that owned it have nothing any more. The lock is held from making a descriptor to listing it, and
// across the fork.
#pragma once

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/file_descriptor.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct PoolDescriptors {
    std::mutex mutex;
    std::vector<int> open;  // guarded by mutex

    /// Those of this process: after a fork a new, empty one.
    static PoolDescriptors& instance() {
        static constinit ModuleWide<PoolDescriptors> all;
        return all.get();
    }

    /// In the child.
    void close_all_in_fork() const noexcept {
        for (const int fd : open) ::close(fd);
        ++closings;
    }
    /// Forks above this process that have done so.
    inline static constinit unsigned closings = 0;  // written while there is one thread
};

/// A descriptor that is listed for as long as it is open.
class PoolDescriptor {
  public:
    PoolDescriptor() noexcept = default;
    /// With PoolDescriptors::mutex held.
    explicit PoolDescriptor(FileDescriptor fd) : fd_(std::move(fd)) {
        PoolDescriptors::instance().open.push_back(fd_.get());
    }
    PoolDescriptor(PoolDescriptor&&) noexcept = default;
    PoolDescriptor& operator=(PoolDescriptor&&) noexcept = default;
    ~PoolDescriptor() { reset(); }

    int get() const noexcept { return fd_.get(); }
    explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
    /// This process is a fork that has closed it.
    bool is_closed_by_fork() const noexcept { return closings_ != PoolDescriptors::closings; }
    /// Not listed any more, and the caller's to close.
    FileDescriptor take() && noexcept {
        FileDescriptor taken = std::move(fd_);
        if (is_closed_by_fork()) static_cast<void>(taken.release());
        if (taken) unlist(taken.get());
        return taken;
    }
    void reset() noexcept {
        if (is_closed_by_fork()) static_cast<void>(fd_.release());  // the number may be another file's
        if (!fd_) return;
        // Closed under the lock: its number may be another listed descriptor's at once.
        PoolDescriptors& all = PoolDescriptors::instance();
        const std::lock_guard lock(all.mutex);
        erase(all, fd_.get());
        fd_.reset();
    }

  private:
    static void erase(PoolDescriptors& all, int fd) noexcept {
        const auto place = std::find(all.open.begin(), all.open.end(), fd);
        if (place != all.open.end()) all.open.erase(place);
    }
    static void unlist(int fd) noexcept {
        PoolDescriptors& all = PoolDescriptors::instance();
        const std::lock_guard lock(all.mutex);
        erase(all, fd);
    }

    FileDescriptor fd_;
    unsigned closings_ = PoolDescriptors::closings;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
