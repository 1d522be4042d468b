// SPDX-License-Identifier: MIT
//
// eventually.hpp: waits for what nobody announces, such as a number in stats().
//
//     REQUIRE(support::eventually([&] { return pool.stats().idle == 1; }));
//
// For conditions that are certain to come true by themselves. Where an event can be had, wait at a
// Gate instead.
#pragma once

#include <chrono>
#include <thread>

#include "support/deadline.hpp"

namespace support {

/// False when it did not come true in time.
template <class Condition>
bool eventually(Condition holds,
                std::chrono::milliseconds timeout = deadline(std::chrono::seconds(30))) {
    const auto end = std::chrono::steady_clock::now() + timeout;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::yield();
    }
    return true;
}

}  // namespace support
