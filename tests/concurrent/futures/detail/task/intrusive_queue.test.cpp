// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/task/intrusive_queue.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <utility>
#include <vector>

namespace {

using namespace concurrent::futures::detail;

struct Element {
    int number = 0;
    Element* next = nullptr;
    Element* next_of_others = nullptr;
};
using Queue = IntrusiveQueue<Element, MemberLink<&Element::next>>;

struct Five : std::array<Element, 5> {
    Five() {
        for (std::size_t i = 0; i < size(); ++i) (*this)[i].number = static_cast<int>(i);
    }
};

std::vector<int> in(const Queue& queue) {
    std::vector<int> numbers;
    queue.for_each([&](const Element& element) { numbers.push_back(element.number); });
    CHECK(numbers.size() == queue.size());
    CHECK(numbers.empty() == queue.empty());
    CHECK((queue.first() ? queue.first()->number == numbers.front() : numbers.empty()));
    return numbers;
}

TEST_CASE("an intrusive queue takes at both ends and gives at the front", "[intrusive_queue]") {
    Five elements;
    Queue queue;
    for (int round = 0; round < 2; ++round) {
        CHECK((in(queue).empty() && queue.try_pop() == nullptr));
        queue.push_front(elements[1]);
        queue.push_back(elements[2]);
        queue.push_front(elements[0]);
        CHECK(in(queue) == std::vector{0, 1, 2});
        CHECK(&queue.pop_front() == &elements[0]);
        CHECK(queue.try_pop() == &elements[1]);
        queue.push_back(elements[0]);
        CHECK(in(queue) == std::vector{2, 0});
        CHECK(&queue.pop_front() == &elements[2]);
        CHECK(&queue.pop_front() == &elements[0]);
    }
}

TEST_CASE("appending empties the other queue, and leaves both ready for more", "[intrusive_queue]") {
    Five elements;
    Queue queue, others;
    queue.append(std::move(others));
    CHECK(in(queue).empty());
    others.push_back(elements[0]);
    queue.append(std::move(others));
    CHECK(in(others).empty());
    others.push_back(elements[1]);
    others.push_back(elements[2]);
    queue.append(std::move(others));
    queue.append(std::move(others));
    queue.push_back(elements[3]);
    others.push_back(elements[4]);
    CHECK(in(queue) == std::vector{0, 1, 2, 3});
    CHECK(in(others) == std::vector{4});
}

TEST_CASE("a queue that is moved from is empty", "[intrusive_queue]") {
    Five elements;
    Queue queue;
    queue.push_back(elements[0]);
    queue.push_back(elements[1]);
    Queue other(std::move(queue));
    CHECK((in(queue).empty() && in(other) == std::vector{0, 1}));
    queue = std::move(other);
    queue.push_back(elements[2]);
    other.push_back(elements[3]);
    CHECK((in(queue) == std::vector{0, 1, 2} && in(other) == std::vector{3}));
}

TEST_CASE("what meets a condition goes to the end of another queue, and the rest stays in order", "[intrusive_queue]") {
    Five elements;
    Queue queue, even;
    for (std::size_t i = 1; i < elements.size(); ++i) queue.push_back(elements[i]);
    even.push_back(elements[0]);
    queue.move_if([](const Element& element) { return element.number % 2 == 0; }, even);
    CHECK(in(queue) == std::vector{1, 3});
    CHECK(in(even) == std::vector{0, 2, 4});
    queue.move_if([](const Element&) { return true; }, even);
    CHECK((in(queue).empty() && even.size() == 5));
}

TEST_CASE("an element may be in a queue of each of its links", "[intrusive_queue]") {
    Five elements;
    Queue queue;
    IntrusiveQueue<Element, MemberLink<&Element::next_of_others>> other;
    for (Element& element : elements) {
        queue.push_back(element);
        other.push_front(element);
    }
    CHECK(in(queue) == std::vector{0, 1, 2, 3, 4});
    CHECK(other.first() == &elements[4]);
    CHECK(other.size() == 5);
}

}  // namespace
