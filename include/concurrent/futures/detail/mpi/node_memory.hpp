// SPDX-License-Identifier: MIT
//
// node_memory.hpp: the memory that the root of MPI pools shares with the ranks on its node, and how they agree on it.
//
//     NodeMemory node(comm, root, channel);   // collective: on the root and on all other ranks
//     node.arena()                            // where large bodies are encoded
//     node.bell()                             // how this process is woken
//
//     root                                       ranks with the same node_identity()
//     page with its bell, a NodeLink for each ══▶ map it
//     memory for arguments                    ══▶ read it
//     memory for results of each rank         ◀══ writes it
//
// The root makes all of it, without a name, and tells the ranks its descriptors. They open these by /proc. Where that is not
// allowed or there is no memory, a rank is reached by MPI only, like the ranks of other nodes. The environment variable
// CONCURRENT_FUTURES_MPI_SHARE_NODE=0, on the root, keeps all ranks to MPI.
// Threads: a value, not synchronised; the memory: node_stream.hpp, payload_arena.hpp. It goes with the last process that
// maps it.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/mpi/mpi_channel.hpp"
#include "concurrent/futures/detail/mpi/node_stream.hpp"
#include "concurrent/futures/detail/platform/environment.hpp"
#include "concurrent/futures/detail/platform/node_identity.hpp"
#include "concurrent/futures/detail/platform/shared_block.hpp"
#include "concurrent/futures/detail/platform/shared_memory.hpp"
#include "concurrent/futures/detail/wire/payload_arena.hpp"
#include "concurrent/futures/detail/wire/pool_descriptors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class NodeMemory {
  public:
    /// Collective. Attaches the ranks of the node to the channel of the root, and the root to theirs.
    NodeMemory(MPI_Comm comm, int root, MpiChannel& channel);
    NodeMemory(const NodeMemory&) = delete;
    NodeMemory& operator=(const NodeMemory&) = delete;

    /// Null: no other process shares memory with this one.
    PayloadArena* arena() const noexcept { return arena_.get(); }
    SharedDoorbell* bell() const noexcept { return bell_; }

  private:
    /// At the begin of the memory of links.
    struct Head {
        std::uint64_t token = 0;
        alignas(NodeRing::line) SharedDoorbell root_bell{};
    };
    /// What a rank is told by the root; all zeros: nothing is shared.
    struct Offer {
        std::uint64_t token = 0;
        std::int64_t pid = 0;
        std::int32_t links = -1, calls = -1, results = -1;  // descriptors
        std::int32_t place = -1;                            // of its link
    };
    static constexpr std::size_t page = SharedMemory::page;

    Head& head() const noexcept { return *reinterpret_cast<Head*>(links_.data()); }
    NodeLink& link(std::int32_t place) const noexcept {
        return *reinterpret_cast<NodeLink*>(links_.data() + page + static_cast<std::size_t>(place) * sizeof(NodeLink));
    }
    std::vector<Offer> make_offers(const std::vector<std::uint64_t>& nodes, int root) noexcept;
    void make_memory(std::vector<Offer>& offers, const std::vector<int>& neighbours);
    bool accept(const Offer& offer, int root, MpiChannel& channel) noexcept;

    SharedMemory links_;
    PayloadHandle<PayloadArena> arena_;
    std::vector<PayloadHandle<PayloadView>> views_;  // of results by place, at the root; of calls, at a rank
    SharedDoorbell* bell_ = nullptr;
};

inline NodeMemory::NodeMemory(MPI_Comm comm, int root, MpiChannel& channel) {
    int rank = 0, size = 0;
    check_mpi(MPI_Comm_rank(comm, &rank), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(comm, &size), "MPI_Comm_size");
    const std::uint64_t node = node_identity();
    std::vector<std::uint64_t> nodes(static_cast<std::size_t>(size));
    check_mpi(MPI_Gather(&node, sizeof node, MPI_BYTE, nodes.data(), sizeof node, MPI_BYTE, root, comm), "MPI_Gather");
    std::vector<Offer> offers(nodes.size());
    if (rank == root) offers = make_offers(nodes, root);
    Offer offer;
    check_mpi(MPI_Scatter(offers.data(), sizeof offer, MPI_BYTE, &offer, sizeof offer, MPI_BYTE, root, comm),
              "MPI_Scatter");
    const std::uint8_t answer = rank != root && accept(offer, root, channel) ? 1 : 0;
    std::vector<std::uint8_t> answers(nodes.size());
    check_mpi(MPI_Gather(&answer, 1, MPI_BYTE, answers.data(), 1, MPI_BYTE, root, comm), "MPI_Gather");
    if (rank != root) return;
    bool all = true, any = false;
    for (int peer = 0; peer < size; ++peer) {
        if (peer == root) continue;
        const auto index = static_cast<std::size_t>(peer);
        if (answers[index] == 0) {
            all = false;
            continue;
        }
        NodeLink& mine = link(offers[index].place);
        channel.attach(peer, mine.calls, mine.replies, mine.rank_bell, arena_.get(),
                       views_[static_cast<std::size_t>(offers[index].place)].get());
        any = true;
    }
    if (all) channel.need_no_messages();
    if (any) bell_ = &head().root_bell;
    links_.close_fd();
}

inline std::vector<NodeMemory::Offer> NodeMemory::make_offers(const std::vector<std::uint64_t>& nodes,
                                                              int root) noexcept {
    std::vector<Offer> offers(nodes.size());
    const char* const wish = trusted_variable("CONCURRENT_FUTURES_MPI_SHARE_NODE");
    const std::uint64_t own = nodes[static_cast<std::size_t>(root)];
    if (own == 0 || (wish && std::string_view(wish) == "0")) return offers;
    try {
        std::vector<int> neighbours;
        for (std::size_t rank = 0; rank < nodes.size(); ++rank)
            if (nodes[rank] == own && static_cast<int>(rank) != root) neighbours.push_back(static_cast<int>(rank));
        if (!neighbours.empty()) make_memory(offers, neighbours);
    } catch (const std::exception&) {  // no memory, no descriptors: MPI needs none
        return std::vector<Offer>(nodes.size());
    }
    return offers;
}

inline void NodeMemory::make_memory(std::vector<Offer>& offers, const std::vector<int>& neighbours) {
    const std::lock_guard lock(PoolDescriptors::instance().mutex);
    const std::size_t length = (page + neighbours.size() * sizeof(NodeLink) + page - 1) / page * page;
    links_ = SharedMemory::make(length, SharedMemory::Access::write);
    if (!links_ || links_.size() < length || !links_.provide(0, length)) return;
    ::new (links_.data()) Head{.token = unguessable_number()};
    const std::size_t reservation = shared_memory_reservation();
    arena_ = PayloadArena::over(SharedMemory::make(reservation, SharedMemory::Access::write));
    for (const int rank : neighbours) {
        const auto place = static_cast<std::int32_t>(views_.size());
        ::new (static_cast<void*>(&link(place))) NodeLink;
        views_.push_back(PayloadView::of_results(
            arena_ ? SharedMemory::make(reservation / neighbours.size(), SharedMemory::Access::read) : SharedMemory()));
        const PayloadView* const results = views_.back().get();
        offers[static_cast<std::size_t>(rank)] = {.token = head().token,
                                                  .pid = ::getpid(),
                                                  .links = links_.fd(),
                                                  .calls = arena_ ? arena_->region().fd() : -1,
                                                  .results = results ? results->region().fd() : -1,
                                                  .place = place};
    }
}

/// At a rank.
inline bool NodeMemory::accept(const Offer& offer, int root, MpiChannel& channel) noexcept {
    if (offer.place < 0) return false;
    try {
        const std::lock_guard lock(PoolDescriptors::instance().mutex);
        const auto open = [&](int fd, SharedMemory::Access access) {
            const bool writes = access == SharedMemory::Access::write;
            return fd < 0 ? SharedMemory()
                          : SharedMemory::map(open_of_process(offer.pid, fd, writes ? O_RDWR : O_RDONLY), access);
        };
        links_ = open(offer.links, SharedMemory::Access::write);
        links_.close_fd();
        if (!links_ || head().token != offer.token) return false;
        SharedMemory calls = open(offer.calls, SharedMemory::Access::read);
        SharedMemory results = open(offer.results, SharedMemory::Access::write);
        if ((offer.calls >= 0 && !calls) || (offer.results >= 0 && !results)) return false;
        views_.push_back(PayloadView::of_calls(std::move(calls)));
        arena_ = PayloadArena::over(std::move(results));
    } catch (const std::exception&) {
        return false;
    }
    NodeLink& mine = link(offer.place);
    channel.attach(root, mine.replies, mine.calls, head().root_bell, arena_.get(), views_.front().get());
    channel.need_no_messages();
    bell_ = &mine.rank_bell;
    return true;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
