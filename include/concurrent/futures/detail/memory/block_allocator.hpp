// SPDX-License-Identifier: MIT
//
// block_allocator.hpp: memory for objects that one thread makes and another thread often destroys.
//
//     class Call : public BlockAllocated { … };      // new Call, delete call: as usual
//
// Each thread cuts its blocks off a page of its own, one behind the other, so making a block takes no atomic
// operation. A page counts its blocks in use; when the last one comes back, the page is free. A thread counts the
// blocks that it frees in one page, and settles the count with the page when it frees a block of another page: objects
// that were made in a row are mostly freed in a row. The block made last is put back on its page when it is freed
// first, so a task that is waited for at once uses up no memory.
//
//     page.in_use = what its thread may still make (`lead`, until it has taken the next page)
//                 + blocks made − blocks settled
//
// Why not malloc: it takes a lock when another thread frees, and has a header for each block. Why not lists of free
// blocks per thread: where one thread makes and another frees, the lists fill up on one side; and here empty pages go
// back to malloc after a burst. Cost: an object that is kept keeps its page of 16 KiB, which holds about 250 tasks
// with a small result. So a program that keeps one future of 200 pays 12 KiB for each, and one that keeps one of 10
// pays 640 bytes; it should keep the values instead. With smaller pages the page's own 64 bytes, 0.25 bytes per task
// now, would show. With a sanitizer, and for blocks that are large or over-aligned: operator new.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/page_memory.hpp"
#include "concurrent/futures/detail/platform/spin_mutex.hpp"
#include "concurrent/futures/detail/platform/thread_end.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Free pages. Never destroyed: tasks may outlive all other static objects.
class PageStore {
  public:
    /// Throws std::bad_alloc.
    void* take() {
        // try_lock: in a forked child the mutex stays locked for ever if another thread held it at the fork.
        if (const std::unique_lock lock(mutex_, std::try_to_lock); lock.owns_lock() && first_) {
            --pages_;
            return std::exchange(first_, *static_cast<void**>(first_));
        }
        return allocate_page();
    }
    void put(void* page) noexcept {
        if (const std::unique_lock lock(mutex_, std::try_to_lock); lock.owns_lock() && pages_ < most) {
            ++pages_;
            *static_cast<void**>(page) = std::exchange(first_, page);
            return;
        }
        free_page(page);
    }

  private:
    static constexpr std::size_t most = tuning::kept_block_pages;

    SpinMutex mutex_;
    void* first_ = nullptr;  // guarded by mutex_; each page's first word points to the next
    std::size_t pages_ = 0;  // guarded by mutex_
};

/// Lies at the end of each page, behind the blocks, so that the blocks begin at cache lines.
struct BlockPage {
    Atomic<std::uint32_t> in_use;

    static constexpr std::size_t offset = page_alignment - 64;  // the blocks end here
    static BlockPage* make(void* page, std::uint32_t blocks) noexcept {
        return ::new (static_cast<char*>(page) + offset) BlockPage{blocks};
    }
    static BlockPage* of(void* block) noexcept {
        return reinterpret_cast<BlockPage*>(static_cast<char*>(page_of(block)) + offset);
    }
};
static_assert(BlockPage::offset + sizeof(BlockPage) <= page_size);
/// The thread-local part of the BlockAllocator. Trivial to construct and destroy, so access needs no check.
struct LocalBlocks {
    char* next = nullptr;
    char* end = nullptr;
    std::uint32_t made = 0;      // in the page of `next`
    std::uint32_t freed = 0;     // in freed_page, not settled yet
    BlockPage* freed_page = nullptr;
    bool tidies_up = false;      // end_thread() will be called
};

class BlockAllocator {
  public:
    /// Throws std::bad_alloc.
    static void* allocate(std::size_t size) {
        if (!pooled(size)) return ::operator new(size);
        size = rounded(size);
        LocalBlocks& local = local_;
        if (static_cast<std::size_t>(local.end - local.next) < size) {
            if (!tidies_up(local)) return page_for_one_block();
            take_page(local);
        }
        ++local.made;
        return std::exchange(local.next, local.next + size);
    }
    static void deallocate(void* block, std::size_t size) noexcept {
        if (!pooled(size)) return ::operator delete(block);
        size = rounded(size);
        LocalBlocks& local = local_;
        if (static_cast<char*>(block) + size == local.next) {
            local.next = static_cast<char*>(block);
            --local.made;
            return;
        }
        BlockPage* const page = BlockPage::of(block);
        if (page != local.freed_page) {
            if (!tidies_up(local)) return let_go(page, 1);
            settle(local);
            local.freed_page = page;
        }
        ++local.freed;
    }

  private:
    static constexpr std::uint32_t lead = 1u << 16;  // more than a page can hold

    static constexpr std::size_t rounded(std::size_t size) noexcept { return (size + 15) & ~std::size_t{15}; }
    static constexpr bool pooled(std::size_t size) noexcept {
        return !CONCURRENT_FUTURES_SANITIZED && size <= tuning::largest_block;
    }

    static bool tidies_up(LocalBlocks& local) noexcept {
        return local.tidies_up || (local.tidies_up = call_at_thread_end<end_thread>());
    }
    /// Other functions that run at the end of a thread may use the allocator again; then this is called again.
    static void end_thread() noexcept {
        leave_page(local_);
        settle(local_);
        local_.tidies_up = false;
    }
    static void take_page(LocalBlocks& local) {
        void* const page = pages_.take();
        BlockPage::make(page, lead);
        leave_page(local);
        local.next = static_cast<char*>(page);
        local.end = local.next + BlockPage::offset;
        local.made = 0;
    }
    static void* page_for_one_block() {
        void* const page = pages_.take();
        BlockPage::make(page, 1);
        return page;
    }
    static void leave_page(LocalBlocks& local) noexcept {
        if (!local.next) return;
        let_go(BlockPage::of(local.end - 1), lead - local.made);
        local.next = local.end = nullptr;
    }
    static void settle(LocalBlocks& local) noexcept {
        if (BlockPage* const page = std::exchange(local.freed_page, nullptr))
            let_go(page, std::exchange(local.freed, 0));
    }
    static void let_go(BlockPage* page, std::uint32_t blocks) noexcept {
        // acq_rel, pairs with itself: what was done with the blocks is over before the page goes.
        if (page->in_use.fetch_sub(blocks, std::memory_order_acq_rel) == blocks) pages_.put(page_of(page));
    }

    inline static constinit PageStore pages_{};
    inline static constinit thread_local LocalBlocks local_{};
};

/// For classes whose objects are made by one thread and destroyed by any.
class BlockAllocated {
  public:
    static void* operator new(std::size_t size) { return BlockAllocator::allocate(size); }
    static void operator delete(void* block, std::size_t size) noexcept {
        BlockAllocator::deallocate(block, size);
    }
    static void* operator new(std::size_t size, std::align_val_t alignment) {
        return ::operator new(size, alignment);
    }
    static void operator delete(void* block, std::size_t, std::align_val_t alignment) noexcept {
        ::operator delete(block, alignment);
    }

  protected:
    BlockAllocated() = default;
    ~BlockAllocated() = default;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
