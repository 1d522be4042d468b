// SPDX-License-Identifier: MIT
//
// regions.cpp: shared memory of this process and the arena of large calls under the model checker.
#include <concurrent/futures/detail/memory/shared_region.hpp>
#include <concurrent/futures/detail/wire/payload_arena.hpp>

#include <fcntl.h>
#include <poll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "model/checker/checker.hpp"

namespace detail = concurrent::futures::detail;
using model::expect;
using Value = model::Watched<int>;

namespace {

std::shared_ptr<detail::SharedRegion> make_region() {
    return detail::SharedRegion::over(detail::SharedBlock::make(4096), false);
}
/// As another process does that was sent the descriptor.
std::shared_ptr<detail::SharedRegion> adopt(int fd, const detail::RegionName& name) {
    return detail::SharedRegion::adopt(detail::FileDescriptor(::fcntl(fd, F_DUPFD_CLOEXEC, 10)), name);
}

/// Two threads use it.
class Arena {
  public:
    Arena() {
        const std::lock_guard lock(detail::PoolDescriptors::instance().mutex);
        handle = detail::PayloadArena::over(
            detail::SharedMemory::make(16 * detail::SharedMemory::page, detail::SharedMemory::Access::write));
    }
    detail::PayloadHandle<detail::PayloadArena> handle;
};

}  // namespace

MODEL("whoever looks which regions have gone sees that one has, or is woken later") {
    model::uses_shared_pointers();
    detail::SharedRegions& regions = detail::SharedRegions::instance();
    const detail::WakeUp wake_up;
    regions.watch(wake_up);
    auto region = make_region();
    const detail::RegionNumber number = region->name().number;
    regions.give_out(number, [](const detail::SharedRegion&) {});
    std::thread other([&] { region.reset(); });
    const bool has_changed = regions.deaths() != 0;  // as PoolMemory::forget_dead_regions()
    const bool is_known = regions.knows(number);
    pollfd entry{wake_up.fd(), POLLIN, 0};
    if (!has_changed) ::poll(&entry, 1, -1);
    expect(!has_changed || !is_known, "who sees the change sees which it is");
    other.join();
    expect(!regions.knows(number), "it is gone");
    regions.stop_watching(wake_up);
}

MODEL("a region is adopted while its last owner goes, and is known as long as it has an owner") {
    model::uses_shared_pointers();
    auto region = make_region();
    const detail::RegionName name = region->name();
    const detail::FileDescriptor fd(::fcntl(region->fd(), F_DUPFD_CLOEXEC, 10));
    std::thread other([&] { region.reset(); });
    const auto adopted = adopt(fd.get(), name);
    other.join();
    expect(detail::SharedRegions::instance().find(name.number) == adopted, "it is known");
}

MODEL("two threads adopt a region, and both get the same one") {
    model::uses_shared_pointers();
    const detail::SharedBlock block = detail::SharedBlock::make(4096);
    const detail::RegionName name{{1, 2}, block.size(), 0};
    std::shared_ptr<detail::SharedRegion> one;
    std::thread other([&] { one = adopt(block.fd(), name); });
    const auto two = adopt(block.fd(), name);
    other.join();
    expect(one && one == two, "the same one");
}

MODEL("two threads ask for what was made of a region, and it is made once") {
    struct Made {
        explicit Made(const detail::SharedRegion&) {}
    };
    model::uses_shared_pointers();
    const auto region = make_region();
    std::shared_ptr<Made> one;
    std::thread other([&] { one = region->derived<Made>(); });
    const auto two = region->derived<Made>();
    other.join();
    expect(one == two, "the same one");
}

MODEL("an arena lives as long as bytes in it, which another thread frees") {
    Arena arena;
    std::size_t size = 100;
    std::byte* const bytes = arena.handle->allocate(size);
    expect(bytes != nullptr, "there is memory");
    detail::PayloadArena* const memory = arena.handle.get();
    std::thread other([&] { memory->release(bytes, size); });
    arena.handle = {};
    other.join();
}

MODEL("two threads take memory of an arena, and none is given to both") {
    const Arena arena;
    std::array<std::byte*, 2> bytes{};
    std::array<std::size_t, 2> sizes{100, 100};
    std::thread other([&] { bytes[0] = arena.handle->allocate(sizes[0]); });
    bytes[1] = arena.handle->allocate(sizes[1]);
    other.join();
    expect(bytes[0] && bytes[1] && bytes[0] != bytes[1], "each has its own");
    for (std::size_t n = 0; n < 2; ++n) arena.handle->release(bytes[n], sizes[n]);
}

MODEL("a place in an arena is written again after it was read, not before") {
    detail::PayloadReturns returns;
    Value place(1);
    std::thread reader([&] {
        expect(place.get() == 1, "the bytes");
        returns.give_back(3);
    });
    if (returns.take() != 0) place.set(2);
    reader.join();
}
