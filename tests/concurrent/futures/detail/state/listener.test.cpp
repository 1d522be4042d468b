// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/state/listener.hpp>

#include <catch2/catch_test_macros.hpp>
#include <vector>

namespace {

using namespace concurrent::futures::detail;

struct Numbered final : Listener {
    Numbered(int n, Kind kind = Kind::waiter) : Listener(kind), number(n) {}
    void notify(SharedState&, TaskQueue*) noexcept override {}
    const int number;
};

std::vector<int> drained(ListenerList& list) {
    std::vector<int> numbers;
    while (const Listener* const listener = list.try_pop())
        numbers.push_back(static_cast<const Numbered*>(listener)->number);
    return numbers;
}

TEST_CASE("listeners leave in the order they came", "[listener]") {
    Numbered a(1), b(2), c(3);
    ListenerList list;
    CHECK(list.try_pop() == nullptr);
    list.push(a);
    list.push(b);
    list.push(c);
    CHECK(drained(list) == std::vector<int>{1, 2, 3});
    list.push(b);
    CHECK(drained(list) == std::vector<int>{2});
}

TEST_CASE("a listener can be removed from anywhere", "[listener]") {
    Numbered a(1), b(2), c(3);
    for (Numbered* const gone : {&a, &b, &c}) {
        ListenerList list;
        for (Numbered* const each : {&a, &b, &c}) list.push(*each);
        list.remove(*gone);
        std::vector<int> rest{1, 2, 3};
        std::erase(rest, gone->number);
        CHECK(drained(list) == rest);
    }
    ListenerList list;
    list.push(a);
    list.remove(a);
    CHECK(drained(list).empty());
}

TEST_CASE("removing a listener that is not there does nothing", "[listener]") {
    Numbered a(1), b(2);
    ListenerList list;
    CHECK_FALSE(list.remove(a));
    list.push(a);
    list.push(b);
    CHECK(list.remove(a));
    CHECK_FALSE(list.remove(a));
    CHECK(list.try_pop() == &b);
    CHECK_FALSE(list.remove(b));
    CHECK(drained(list).empty());
}

TEST_CASE("a list knows what kind a listener is of", "[listener]") {
    CHECK(ListenerList::kind(Numbered(1, Listener::Kind::callback)) == Listener::Kind::callback);
    CHECK(ListenerList::kind(Numbered(1, Listener::Kind::waiter)) == Listener::Kind::waiter);
}

}  // namespace
