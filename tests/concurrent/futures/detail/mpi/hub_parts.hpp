// SPDX-License-Identifier: MIT
//
// hub_parts.hpp: the engine of MPI pools with ranks that the test plays, without MPI.
//
//     parts::ScriptedPort* port = …;                    // what was sent, and what comes
//     parts::Hub hub(2);                                // the engine's parts, two ranks
//     MpiPool& pool = hub.add_pool();
//     hub.submit(pool, task);  hub.dispatcher.dispatch();  hub.tables.peers.ship_all();
//     hub.port.sent(0)                                  // the frames that rank 0 got
//     hub.port.say(0, FrameType::result, task.id, 0, bytes);  hub.replies.receive();
#pragma once

#include <concurrent/futures/detail/mpi/hub_tables.hpp>
#include <concurrent/futures/detail/mpi/lane_dispatcher.hpp>
#include <concurrent/futures/detail/mpi/pool_closer.hpp>
#include <concurrent/futures/detail/mpi/reply_reader.hpp>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/processes/recorded_task.hpp"

namespace parts {

using namespace concurrent::futures::detail;
using concurrent::futures::Decoder;
using concurrent::futures::Encoder;
using Task = recorded::TaskOf<MpiTask>;

struct Sent {
    FrameType type;
    std::uint64_t task;
    std::size_t lane;
    std::string body;
};

inline RankCard card_of(int rank) {
    RankCard card;
    card.pid = 1000 + rank;
    const std::string host = "node" + std::to_string(rank);
    std::memcpy(card.host.data(), host.data(), host.size());
    return card;
}

/// Ranks 1, 2, … that a test plays.
class ScriptedPort final : public MpiPort {
  public:
    explicit ScriptedPort(std::size_t ranks) : inbound_(ranks), sent_(ranks) {
        for (std::size_t peer = 0; peer < ranks; ++peer) cards_.push_back(card_of(static_cast<int>(peer) + 1));
    }

    // For the engine.
    std::vector<int> ranks() const override {
        std::vector<int> all;
        for (std::size_t peer = 0; peer < cards_.size(); ++peer) all.push_back(static_cast<int>(peer) + 1);
        return all;
    }
    const RankCard& card(std::size_t peer) const override { return cards_[peer]; }
    void send(std::size_t peer, Outgoing& from) override {
        Outgoing out = std::exchange(from, Outgoing());
        if (fails) throw std::runtime_error("the network is gone");
        Inbound frames;
        std::deque<Bulk> bulks;
        for (Bulk& bulk : out.bulks) bulks.push_back(std::move(bulk));
        frames.add(std::make_shared<const ByteBuffer>(std::move(out.batch)));
        while (auto frame = frames.next([&](ByteBuffer& body, std::size_t length) {
                   std::memcpy(body.extend(length), bulks.front().bytes.data(), length);
                   bulks.pop_front();
                   return true;
               }))
            sent_[peer].push_back({frame->header.type, frame->header.task, frame->header.slot,
                                   std::string(reinterpret_cast<const char*>(frame->body.data()), frame->body.size())});
    }
    bool poll(std::size_t& peer) override {
        if (polls_until_failure != 0 && --polls_until_failure == 0) throw std::runtime_error("no memory for a message");
        if (messages_.empty()) return false;
        peer = messages_.front().first;
        inbound_[peer].add(std::move(messages_.front().second));
        messages_.pop_front();
        return true;
    }
    std::optional<ReceivedFrame> next(std::size_t peer) override {
        return inbound_[peer].next([](ByteBuffer&, std::size_t) { return false; });
    }
    bool needs_polling() const noexcept override { return must_be_polled; }
    bool is_moving() const noexcept override { return moves; }
    NodeSide node_side() const override { return {nullptr, nullptr, bell, bell != nullptr}; }
    bool has_news() const noexcept override {
        ++looks_before_sleep;
        return news;
    }
    void quit(const std::string& failure, bool in_order) noexcept override {
        if (told) *told = (in_order ? "quit " : "quit at once ") + failure;
    }

    // For the test.

    /// The frames that this rank got since the last call.
    std::vector<Sent> sent(std::size_t peer) { return std::exchange(sent_[peer], {}); }
    /// A message of this rank with one frame. `nanoseconds`: that the task took.
    void say(std::size_t peer, FrameType type, std::uint64_t task, std::size_t lane = 0,
             std::span<const std::byte> body = {}, std::uint32_t nanoseconds = 1000) {
        Outgoing out;
        out.add(type, task, lane, body, nanoseconds);
        messages_.emplace_back(peer, std::make_shared<const ByteBuffer>(std::move(out.batch)));
    }

    bool fails = false;
    bool moves = false;
    bool news = false;  // from a rank that rings
    bool must_be_polled = true;
    int polls_until_failure = 0;     // 0: none fails
    SharedDoorbell* bell = nullptr;  // that all ranks ring, of the test
    mutable std::atomic<int> looks_before_sleep{0};
    std::string* told = nullptr;     // of the test: what quit() was called with

  private:
    std::vector<RankCard> cards_;
    std::vector<Inbound> inbound_;
    std::vector<std::vector<Sent>> sent_;
    std::deque<std::pair<std::size_t, std::shared_ptr<const ByteBuffer>>> messages_;
};

struct Hub {
    explicit Hub(std::size_t ranks, bool must_be_polled = true) {
        auto owned = std::make_unique<ScriptedPort>(ranks);
        port = owned.get();
        port->must_be_polled = must_be_polled;
        tables.peers.open(std::move(owned));
    }

    MpiPool& add_pool(MpiSettings settings = {.max_workers = 2}) {
        pools.push_back(std::make_shared<MpiPool>(nullptr, tables.rule, std::move(settings)));
        MpiPool& pool = *pools.back();
        for (std::size_t worker = 0; worker < pool.settings().max_workers; ++worker)
            pool.lanes.push_back(&tables.peers.lane(worker));
        tables.pools.add(pools.back());
        return pool;
    }
    void submit(MpiPool& pool, Task& task) {
        pool.queue.intake.push(task, concurrent::futures::Priority::normal);
        pool.queue.collect();
    }
    /// What the engine does in a step.
    void hand_out() {
        dispatcher.dispatch();
        tables.peers.ship_all();
    }
    /// Takes in all messages.
    void receive() {
        while (replies.receive()) {}
    }
    void deliver() {
        tables.completions.deliver_all([this](MpiPool& pool, const std::string& why) { tables.break_pool(pool, why); });
    }
    void answer(std::size_t peer, const Task& task, int value) {
        Encoder encoder;
        encoder.encode(value);
        port->say(peer, FrameType::result, task.id, 0, encoder.bytes());
        receive();
    }

    HubTables tables;
    ScriptedPort* port;
    LaneDispatcher dispatcher{tables};
    ReplyReader replies{tables};
    PoolCloser closer{tables};
    std::vector<std::shared_ptr<MpiPool>> pools;
};

/// A thread that waits for room in a pool with max_pending, as submit() does. The mutex tells when it does.
class RoomWaiter {
  public:
    RoomWaiter(HubTables& tables, const MpiPool& pool) : tables_(tables) {
        thread_ = std::thread([this, &pool] {
            HubTables::Lock lock(tables_.mutex);
            for (waits_ = true; pool.is_full() && !pool.is_broken();) tables_.changed.wait(lock);
        });
        for (bool waits = false; !waits; std::this_thread::yield()) {
            const std::lock_guard lock(tables_.mutex);
            waits = waits_;
        }
    }
    /// Returns when it has been told.
    void join() { thread_.join(); }

  private:
    HubTables& tables_;
    bool waits_ = false;
    std::thread thread_;
};

/// The types of these frames.
inline std::vector<FrameType> types_of(const std::vector<Sent>& frames) {
    std::vector<FrameType> types;
    for (const Sent& frame : frames) types.push_back(frame.type);
    return types;
}

}  // namespace parts
