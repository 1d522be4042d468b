// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/wire/stop_delivery.hpp>

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <thread>

#include "support/eventually.hpp"
#include "support/gate.hpp"

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("a request reaches the token of the task it names", "[stop_delivery]") {
    const auto request = std::make_unique<StopRequest>();
    support::Gate heard("the callback runs");
    const StopDelivery delivery({request.get(), 7});
    const std::stop_token token = delivery.token();
    const std::stop_callback callback(token, [&] { heard.open(); });
    CHECK(!token.stop_requested());
    request->ask_to_stop(7);
    heard.wait();
    CHECK(token.stop_requested());
}

TEST_CASE("a request that came first is heard all the same", "[stop_delivery]") {
    const auto request = std::make_unique<StopRequest>();
    request->ask_to_stop(7);
    const StopDelivery delivery({request.get(), 7});
    CHECK(support::eventually([token = delivery.token()] { return token.stop_requested(); }));
}

TEST_CASE("a request to another task is not heard", "[stop_delivery]") {
    const auto request = std::make_unique<StopRequest>();
    request->ask_to_stop(6);
    std::stop_token token;
    {
        const StopDelivery delivery({request.get(), 7});
        token = delivery.token();
        request->ask_to_stop(8);
    }
    CHECK(!token.stop_requested());
}

TEST_CASE("tasks may come and go while others are asked to stop", "[stop_delivery]") {
    const auto request = std::make_unique<StopRequest>();
    std::atomic<std::uint64_t> current{0};
    std::atomic<bool> over{false};
    std::thread asking([&] {
        while (!over) request->ask_to_stop(current);
    });
    for (std::uint64_t task = 1; task <= 200; ++task) {
        const StopDelivery delivery({request.get(), task});
        current = task;
        CHECK(support::eventually([token = delivery.token()] { return token.stop_requested(); }));
    }
    over = true;
    asking.join();
}

TEST_CASE("without a request there is a token that nobody asks", "[stop_delivery]") {
    const StopDelivery delivery({});
    CHECK(!delivery.token().stop_requested());
}

}  // namespace
