// SPDX-License-Identifier: MIT
//
// memory.cpp: the block allocator under the model checker: blocks that one thread makes and another one frees.
//
// With the model's atomics the library takes its blocks from operator new (checker.hpp). Here it does not. So that the
// linker does not mix the two, this file has the namespace of the other choice for the library's assertions.
#if defined(CONCURRENT_FUTURES_ASSERTIONS) && CONCURRENT_FUTURES_ASSERTIONS + 0
#undef CONCURRENT_FUTURES_ASSERTIONS
#else
#undef CONCURRENT_FUTURES_ASSERTIONS
#define CONCURRENT_FUTURES_ASSERTIONS 1
#endif
#include <concurrent/futures/detail/platform/config.hpp>
#undef CONCURRENT_FUTURES_SANITIZED
#define CONCURRENT_FUTURES_SANITIZED 0
#include <concurrent/futures/detail/memory/block_allocator.hpp>

#include <cstddef>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "model/checker/checker.hpp"

namespace detail = concurrent::futures::detail;
using model::expect;

namespace {

constexpr std::size_t size = 512;  // few blocks fill a page
constexpr std::size_t blocks_in_page = detail::BlockPage::offset / size;

/// Who holds each block: a block is made and freed as if it were a value that is changed, so that whoever gets its memory
/// next must know that it was freed.
class Blocks {
  public:
    /// The memory of the page that the calling thread takes first.
    Blocks() {
        for (std::size_t n = 0; n < blocks_in_page; ++n) known_.push_back(detail::BlockAllocator::allocate(size));
        for (void* block : known_) uses_[block];
        while (!known_.empty()) {  // put back one by one: the page is as before
            detail::BlockAllocator::deallocate(known_.back(), size);
            known_.pop_back();
        }
    }

    void* make() {
        void* const block = detail::BlockAllocator::allocate(size);
        expect(held_.insert(block).second, "no block is given out twice");
        pages_.insert(detail::page_of(block));
        if (const auto use = uses_.find(block); use != uses_.end()) use->second.change();
        return block;
    }
    void free(void* block) {
        if (const auto use = uses_.find(block); use != uses_.end()) use->second.change();
        held_.erase(block);
        detail::BlockAllocator::deallocate(block, size);
    }
    std::size_t pages() const { return pages_.size(); }

  private:
    std::vector<void*> known_;
    std::map<void*, model::Watch> uses_;
    std::set<void*> held_;
    std::set<void*> pages_;
};

std::vector<void*> make_all(Blocks& blocks) {
    std::vector<void*> made;
    for (std::size_t n = 0; n < blocks_in_page; ++n) made.push_back(blocks.make());
    return made;
}

}  // namespace

MODEL("a page is used again when two threads have freed its blocks, and not before") {
    Blocks blocks;
    const std::vector<void*> made = make_all(blocks);
    std::thread one([&] {
        for (std::size_t n = 0; n < blocks_in_page / 2; ++n) blocks.free(made[n]);
    });
    std::thread two([&] {
        for (std::size_t n = blocks_in_page / 2; n < blocks_in_page; ++n) blocks.free(made[n]);
    });
    blocks.make();  // leaves the page
    for (std::size_t n = 1; n <= blocks_in_page; ++n) blocks.make();
    one.join();
    two.join();
}

MODEL("a page whose blocks other threads have freed is used again, so the pages do not become more") {
    Blocks blocks;
    for (int round = 0; round < 5; ++round) {
        const std::vector<void*> made = make_all(blocks);
        std::thread([&] {
            for (void* block : made) blocks.free(block);
        }).join();
    }
    expect(blocks.pages() <= 2, "two pages are enough");
}

MODEL("a thread that frees blocks of two pages in turn gives both pages back") {
    Blocks blocks;
    for (int round = 0; round < 3; ++round) {
        const std::vector<void*> first = make_all(blocks), second = make_all(blocks);
        std::thread([&] {
            for (std::size_t n = 0; n < blocks_in_page; ++n) {
                blocks.free(first[n]);
                blocks.free(second[n]);
            }
        }).join();
    }
    expect(blocks.pages() <= 3, "three pages are enough");
}

MODEL("a block is freed while its maker ends, and later") {
    Blocks blocks;
    void *one = nullptr, *two = nullptr;
    std::thread maker([&] {
        one = blocks.make();
        two = blocks.make();
        std::thread other([&] { blocks.free(one); });
        other.detach();
    });
    maker.join();
    blocks.free(two);
    for (std::size_t n = 0; n < blocks_in_page; ++n) blocks.make();
}

MODEL("two threads take pages and give them back, and none is given to both") {
    Blocks blocks;
    const auto use = [&] { blocks.free(blocks.make()); };
    std::thread one(use), two(use);
    use();
    one.join();
    two.join();
    std::thread three(use), four([&] { blocks.make(); });
    three.join();
    four.join();
    expect(blocks.pages() <= 4, "pages are used again");
}

MODEL("threads free blocks of each other") {
    Blocks blocks;
    void* of_main = blocks.make();
    blocks.make();  // so that the first one is not the last one
    void* of_other = nullptr;
    std::thread other([&] {
        of_other = blocks.make();
        blocks.make();
        blocks.free(of_main);
    });
    other.join();
    blocks.free(of_other);
    blocks.make();
}
