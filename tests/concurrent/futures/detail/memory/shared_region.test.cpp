// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/memory/shared_region.hpp>

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::SerializationError;

std::shared_ptr<SharedRegion> made(std::size_t size = 4096) {
    return SharedRegion::over(SharedBlock::make(size), false);
}
FileDescriptor descriptor_of(const SharedRegion& region) {
    return FileDescriptor(::fcntl(region.fd(), F_DUPFD_CLOEXEC, 10));
}
bool is_readable(const WakeUp& wake_up) {
    pollfd entry{wake_up.fd(), POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
}

TEST_CASE("a region is found by its number as long as it has an owner", "[shared_region]") {
    auto region = made();
    const RegionName name = region->name();
    CHECK(SharedRegions::instance().find(name.number) == region);
    CHECK(SharedRegion::resolve(name) == region);
    CHECK(made()->name().number != name.number);
    region.reset();
    CHECK(SharedRegions::instance().find(name.number) == nullptr);
    CHECK_THROWS_AS(SharedRegion::resolve(name), SerializationError);
}

TEST_CASE("a region that is adopted is the one that is here already", "[shared_region]") {
    auto region = made();
    const RegionName name = region->name();
    FileDescriptor copy = descriptor_of(*region);
    CHECK(SharedRegion::adopt(descriptor_of(*region), name) == region);
    region.reset();
    const auto again = SharedRegion::adopt(std::move(copy), name);
    CHECK(again->name() == name);
    CHECK(SharedRegion::resolve(name) == again);
}

TEST_CASE("a name that says something else than the memory is refused", "[shared_region]") {
    const auto region = made();
    RegionName other = region->name();
    other.size += 8;
    CHECK_THROWS_AS(SharedRegion::resolve(other), SerializationError);
    CHECK_THROWS_AS(SharedRegion::adopt(descriptor_of(*region), other), SerializationError);
    other = region->name();
    other.is_constant = 1;
    CHECK_THROWS_AS(SharedRegion::adopt(descriptor_of(*region), other), SerializationError);
    other.is_constant = 2;
    other.number.low += 1;
    CHECK_THROWS_AS(SharedRegion::adopt(descriptor_of(*region), other), SerializationError);
}

TEST_CASE("watchers are told when a region has gone that was given out", "[shared_region]") {
    SharedRegions& regions = SharedRegions::instance();
    const WakeUp wake_up;
    regions.watch(wake_up);
    auto kept = made();
    auto given = made();
    const RegionNumber number = given->name().number;
    int fd = -1;
    CHECK(regions.give_out(number, [&](const SharedRegion& region) { fd = region.fd(); }));
    CHECK(fd == given->fd());
    const auto deaths = regions.deaths();
    kept.reset();
    CHECK_FALSE(is_readable(wake_up));
    CHECK(regions.knows(number));
    given.reset();
    CHECK(is_readable(wake_up));
    CHECK(regions.deaths() == deaths + 1);
    CHECK_FALSE(regions.knows(number));
    CHECK_FALSE(regions.give_out(number, [](const SharedRegion&) {}));
    regions.stop_watching(wake_up);
}

TEST_CASE("what is derived of a region is made once and lives as long as it", "[shared_region]") {
    struct Part {
        explicit Part(const SharedRegion& region) : size(region.size()) {}
        explicit Part(int) {}
        std::size_t size = 0;
    };
    auto region = made();
    auto part = region->derived<Part>();
    CHECK(part->size == 4096);
    CHECK(region->derived<Part>() == part);
    const std::weak_ptr<SharedRegion> watched = region;
    region.reset();
    CHECK_FALSE(watched.expired());
    part.reset();
    CHECK(watched.expired());

    const auto second = made();
    auto original = std::make_shared<Part>(1);
    second->set_original(original);
    CHECK(second->derived<Part>() == original);
    original.reset();
    CHECK(second->derived<Part>()->size == 4096);
}

TEST_CASE("threads adopt, find and drop the same region at the same time", "[shared_region]") {
    const auto region = made();
    const RegionName name = region->name();
    const auto with_owner = made();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int turn = 0; turn < 200; ++turn) {
                auto same = SharedRegion::adopt(descriptor_of(*region), name);
                auto found = SharedRegions::instance().find(with_owner->name().number);
                if (same != region || found != with_owner) std::abort();
                const auto own = made();
                if (SharedRegion::resolve(own->name()) != own) std::abort();
            }
        });
    for (auto& thread : threads) thread.join();
    CHECK(region.use_count() == 1);
}

}  // namespace
