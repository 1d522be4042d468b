// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/task/bound_call.hpp>

#include <catch2/catch_test_macros.hpp>
#include <concepts>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

namespace {

using namespace concurrent::futures::detail;

template <class Callable, class... Args>
auto bound(Callable&& callable, Args&&... args) {
    return BoundCallFor<Callable, Args...>(std::forward<Callable>(callable),
                                           std::forward<Args>(args)...);
}

TEST_CASE("arguments are copies, reference_wrapper refers", "[bound_call]") {
    std::string text = "before";
    int count = 0;
    auto call = bound([](const std::string& t, int& n) { n = static_cast<int>(t.size()); }, text,
                      std::ref(count));
    text = "after that";
    call();
    CHECK(count == 6);
}

TEST_CASE("copies are handed over to the call", "[bound_call]") {
    auto call = bound([](std::unique_ptr<int> box) { return box; }, std::make_unique<int>(5));
    CHECK(*call() == 5);
    auto reads = bound([](std::string&& text) { return std::move(text); }, "characters");
    CHECK(reads() == "characters");
}

TEST_CASE("members can be called", "[bound_call]") {
    struct Counter {
        int value = 3;
        int add(int n) { return value += n; }
    };
    Counter counter;
    CHECK(bound(&Counter::add, &counter, 4)() == 7);
    CHECK(counter.value == 7);
    CHECK(bound(&Counter::value, counter)() == 7);
}

TEST_CASE("a callable that can take a stop_token gets one", "[bound_call]") {
    auto call = bound([](std::stop_token token, int n) { return token.stop_requested() ? n : 0; }, 8);
    STATIC_REQUIRE(decltype(call)::stoppable);
    std::stop_source(call.stop_source()).request_stop();
    CHECK(call() == 8);
    STATIC_REQUIRE_FALSE(decltype(bound([](int) {}, 1))::stoppable);
}

TEST_CASE("a callable without a use for a stop_token does not pay for it", "[bound_call]") {
    const auto nothing = [] {};
    STATIC_REQUIRE(sizeof(BoundCallFor<decltype(nothing)>) == 1);
    const auto stops = [](std::stop_token) {};
    STATIC_REQUIRE(sizeof(BoundCallFor<decltype(stops)>) >= sizeof(std::stop_source));
}

TEST_CASE("what can be called with copies is known at compile time", "[bound_call]") {
    const auto takes_reference = [](int&) {};
    const auto takes_value = [](int) {};
    STATIC_REQUIRE_FALSE(CallableWithCopies<decltype(takes_reference), int>);
    STATIC_REQUIRE(CallableWithCopies<decltype(takes_reference), std::reference_wrapper<int>>);
    STATIC_REQUIRE(CallableWithCopies<decltype(takes_value), int&>);
    STATIC_REQUIRE_FALSE(CallableWithCopies<decltype(takes_value), std::string>);
}

}  // namespace
