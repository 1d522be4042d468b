// SPDX-License-Identifier: MIT
//
// mpi_port.hpp: how the root of MPI pools reaches its ranks: by MPI, or, when it is the only rank, in this process.
//
//     port.send(peer, std::move(outgoing));
//     while (port.poll(peer)) while (auto frame = port.next(peer)) …
//
// Threads: one at a time (the hub's lock), but what LocalPort's lanes do.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/mpi/mpi_channel.hpp"
#include "concurrent/futures/detail/mpi/mpi_program.hpp"
#include "concurrent/futures/detail/mpi/rank_server.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class MpiPort {
  public:
    virtual ~MpiPort() = default;

    /// The ranks that run calls; elsewhere they are named by their place here.
    virtual std::vector<int> ranks() const = 0;
    virtual const RankCard& card(std::size_t peer) const = 0;
    virtual void send(std::size_t peer, Outgoing out) = 0;
    /// Receives something from somebody, or goes on with it. False: there was nothing.
    virtual bool poll(std::size_t& peer) = 0;
    virtual std::optional<ReceivedFrame> next(std::size_t peer) = 0;
    /// Somebody must look, since nobody calls when there is news.
    virtual bool needs_polling() const noexcept = 0;
    virtual bool is_moving() const noexcept = 0;
    virtual void quit(const std::string& failure) = 0;
};

class RemotePort final : public MpiPort {
  public:
    RemotePort(MPI_Comm comm, int root, std::vector<RankCard> cards)
        : channel_(comm), root_(root), cards_(std::move(cards)) {}

    std::vector<int> ranks() const override {
        std::vector<int> all;
        for (std::size_t peer = 0; peer + 1 < cards_.size(); ++peer) all.push_back(rank_of(peer));
        return all;
    }
    const RankCard& card(std::size_t peer) const override { return cards_[static_cast<std::size_t>(rank_of(peer))]; }
    void send(std::size_t peer, Outgoing out) override { channel_.send(rank_of(peer), std::move(out)); }
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
    void quit(const std::string& failure) override {
        for (std::size_t peer = 0; peer + 1 < cards_.size(); ++peer) {
            Outgoing out;
            out.add(FrameType::quit, 0, 0, std::as_bytes(std::span(failure)).first((std::min)(failure.size(), longest)));
            send(peer, std::move(out));
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
    const int root_;
    const std::vector<RankCard> cards_;
    std::size_t looked_at_ = 0;
};

/// The only rank runs the calls on threads of its own.
class LocalPort final : public MpiPort, private RankServer {
  public:
    /// `wake` is called when there are replies, in any thread.
    LocalPort(RankCard card, std::function<void()> wake)
        : RankServer(false, true), card_(card), wake_(std::move(wake)) {}
    ~LocalPort() override { stop_threads(); }

    std::vector<int> ranks() const override { return {0}; }
    const RankCard& card(std::size_t) const override { return card_; }
    void send(std::size_t, Outgoing out) override {
        for (Bulk& bulk : out.bulks) calls_bulks_.push_back(std::move(bulk));
        calls_.add(std::make_shared<const ByteBuffer>(std::move(out.batch)));
        while (auto frame = calls_.next([this](ByteBuffer& body, std::size_t) { return take(calls_bulks_, body); }))
            receive(std::move(*frame));
        keep_replies();
    }
    bool poll(std::size_t& peer) override {
        peer = 0;
        const std::lock_guard lock(mutex_);
        if (replies_.empty()) return false;
        for (Outgoing& out : replies_) {
            for (Bulk& bulk : out.bulks) results_bulks_.push_back(std::move(bulk));
            results_.add(std::make_shared<const ByteBuffer>(std::move(out.batch)));
        }
        replies_.clear();
        return true;
    }
    std::optional<ReceivedFrame> next(std::size_t) override {
        return results_.next([this](ByteBuffer& body, std::size_t) { return take(results_bulks_, body); });
    }
    bool needs_polling() const noexcept override { return false; }
    bool is_moving() const noexcept override { return false; }
    void quit(const std::string&) override {}

  private:
    /// The bytes stay where they are: with the call, whose owner is empty, or they come along.
    static bool take(std::deque<Bulk>& bulks, ByteBuffer& body) {
        Bulk bulk = std::move(bulks.front());
        bulks.pop_front();
        body = bulk.owner.empty()
                   ? ByteBuffer::of_lent({const_cast<std::byte*>(bulk.bytes.data()), bulk.bytes.size()})
                   : std::move(bulk.owner);
        return true;
    }
    void on_replies() noexcept override {
        keep_replies();
        wake_();
    }
    void keep_replies() noexcept {
        const std::lock_guard lock(mutex_);
        if (Outgoing out = take_outbox(); !out.empty()) replies_.push_back(std::move(out));
    }

    const RankCard card_;
    const std::function<void()> wake_;
    Inbound calls_, results_;  // of the hub
    std::deque<Bulk> calls_bulks_, results_bulks_;
    std::mutex mutex_;
    std::deque<Outgoing> replies_;  // guarded by mutex_
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
