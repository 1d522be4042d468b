// SPDX-License-Identifier: MIT
//
// pool_descriptors.hpp: the pool's own ends of pipes and sockets, known to all pools of the process.
//
// fork copies every descriptor, close-on-exec or not. If the template process of one pool kept another
// pool's pipe open, that pipe would never end. So the template closes all that is listed here. The lock
// is held from making a descriptor to listing it, and across the fork.
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
    const unsigned born = fork_generation();

    /// Those of this process: after a fork a new, empty one, because the mutex may have been copied
    /// while a thread held it that is not here. Outlives static objects.
    static PoolDescriptors& instance() {
        static constinit Atomic<PoolDescriptors*> current{nullptr};
        // (1) acquire, pairs with (2): the object is complete.
        PoolDescriptors* seen = current.load(std::memory_order_acquire);
        if (seen && seen->born == fork_generation()) return *seen;
        auto* const made = new PoolDescriptors;
        // (2) release, pairs with (1); acquire for the object of another thread that was quicker.
        if (current.compare_exchange_strong(seen, made, std::memory_order_acq_rel,
                                            std::memory_order_acquire))
            return *made;
        delete made;
        return *seen;
    }
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
    void reset() noexcept {
        if (!fd_) return;
        PoolDescriptors& all = PoolDescriptors::instance();
        const std::lock_guard lock(all.mutex);
        const auto place = std::find(all.open.begin(), all.open.end(), fd_.get());
        if (place != all.open.end()) all.open.erase(place);
        fd_.reset();
    }

  private:
    FileDescriptor fd_;
};

}  // namespace concurrent::futures::inline v1::detail
