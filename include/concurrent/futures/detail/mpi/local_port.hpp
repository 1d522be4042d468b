// SPDX-License-Identifier: MIT
//
// local_port.hpp: the port of a root that is the only rank. It runs the tasks itself, on threads of its own.
//
//     LocalPort port(card, [&] { hub.wake(); });     // is called when there are replies
//
// Threads: as MpiPort. The lanes' threads put their replies into the server's outbox, which has a mutex of its own.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/mpi/mpi_port.hpp"
#include "concurrent/futures/detail/mpi/rank_server.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class LocalPort final : public MpiPort {
  public:
    /// `wake` is called when there are replies, in any thread.
    LocalPort(const RankCard& card, std::function<void()> wake)
        : card_(card), server_(RankServer::Place::only_one, std::move(wake)) {}
    ~LocalPort() override { server_.stop_threads(); }

    std::vector<int> ranks() const override { return {0}; }
    const RankCard& card(std::size_t) const override { return card_; }
    void send(std::size_t, Outgoing& sent) override {
        Outgoing out = std::exchange(sent, Outgoing());
        for (Bulk& bulk : out.bulks) tasks_bulks_.push_back(std::move(bulk));
        tasks_.add(std::make_shared<const ByteBuffer>(std::move(out.batch)));
        while (auto frame = tasks_.next([this](ByteBuffer& body, std::size_t) { return take(tasks_bulks_, body); }))
            server_.receive(std::move(*frame));
    }
    bool poll(std::size_t& peer) override {
        peer = 0;
        Outgoing out = server_.outbox().take();
        if (out.empty()) return false;
        for (Bulk& bulk : out.bulks) results_bulks_.push_back(std::move(bulk));
        results_.add(std::make_shared<const ByteBuffer>(std::move(out.batch)));
        return true;
    }
    std::optional<ReceivedFrame> next(std::size_t) override {
        return results_.next([this](ByteBuffer& body, std::size_t) { return take(results_bulks_, body); });
    }
    bool needs_polling() const noexcept override { return false; }
    bool is_moving() const noexcept override { return false; }
    void quit(const std::string&, bool) noexcept override {}

  private:
    /// The bytes stay where they are: with the task, whose owner is empty, or they come along.
    static bool take(std::deque<Bulk>& bulks, ByteBuffer& body) {
        Bulk bulk = std::move(bulks.front());
        bulks.pop_front();
        body = bulk.owner.empty()
                   ? ByteBuffer::of_lent({const_cast<std::byte*>(bulk.bytes.data()), bulk.bytes.size()})
                   : std::move(bulk.owner);
        return true;
    }

    const RankCard card_;
    Inbound tasks_, results_;  // of the engine
    std::deque<Bulk> tasks_bulks_, results_bulks_;
    RankServer server_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
