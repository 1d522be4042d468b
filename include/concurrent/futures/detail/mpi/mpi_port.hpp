// SPDX-License-Identifier: MIT
//
// mpi_port.hpp: how the root of MPI pools reaches its ranks: by MPI and memory (remote_port.hpp) or, when it is the only
// rank, in this process (local_port.hpp). So the engine needs no MPI, and its tests neither.
//
//     port.send(peer, outgoing);
//     while (port.poll(peer)) while (auto frame = port.next(peer)) …
//
// Threads: one at a time, with the mutex of the engine.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "concurrent/futures/detail/mpi/frame_batch.hpp"
#include "concurrent/futures/detail/mpi/rank_card.hpp"
#include "concurrent/futures/detail/platform/shared_doorbell.hpp"
#include "concurrent/futures/detail/wire/payload_arena.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// What the root shares with ranks on its node; nothing, or all but the last member.
struct NodeSide {
    std::shared_ptr<const void> owner{};
    PayloadArena* calls = nullptr;   // where large calls are encoded; null: in the heap
    SharedDoorbell* bell = nullptr;  // that these ranks ring
    bool all_ring = false;           // there are no other ranks
};

class MpiPort {
  public:
    virtual ~MpiPort() = default;

    /// The ranks that run tasks; elsewhere they are named by their place here.
    virtual std::vector<int> ranks() const = 0;
    virtual const RankCard& card(std::size_t peer) const = 0;
    /// `out` is empty then, and may keep memory.
    virtual void send(std::size_t peer, Outgoing& out) = 0;
    /// Receives something from somebody, or goes on with it. False: there was nothing.
    virtual bool poll(std::size_t& peer) = 0;
    virtual std::optional<ReceivedFrame> next(std::size_t peer) = 0;
    /// Somebody must look, since nobody calls when there is news.
    virtual bool needs_polling() const noexcept = 0;
    virtual bool is_moving() const noexcept = 0;
    virtual NodeSide node_side() const { return {}; }
    /// Something has come from a rank that rings the bell.
    virtual bool has_news() const noexcept { return false; }
    /// The ranks end. `failure`: why the root has failed; or empty. `in_order`: they have answered everything. Otherwise
    /// what they still send is thrown away. If they cannot be told, the whole job is aborted, with a message.
    virtual void quit(const std::string& failure, bool in_order) noexcept = 0;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
