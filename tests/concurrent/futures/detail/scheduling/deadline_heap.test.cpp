// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/scheduling/deadline_heap.hpp>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <random>
#include <vector>

namespace {

using concurrent::futures::detail::DeadlineHeap;
using namespace std::chrono_literals;

struct Alarm : DeadlineHeap::Node {
    explicit Alarm(std::chrono::nanoseconds when, int its_name = 0)
        : Node(std::chrono::steady_clock::time_point(when)), name(its_name) {}
    int name;
};

int pop(DeadlineHeap& heap) {
    auto& first = static_cast<Alarm&>(*heap.first());
    heap.remove(first);
    return first.name;
}

TEST_CASE("the earliest deadline is the first, whatever the order in which they come", "[deadline_heap]") {
    std::array<int, 6> order{1, 2, 3, 4, 5, 6};
    do {
        DeadlineHeap heap;
        CHECK(heap.first() == nullptr);
        std::deque<Alarm> alarms;
        for (const int when : order) heap.push(alarms.emplace_back(when * 1s, when));
        for (int when = 1; when <= 6; ++when) REQUIRE(pop(heap) == when);
        REQUIRE(heap.first() == nullptr);
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("of equal deadlines the one that came first is the first", "[deadline_heap]") {
    DeadlineHeap heap;
    std::deque<Alarm> alarms;
    for (int n = 0; n < 100; ++n) heap.push(alarms.emplace_back(n % 3 * 1s, n));
    for (int rest = 0; rest < 3; ++rest)
        for (int n = rest; n < 100; n += 3) REQUIRE(pop(heap) == n);
}

TEST_CASE("a deadline can be removed wherever it is, and pushed again", "[deadline_heap]") {
    std::mt19937 random(7);
    DeadlineHeap heap;
    std::deque<Alarm> alarms;
    std::vector<Alarm*> in, out;
    for (int n = 0; n < 300; ++n) out.push_back(&alarms.emplace_back(std::chrono::nanoseconds(random() % 200), n));
    for (int step = 0; step < 20'000; ++step) {
        std::vector<Alarm*>& from = in.empty() || (!out.empty() && random() % 2 == 0) ? out : in;
        const std::size_t place = random() % from.size();
        Alarm* const alarm = from[place];
        from.erase(from.begin() + static_cast<std::ptrdiff_t>(place));
        if (&from == &out) {
            heap.push(*alarm);
            in.push_back(alarm);
        } else {
            heap.remove(*alarm);
            out.push_back(alarm);
        }
        const auto earliest = std::min_element(in.begin(), in.end(), [](const Alarm* a, const Alarm* b) {
            return a->deadline < b->deadline;
        });
        if (in.empty())
            REQUIRE(heap.first() == nullptr);
        else
            REQUIRE(heap.first()->deadline == (*earliest)->deadline);
    }
}

}  // namespace
