// SPDX-License-Identifier: MIT
//
// channels.cpp: both ends of a channel in one process, under the model checker. A sender looks now and then whether its
// receiver is there, by the time stamp counter.
#include "model/checker/cycles.hpp"

#include <concurrent/futures/channel.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "model/checker/checker.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;
using model::expect;

namespace {

/// More than a ring takes, in some pieces.
std::string large() { return std::string(cf::detail::ChannelRing::capacity * 5 / 4, 'x'); }

}  // namespace

MODEL("a value is received, though the receiver is about to sleep") {
    model::uses_shared_pointers();
    auto [sender, receiver] = cf::make_channel<int>();
    std::thread other([&sender = sender] { sender.send(7); });
    expect(receiver.receive() == 7, "the value");
    other.join();
}

MODEL("a value that is larger than a channel goes through it in pieces") {
    model::uses_shared_pointers();
    auto [sender, receiver] = cf::make_channel<std::string>();
    const auto begin = std::chrono::steady_clock::now();
    std::thread other([&sender = sender] { sender.send(large()); });
    const auto value = receiver.receive();
    expect(value && *value == large(), "the value");
    expect(std::chrono::steady_clock::now() - begin < cf::detail::tuning::longest_gathering_of_room, "the sender is told of room");
    other.join();
}

MODEL("what a sender sent before it was closed is received, and then the end") {
    model::uses_shared_pointers();
    auto [sender, receiver] = cf::make_channel<int>();
    std::thread other([&sender = sender] {
        sender.send(7);
        sender.close();
    });
    expect(receiver.receive() == 7, "the value");
    expect(!receiver.receive(), "the end");
    other.join();
}

MODEL("a sender that waits for room hears that the receiver is gone") {
    model::uses_shared_pointers();
    auto [sender, receiver] = cf::make_channel<std::string>();
    std::thread other([&receiver = receiver] { receiver.close(); });
    try {
        sender.send(large());
        expect(false, "nobody reads it");
    } catch (const cf::BrokenChannelError&) {
    }
    other.join();
}

MODEL("a value that was taken back in the middle is not received, nor a part of it") {
    model::uses_shared_pointers();
    auto [sender, receiver] = cf::make_channel<std::string>();
    bool was_sent = false;
    std::thread other([&sender = sender, &was_sent] {
        was_sent = sender.send(large(), 0ms);
        sender.send("whole");
    });
    std::optional<std::string> value = receiver.receive();
    if (value && value->size() > 5) value = receiver.receive();
    expect(value == "whole", "the other value");
    other.join();
}

MODEL("a receiver gives up waiting when a value comes, which the next receive() gets") {
    model::uses_shared_pointers();
    auto [sender, receiver] = cf::make_channel<int>();
    std::thread other([&sender = sender] { sender.send(7); });
    std::optional<int> value;
    try {
        value = receiver.receive(0ms);
    } catch (const cf::TimeoutError&) {
        value = receiver.receive();
    }
    expect(value == 7, "the value");
    other.join();
}
