// SPDX-License-Identifier: MIT
//
// root_peers.hpp: the ranks that run tasks, as the root sees them: the port that leads there, and for each rank its lanes and
// what is to be sent to it.
//
//     peers.open(std::move(port));
//     lane.peer.out.add(FrameType::task, …);  peers.ship(lane.peer);
//     peers.receive([&](RootPeer& peer, ReceivedFrame& frame) { … });
//
// Guarded by the engine's mutex, except where it says otherwise.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/memory/shared_region.hpp"
#include "concurrent/futures/detail/mpi/mpi_port.hpp"
#include "concurrent/futures/detail/mpi/rank_origin.hpp"
#include "concurrent/futures/detail/mpi/root_lane.hpp"
#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/lock_rule.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct RootPeer {
    RootPeer(std::size_t place_of_peer, int rank_of_peer, const RankCard& card_of_peer)
        : place(place_of_peer), rank(rank_of_peer), card(card_of_peer), origin(encode_origin(card, rank)) {}
    RootPeer(const RootPeer&) = delete;
    RootPeer& operator=(const RootPeer&) = delete;

    int pid() const noexcept { return static_cast<int>(card.pid); }

    const std::size_t place;  // among the peers
    const int rank;           // in the job
    const RankCard card;
    const ByteBuffer origin;  // an exception that says where, for the bottom of those that come from there
    Outgoing out{};           // is sent with the next ship()
    std::vector<std::unique_ptr<RootLane>> lanes{};
    std::vector<RegionNumber> lent{};  // memory that the rank has a copy of
};

class RootPeers {
  public:
    /// `rule`: of the engine's mutex.
    explicit RootPeers(const LockRule& rule) noexcept : rule_(rule) {}

    /// Once, before there are pools.
    void open(std::unique_ptr<MpiPort> port) {
        port_ = std::move(port);
        polls_ = port_->needs_polling();
        node_ = port_->node_side();
        for (const int rank : port_->ranks())
            peers_.push_back(std::make_unique<RootPeer>(peers_.size(), rank, port_->card(peers_.size())));
    }
    bool is_open() const noexcept { return port_ != nullptr; }
    /// From here on nothing is sent or received.
    std::unique_ptr<MpiPort> close() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return std::move(port_);
    }

    // Without the mutex: constant from open() on.

    std::size_t size() const noexcept { return peers_.size(); }
    /// Messages must be looked for, since MPI wakes no thread. False: the only rank is this process.
    bool polls() const noexcept { return polls_; }
    /// What is shared with ranks on this node; stays also after close().
    const NodeSide& node() const noexcept { return node_; }

    // With the mutex.

    /// The lane of this worker: workers go round the ranks.
    RootLane& lane(std::size_t worker) {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        RootPeer& peer = *peers_[worker % size()];
        const std::size_t number = worker / size();
        while (peer.lanes.size() <= number)
            peer.lanes.push_back(
                std::make_unique<RootLane>(peer, peer.lanes.size(), peer.lanes.size() * size() + peer.place));
        return *peer.lanes[number];
    }
    /// Calls visit(lane) for all lanes of all ranks.
    template <class Visit>
    void for_each_lane(Visit visit) {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        for (const auto& peer : peers_)
            for (const auto& lane : peer->lanes) visit(*lane);
    }
    /// Those of the regions that the rank does not have go into `peer.out`.
    void lend(RootPeer& peer, std::span<const std::shared_ptr<SharedRegion>> regions);
    /// Ranks drop their copies of regions that are gone here.
    void forget_dead_regions();
    void ship(RootPeer& peer) {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        if (!peer.out.empty() && port_) port_->send(peer.place, peer.out);
    }
    void ship_all() {
        for (const auto& peer : peers_) ship(*peer);
    }
    /// What has not been shipped is dropped: MPI does not work any more.
    void drop_unsent() noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        for (const auto& peer : peers_) peer->out = Outgoing();
    }
    /// Takes in one message, and calls take(peer, frame) for each of its frames. True if there was any. One only, because a
    /// look in vain may cost the processor: MPI yields then if it runs more ranks than processors.
    template <class Take>
    bool receive(Take take) {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        bool any = false;
        std::size_t place = 0;
        if (port_ && port_->poll(place))
            while (auto frame = port_->next(place)) {
                take(*peers_[place], *frame);
                any = true;
            }
        return any;
    }
    /// Large bodies are on their way, in either direction.
    bool is_moving() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return port_ && port_->is_moving();
    }
    /// Something has come from a rank that rings the bell.
    bool has_news() const noexcept {
        CONCURRENT_FUTURES_ASSERT(rule_.locked());
        return port_ && port_->has_news();
    }

  private:
    const LockRule& rule_;
    std::unique_ptr<MpiPort> port_;
    bool polls_ = false;
    NodeSide node_{};
    std::vector<std::unique_ptr<RootPeer>> peers_;
    std::uint64_t region_deaths_ = 0;
};

inline void RootPeers::lend(RootPeer& peer, std::span<const std::shared_ptr<SharedRegion>> regions) {
    CONCURRENT_FUTURES_ASSERT(rule_.locked());
    if (!polls_) return;  // the rank is this process
    for (const auto& region : regions) {
        const RegionNumber number = region->name().number;
        if (std::find(peer.lent.begin(), peer.lent.end(), number) != peer.lent.end()) continue;
        peer.out.add(FrameType::region, 0, 0, std::as_bytes(std::span(&region->name(), 1)));
        peer.out.add(FrameType::memory, 0, 0, region->bytes());
        SharedRegions::instance().give_out(number, [](const SharedRegion&) {});
        peer.lent.push_back(number);
    }
}

inline void RootPeers::forget_dead_regions() {
    CONCURRENT_FUTURES_ASSERT(rule_.locked());
    const std::uint64_t deaths = SharedRegions::instance().deaths();
    if (std::exchange(region_deaths_, deaths) == deaths) return;
    for (const auto& peer : peers_)
        std::erase_if(peer->lent, [&](const RegionNumber& number) {
            if (SharedRegions::instance().knows(number)) return false;
            peer->out.add(FrameType::forget, 0, 0, std::as_bytes(std::span(&number, 1)));
            return true;
        });
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
