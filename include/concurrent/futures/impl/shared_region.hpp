// SPDX-License-Identifier: MIT
//
// impl/shared_region.hpp: the table of a process's shared memory; see impl/src.hpp.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/memory/shared_region.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

CONCURRENT_FUTURES_DECL SharedRegions& SharedRegions::instance() {
    static constinit ModuleWide<SharedRegions> regions;
    return regions.get();
}

CONCURRENT_FUTURES_DECL std::shared_ptr<SharedRegion> SharedRegions::find(const RegionNumber& number) {
    const std::lock_guard lock(mutex_);
    const auto place = known_.find(number);
    return place == known_.end() ? nullptr : place->second.owners.lock();
}

CONCURRENT_FUTURES_DECL bool SharedRegions::knows(const RegionNumber& number) {
    const std::lock_guard lock(mutex_);
    return known_.contains(number);
}

CONCURRENT_FUTURES_DECL void SharedRegions::watch(const WakeUp& wake_up) {
    const std::lock_guard lock(mutex_);
    watchers_.push_back(&wake_up);
}

CONCURRENT_FUTURES_DECL void SharedRegions::stop_watching(const WakeUp& wake_up) noexcept {
    const std::lock_guard lock(mutex_);
    std::erase(watchers_, &wake_up);
}

CONCURRENT_FUTURES_DECL std::shared_ptr<SharedRegion> SharedRegion::over(SharedBlock block, bool is_constant) {
    const RegionName name{{unguessable_number(), unguessable_number()}, block.size(), is_constant};
    return enlisted(std::move(block), name);
}

CONCURRENT_FUTURES_DECL std::shared_ptr<SharedRegion> SharedRegion::adopt(FileDescriptor fd, const RegionName& name) {
    if (name.is_constant > 1) throw SerializationError("the bytes hold no valid name of shared memory");
    if (auto known = SharedRegions::instance().find(name.number)) return checked(std::move(known), name);
    return enlisted(SharedBlock::adopt(std::move(fd), name.size, contents_of(name)), name);
}

CONCURRENT_FUTURES_DECL std::shared_ptr<SharedRegion> SharedRegion::resolve(const RegionName& name) {
    auto region = SharedRegions::instance().find(name.number);
    if (!region && region_source) region = region_source->fetch(name);
    if (!region)
        throw SerializationError(
            "the bytes name shared memory that this process does not have: its last owner is gone, it was "
            "not encoded as part of a call, or no descriptor was left to receive it with (RLIMIT_NOFILE)");
    if (region_source) region_source->note(region);
    return checked(std::move(region), name);
}

CONCURRENT_FUTURES_DECL SharedBlock::Contents SharedRegion::contents_of(const RegionName& name) noexcept {
    return name.is_constant ? SharedBlock::Contents::constant : SharedBlock::Contents::variable;
}

CONCURRENT_FUTURES_DECL std::shared_ptr<SharedRegion> SharedRegion::checked(std::shared_ptr<SharedRegion> region, const RegionName& name) {
    if (region->name_ == name) return region;
    throw SerializationError("the bytes name shared memory, but give another size or kind than it has");
}

CONCURRENT_FUTURES_DECL std::shared_ptr<SharedRegion> SharedRegion::enlisted(SharedBlock block, const RegionName& name) {
    const std::shared_ptr<SharedRegion> region(new SharedRegion(std::move(block), name));
    SharedRegions& regions = SharedRegions::instance();
    const std::lock_guard lock(regions.mutex_);
    SharedRegions::Entry& entry = regions.known_[name.number];
    // Another thread may have been quicker, or an older object of the same number may be about to go.
    if (auto other = entry.owners.lock()) return other;
    entry = {region.get(), region};
    return region;
}

CONCURRENT_FUTURES_DECL SharedRegion::~SharedRegion() {
    if (born_.in_forked_child()) return;
    SharedRegions& regions = SharedRegions::instance();
    const std::lock_guard lock(regions.mutex_);
    const auto place = regions.known_.find(name_.number);
    if (place != regions.known_.end() && place->second.region == this) regions.known_.erase(place);
    if (!given_out_) return;
    // relaxed: see deaths().
    regions.deaths_.fetch_add(1, std::memory_order_relaxed);
    for (const WakeUp* const watcher : regions.watchers_) watcher->notify();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
