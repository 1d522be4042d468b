// SPDX-License-Identifier: MIT
//
// remote_port.hpp: the ranks of an MPI job, as the root reaches them. A peer is a rank; peers are numbered without the root.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/mpi/look_pace.hpp"
#include "concurrent/futures/detail/mpi/mpi_channel.hpp"
#include "concurrent/futures/detail/mpi/mpi_port.hpp"
#include "concurrent/futures/detail/mpi/node_memory.hpp"
#include "concurrent/futures/detail/platform/monotonic_clock.hpp"
#include "concurrent/futures/detail/state/without_memory.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Collective: the other ranks make an MpiRank meanwhile.
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
    void send(std::size_t peer, Outgoing& out) override {
        noting_damage([&] { channel_.send(rank_of(peer), out); });
    }
    bool poll(std::size_t& peer) override {
        return noting_damage([&] {
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
        });
    }
    std::optional<ReceivedFrame> next(std::size_t peer) override {
        return noting_damage([&] { return channel_.next(rank_of(peer)); });
    }
    bool needs_polling() const noexcept override { return true; }
    bool is_moving() const noexcept override { return channel_.is_moving(); }
    NodeSide node_side() const override {
        return {node_, node_->arena(), node_->bell(), !channel_.needs_messages()};
    }
    bool has_news() const noexcept override { return channel_.has_news(); }
    void quit(const std::string& failure, bool in_order) noexcept override {
        try {
            if (!damage_.empty()) throw BrokenProcessPool(damage_);
            for (std::size_t peer = 0; peer + 1 < cards_.size(); ++peer) {
                Outgoing out;
                out.add(FrameType::quit, in_order ? 0 : wants_answer, 0,
                        std::as_bytes(std::span(failure)).first((std::min)(failure.size(), longest)));
                send(peer, out);
            }
            if (!in_order) wait_for_ends();
            channel_.finish_sends();
        } catch (const std::exception& error) {  // ranks, and MPI_Finalize with them, would wait for ever
            std::fprintf(stderr, "concurrent::futures: the ranks of MPI pools cannot be told to end, so the job is aborted: %s\n",
                         error.what());
            MPI_Abort(channel_.comm(), 1);
        }
    }

  private:
    static constexpr std::size_t longest = bulk_from - 1;

    /// After an error in the channel, nobody knows what has been sent and received, and what has not.
    template <class Call>
    std::invoke_result_t<Call&> noting_damage(Call call) {
        try {
            return call();
        } catch (const std::exception& error) {
            if (damage_.empty()) damage_ = text_or_why_not([&] { return std::string(error.what()); });
            throw;
        }
    }
    /// Each rank answers `quit` when it has sent all else, which it could not if nobody took it.
    void wait_for_ends() {
        const std::int64_t begin = monotonic_nanoseconds();
        std::size_t left = cards_.size() - 1;
        const auto read = [&](std::size_t peer) {
            while (const auto frame = next(peer)) left -= frame->header.type == FrameType::quit;
        };
        // An error may have left something unread, on whose large bodies the rank waits.
        for (std::size_t peer = 0; peer + 1 < cards_.size(); ++peer) read(peer);
        for (unsigned looks = 0; left != 0;) {
            std::size_t peer = 0;
            if (poll(peer)) {
                read(peer);
                continue;
            }
            const std::int64_t waited = monotonic_nanoseconds() - begin;
            keeps_looking(waited, looks++) ? pause_between_looks(waited) : std::this_thread::sleep_for(nap_after(waited));
        }
    }

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
    std::string damage_;  // of the channel: why; or empty
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
