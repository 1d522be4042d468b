// SPDX-License-Identifier: MIT
//
// The child's side of a Process. The child is a fork of the test, which plays the parent.
#include <concurrent/futures/detail/processes/single_call.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <concurrent/futures/detail/platform/forked_process.hpp>
#include <concurrent/futures/detail/wire/remote_call.hpp>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>

#include "concurrent/futures/detail/processes/single_call_parts.hpp"
#include "support/forked.hpp"

namespace {

using namespace concurrent::futures::detail;
using Catch::Matchers::ContainsSubstring;

int twice(int n) { return 2 * n; }
void fail(std::string why) { throw std::runtime_error(why); }
void run_until_asked_to_stop(std::stop_token stop) {
    while (!stop.stop_requested()) std::this_thread::yield();
}

support::ForkedEnd run(calls::Order& order) {
    return support::run_forked([&] { return run_single_call(order.channel(), end_forked_process); });
}

TEST_CASE("a call that returns ends its process with exit code 0, and says nothing", "[single_call]") {
    calls::Order order(encode_call(twice, 3), "errand");
    CHECK(order.state() == SlotState::sent);
    const auto end = run(order);
    CHECK((end.exit_code() == 0 && end.errors.empty()));
    CHECK(order.state() == SlotState::running);  // the parent hears of the end by the process's end
    CHECK(order.page().control.first_peak() > 0);
}

TEST_CASE("a call that throws ends its process with exit code 1, and is named with its error", "[single_call]") {
    calls::Order order(encode_call(fail, std::string("no luck")), "errand");
    const auto end = run(order);
    CHECK(end.exit_code() == 1);
    CHECK_THAT(end.errors, ContainsSubstring("no luck") && ContainsSubstring("process ") && ContainsSubstring("\"errand\""));
}

TEST_CASE("a call is asked to stop over the page that it shares with its parent", "[single_call]") {
    calls::Order order(encode_call(run_until_asked_to_stop));
    order.page().control.ask_to_stop(SingleCallPage::task);
    CHECK(run(order).exit_code() == 0);
}

TEST_CASE("a child that runs another program than its parent runs no call", "[single_call]") {
    calls::Order order(encode_call(twice, 3));
    ++order.page().program;
    const auto end = run(order);
    CHECK(end.exit_code() == 1);
    CHECK_THAT(end.errors, ContainsSubstring("another program than its parent"));
    CHECK(order.state() == SlotState::sent);
}

TEST_CASE("a call whose descriptors do not arrive is not made", "[single_call]") {
    calls::Order order(encode_call(twice, 3));
    order.page().descriptors = 1;
    const auto end = run(order);
    CHECK(end.exit_code() == 1);
    CHECK_THAT(end.errors, ContainsSubstring("did not arrive"));
}

TEST_CASE("a child whose parent is gone ends without a word and without its call", "[single_call]") {
    calls::Order order(encode_call(twice, 3));
    order.cut_life_line();
    const auto end = run(order);
    CHECK((end.exit_code() == 1 && end.errors.empty()));
    CHECK(order.state() == SlotState::sent);
}

TEST_CASE("bytes that are no call end the process with exit code 1", "[single_call]") {
    concurrent::futures::Encoder nonsense;
    nonsense.encode(std::string("this is no call"));
    calls::Order order(std::move(nonsense).take());
    const auto end = run(order);
    CHECK(end.exit_code() == 1);
    CHECK(!end.errors.empty());
}

}  // namespace
