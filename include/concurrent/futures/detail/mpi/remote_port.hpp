// SPDX-License-Identifier: MIT
//
// remote_port.hpp: the ranks of an MPI job, as the root reaches them. A peer is a rank; peers are numbered without the root.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/mpi/mpi_channel.hpp"
#include "concurrent/futures/detail/mpi/mpi_port.hpp"
#include "concurrent/futures/detail/mpi/node_memory.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Collective: the other ranks make a RankLoop meanwhile.
class RemotePort final : public MpiPort {
  public:
    RemotePort(MPI_Comm comm, int root, std::vector<RankCard> cards)
        : channel_(comm),
          node_(std::make_shared<NodeMemory>(comm, root, channel_)),
          root_(root),
          cards_(std::move(cards)) {}

    std::vector<int> ranks() const override {
        std::vector<int> all;
        for (std::size_t peer = 0; peer + 1 < cards_.size(); ++peer) all.push_back(rank_of(peer));
        return all;
    }
    const RankCard& card(std::size_t peer) const override { return cards_[static_cast<std::size_t>(rank_of(peer))]; }
    void send(std::size_t peer, Outgoing& out) override { channel_.send(rank_of(peer), out); }
    bool poll(std::size_t& peer) override {
        int rank = 0;
        if (channel_.poll(MPI_ANY_SOURCE, rank)) {
            peer = peer_of(rank);
            return true;
        }
        if (!channel_.is_fetching()) return false;
        // Some peer waits for a large body: look at one after the other.
        looked_at_ = (looked_at_ + 1) % (cards_.size() - 1);
        peer = looked_at_;
        return true;
    }
    std::optional<ReceivedFrame> next(std::size_t peer) override { return channel_.next(rank_of(peer)); }
    bool needs_polling() const noexcept override { return true; }
    bool is_moving() const noexcept override { return channel_.is_moving(); }
    NodeSide node_side() const override {
        return {node_, node_->arena(), node_->bell(), !channel_.needs_messages()};
    }
    bool has_news() const noexcept override { return channel_.has_news(); }
    void quit(const std::string& failure) override {
        for (std::size_t peer = 0; peer + 1 < cards_.size(); ++peer) {
            Outgoing out;
            out.add(FrameType::quit, 0, 0, std::as_bytes(std::span(failure)).first((std::min)(failure.size(), longest)));
            send(peer, out);
        }
        channel_.finish_sends();
    }

  private:
    static constexpr std::size_t longest = bulk_from - 1;

    int rank_of(std::size_t peer) const noexcept {
        const int rank = static_cast<int>(peer);
        return rank < root_ ? rank : rank + 1;
    }
    std::size_t peer_of(int rank) const noexcept { return static_cast<std::size_t>(rank < root_ ? rank : rank - 1); }

    MpiChannel channel_;
    const std::shared_ptr<const NodeMemory> node_;
    const int root_;
    const std::vector<RankCard> cards_;
    std::size_t looked_at_ = 0;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
