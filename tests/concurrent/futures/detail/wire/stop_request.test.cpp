// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/wire/stop_request.hpp>

#include <catch2/catch_test_macros.hpp>
#include <thread>

namespace {

using concurrent::futures::detail::StopRequest;

TEST_CASE("only the task that was asked to stop is, and the last one asked counts", "[stop_request]") {
    StopRequest request;
    CHECK(!request.stop_asked(7));
    request.ask_to_stop(7);
    CHECK((request.stop_asked(7) && !request.stop_asked(8)));
    request.ask_to_stop(8);
    CHECK((!request.stop_asked(7) && request.stop_asked(8)));
}

TEST_CASE("a thread that waits for a request is woken by it, also if it comes just before the sleep", "[stop_request]") {
    for (int round = 1; round <= 1000; ++round) {
        StopRequest request;
        std::thread other([&] { request.ask_to_stop(static_cast<std::uint64_t>(round)); });
        for (;;) {
            const std::uint32_t seen = request.stop_signal().count();
            if (request.stop_asked(static_cast<std::uint64_t>(round))) break;
            request.stop_signal().wait_beyond(seen);
        }
        other.join();
    }
}

}  // namespace
