// SPDX-License-Identifier: MIT
//
// region_exchange.hpp: shared memory (shared_region.hpp) on its way between a pool and one worker, as
// descriptors in a socket of its own beside the messages.
//
//     worker                                                   pool
//     RegionBorrower::fetch()  ── want {number} ────────────▶  RegionLender::answer()
//                              ◀═ descriptor ════════════════
//     kept, so that it is fetched and mapped once              … its last owner goes
//     RegionBorrower::forget() ◀─ forget {number} ──────────  RegionLender::forget_dead()
//
//     RegionBorrower::send()   ═ descriptor ════════════════▶
//                              ── memory {name}, result ────▶  RegionLender::receive(), take_received()
//
// A worker asks for what it has not, so nothing is sent that is not needed. It waits for the answer; the pool
// never waits: there is one question at a time, and what is announced has been sent. A worker that asks on
// without reading the answers, or announces what it has not sent, is ended.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/memory/shared_region.hpp"
#include "concurrent/futures/detail/platform/descriptor_socket.hpp"
#include "concurrent/futures/detail/serialization/byte_buffer.hpp"
#include "concurrent/futures/detail/wire/frame.hpp"
#include "concurrent/futures/detail/wire/pool_descriptors.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// What goes along with a descriptor, or instead of it.
struct RegionMessage {
    RegionName name;
    std::int64_t error = 0;  // an errno: why the memory cannot be had; 0: it is here
};

/// What the body of a frame must be. Throws SerializationError if it has another size.
template <class T>
T body_as(const Frame& frame) {
    T value;
    if (frame.body.size() != sizeof value) throw SerializationError("a message about memory of a wrong size");
    std::memcpy(&value, frame.body.data(), sizeof value);
    return value;
}

/// The pool's side. With the manager's lock.
class RegionLender {
  public:
    RegionLender() = default;
    explicit RegionLender(PoolDescriptor socket) noexcept : socket_(std::move(socket)) {}

    /// False when the worker has closed its end: most likely it has died since. Throws SerializationError for what
    /// is no question.
    bool answer(const Frame& want) {
        const auto number = body_as<RegionNumber>(want);
        RegionMessage message{{number}, ENOENT};
        const auto send = [&](int fd) {
            message.error = fd < 0 ? message.error : 0;
            const IoResult result = send_descriptor(socket_.get(), &message, sizeof message, fd, false);
            if (result.kind == IoResult::Kind::failed) message.error = result.error;
            return result.kind;
        };
        IoResult::Kind end = IoResult::Kind::failed;
        SharedRegions::instance().give_out(number, [&](const SharedRegion& region) {
            message.name = region.name();
            end = send(region.fd());
        });
        if (end == IoResult::Kind::moved)
            note(number);
        else if (end != IoResult::Kind::closed)
            end = send(-1);
        if (end != IoResult::Kind::moved && end != IoResult::Kind::closed)
            throw SerializationError("a worker that asks for memory and does not take it");
        return end == IoResult::Kind::moved;
    }
    /// Throws SerializationError when what is announced is not there.
    void receive(const Frame& announced) {
        const auto name = body_as<RegionName>(announced);
        RegionMessage message;
        FileDescriptor fd;
        if (received_.size() == most_received ||
            receive_descriptor(socket_.get(), &message, sizeof message, fd, false).kind != IoResult::Kind::moved ||
            message.name != name)
            throw SerializationError("shared memory that was announced and did not come");
        try {
            received_.push_back(SharedRegion::adopt(std::move(fd), name));
        } catch (const std::exception&) {
            // No memory, no descriptor left, or it is none: the result that names it cannot be read, and says so.
        }
    }
    /// What came before the result that has just come.
    SharedRegionList take_received() noexcept { return std::exchange(received_, {}); }

    /// Calls `forget(number)` for each region that the worker keeps and that this process has given up.
    template <class Forget>
    void forget_dead(Forget forget) {
        std::erase_if(lent_, [&](const RegionNumber& number) {
            // It may have gone and come back with a result: the end of what is here now is to be told, too.
            if (SharedRegions::instance().give_out(number, [](const SharedRegion&) {})) return false;
            forget(number);
            return true;
        });
    }

  private:
    static constexpr std::size_t most_received = 4096;

    void note(const RegionNumber& number) {
        if (std::find(lent_.begin(), lent_.end(), number) == lent_.end()) lent_.push_back(number);
    }

    PoolDescriptor socket_;
    std::vector<RegionNumber> lent_;  // and not forgotten since
    SharedRegionList received_;
};

/// The worker's side. Of the thread that runs the calls.
class RegionBorrower final : public RegionSource {
  public:
    /// `ask` sends the question.
    RegionBorrower(FileDescriptor socket, std::function<void(const RegionNumber&)> ask)
        : socket_(std::move(socket)), ask_(std::move(ask)) {
        region_source = this;
    }
    RegionBorrower(const RegionBorrower&) = delete;
    RegionBorrower& operator=(const RegionBorrower&) = delete;
    ~RegionBorrower() { region_source = nullptr; }

    std::shared_ptr<SharedRegion> fetch(const RegionName& name) override {
        ask_(name.number);
        RegionMessage message;
        FileDescriptor fd;
        do {  // a former answer may still be there, if it could not be read then
            const IoResult result = receive_descriptor(socket_.get(), &message, sizeof message, fd, true);
            if (result.kind != IoResult::Kind::moved)
                throw SerializationError("a worker cannot receive shared memory: " +
                                         std::generic_category().message(result.error));
        } while (message.name.number != name.number);
        if (message.error != 0 && message.error != ENOENT)
            throw SerializationError("shared memory cannot be sent to a worker: " +
                                     std::generic_category().message(static_cast<int>(message.error)));
        if (message.error != 0) return nullptr;
        if (!fd)
            throw SerializationError("a worker has no descriptor left to receive shared memory with; raise "
                                     "RLIMIT_NOFILE, or use fewer and larger arrays at a time");
        kept_.push_back(SharedRegion::adopt(std::move(fd), message.name));
        return kept_.back();
    }
    void note(const std::shared_ptr<SharedRegion>& region) override {
        if (noted_.empty() || noted_.back() != region) noted_.push_back(region);
    }

    void forget(const Frame& frame) {
        const auto number = body_as<RegionNumber>(frame);
        std::erase_if(kept_, [&](const auto& region) { return region->name().number == number; });
    }
    /// Sends what a result names and its call was not given. `announce(name)` after each. Throws
    /// SerializationError.
    template <class Announce>
    void send(std::span<const std::shared_ptr<SharedRegion>> named, Announce announce) {
        for (const auto& region : named) {
            if (std::find(noted_.begin(), noted_.end(), region) != noted_.end()) continue;
            const RegionMessage message{region->name()};
            const IoResult result =
                send_descriptor(socket_.get(), &message, sizeof message, region->fd(), true);
            if (result.kind != IoResult::Kind::moved)
                throw SerializationError("shared memory cannot be sent with a result: " +
                                         std::generic_category().message(result.error));
            announce(region->name());
            noted_.push_back(region);
        }
    }
    void end_call() noexcept { noted_.clear(); }

  private:
    const FileDescriptor socket_;
    const std::function<void(const RegionNumber&)> ask_;
    SharedRegionList kept_;   // until the pool says that they are not needed
    SharedRegionList noted_;  // of the running call
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
