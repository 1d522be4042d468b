// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/task/task.hpp>

#include <catch2/catch_test_macros.hpp>
#include <array>
#include <utility>
#include <vector>

namespace {

using namespace concurrent::futures::detail;

class Numbered final : public Task {
  public:
    explicit Numbered(int n) : number(n) {}
    TaskEnd run() noexcept override { return TaskEnd::completed; }
    TaskEnd abandon(const std::exception_ptr&) noexcept override { return TaskEnd::cancelled; }
    Standing standing() const noexcept override { return now; }
    const int number;
    Standing now = Standing::waiting;
};

int number_of(const Task* task) { return static_cast<const Numbered*>(task)->number; }

std::vector<int> drained(TaskQueue& queue) {
    std::vector<int> numbers;
    while (const Task* const task = queue.try_pop()) numbers.push_back(number_of(task));
    return numbers;
}

TEST_CASE("a new queue is empty", "[task]") {
    TaskQueue queue;
    CHECK(queue.empty());
    CHECK(queue.size() == 0);
    CHECK(queue.try_pop() == nullptr);
}

TEST_CASE("first in, first out", "[task]") {
    Numbered a(1), b(2), c(3);
    TaskQueue queue;
    queue.push_back(a);
    queue.push_back(b);
    CHECK(queue.size() == 2);
    CHECK(queue.try_pop() == &a);
    queue.push_back(c);
    CHECK(drained(queue) == std::vector<int>{2, 3});
    CHECK(queue.empty());
    queue.push_back(a);
    CHECK(drained(queue) == std::vector<int>{1});
}

TEST_CASE("one task can be taken back, the others keep their order", "[task]") {
    Numbered a(1), b(2), c(3);
    TaskQueue queue;
    queue.push_back(a);
    CHECK(queue.remove(a));
    CHECK(queue.empty());
    CHECK_FALSE(queue.remove(a));
    queue.push_back(a);
    queue.push_back(b);
    CHECK_FALSE(queue.remove(c));
    queue.push_back(c);
    CHECK(queue.remove(b));
    CHECK(queue.size() == 2);
    queue.push_back(b);
    CHECK(drained(queue) == std::vector<int>{1, 3, 2});
}

TEST_CASE("a queue takes over another one behind its own tasks", "[task]") {
    Numbered a(1), b(2), c(3), d(4);
    TaskQueue queue, more, none;
    more.push_back(a);
    queue.append(std::move(more));
    queue.append(std::move(none));
    CHECK(queue.size() == 1);
    TaskQueue others;
    others.push_back(b);
    others.push_back(c);
    queue.append(std::move(others));
    CHECK(others.empty());  // NOLINT: moved from on purpose
    queue.push_back(d);
    CHECK(queue.size() == 4);
    CHECK(drained(queue) == std::vector<int>{1, 2, 3, 4});
}

TEST_CASE("a moved queue takes everything along", "[task]") {
    Numbered a(1), b(2);
    TaskQueue queue;
    queue.push_back(a);
    queue.push_back(b);
    TaskQueue other(std::move(queue));
    CHECK(queue.empty());  // NOLINT: moved from on purpose
    CHECK(queue.try_pop() == nullptr);
    CHECK(other.size() == 2);
    CHECK(drained(other) == std::vector<int>{1, 2});
}

TEST_CASE("what has nothing left to run can be taken out", "[task]") {
    Numbered a(1), b(2), c(3), d(4);
    b.now = Task::Standing::cancelled;
    d.now = Task::Standing::claimed;
    TaskQueue queue;
    CHECK(queue.take_spent().empty());
    for (Numbered* const each : {&a, &b, &c, &d}) queue.push_back(*each);
    TaskQueue spent = queue.take_spent();
    CHECK(spent.size() == 2);
    CHECK(queue.size() == 2);
    CHECK(drained(spent) == std::vector<int>{2, 4});
    CHECK(drained(queue) == std::vector<int>{1, 3});
}

}  // namespace
