// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/task/inbox.hpp>

#include <catch2/catch_test_macros.hpp>
#include <atomic>
#include <cstddef>
#include <deque>
#include <thread>
#include <vector>

namespace {

using namespace concurrent::futures;
using namespace concurrent::futures::detail;

struct Numbered final : Task {
    TaskEnd run() noexcept override { return TaskEnd::completed; }
    TaskEnd abandon(const std::exception_ptr&) noexcept override { return TaskEnd::cancelled; }
    Standing standing() const noexcept override { return now; }
    Standing now = Standing::waiting;
    std::size_t producer = 0, number = 0;
};

TEST_CASE("tasks leave the inbox by priority, then in the order they came", "[inbox]") {
    Numbered low, normal, other, high, late;
    Inbox inbox;
    CHECK(inbox.looks_empty());
    CHECK(inbox.empty());
    CHECK(inbox.try_take() == nullptr);
    CHECK(inbox.push(low, Priority::low));
    CHECK(inbox.looks_empty(Priority::normal));
    CHECK_FALSE(inbox.looks_empty());
    CHECK(inbox.push(normal, Priority::normal));
    CHECK(inbox.push(other, Priority::normal));
    CHECK(inbox.try_take(Priority::high) == nullptr);
    CHECK(inbox.try_take() == &normal);
    CHECK(inbox.push(high, Priority::high));  // overtakes what was fetched before
    CHECK(inbox.push(late, Priority::normal));
    CHECK(inbox.size() == 4);
    CHECK_FALSE(inbox.looks_empty(Priority::high));
    CHECK(inbox.try_take(Priority::high) == &high);
    CHECK(inbox.looks_empty(Priority::high));
    CHECK(inbox.try_take(Priority::normal) == &other);
    CHECK(inbox.try_take(Priority::normal) == &late);
    CHECK(inbox.try_take(Priority::normal) == nullptr);
    CHECK(inbox.try_take() == &low);
    CHECK(inbox.looks_empty());
    CHECK(inbox.empty());
}

TEST_CASE("a closed inbox takes no more, and gives out what it has", "[inbox]") {
    Numbered before, after, left_behind;
    Inbox inbox;
    CHECK(inbox.push(before, Priority::normal));
    inbox.close();
    CHECK_FALSE(inbox.push(after, Priority::high));
    inbox.push_back(left_behind);
    CHECK(inbox.size() == 2);
    CHECK(inbox.pushed() == 1);
    PriorityQueue all = inbox.take_all();
    CHECK(inbox.empty());
    CHECK(inbox.looks_empty());
    CHECK(all.try_pop() == &before);
    CHECK(all.try_pop() == &left_behind);
    CHECK(all.empty());
}

TEST_CASE("single tasks, and those with nothing left to run, can be taken out", "[inbox]") {
    Numbered a, b, c, d;
    b.now = Task::Standing::cancelled;
    Inbox inbox;
    CHECK(inbox.push(a, Priority::normal));
    CHECK(inbox.push(b, Priority::normal));
    CHECK(inbox.try_take() == &a);  // b is on the workers' side now
    CHECK(inbox.push(c, Priority::normal));
    CHECK(inbox.push(d, Priority::low));
    PriorityQueue spent = inbox.take_spent();
    CHECK(spent.try_pop() == &b);
    CHECK(spent.empty());
    CHECK(inbox.remove(c, Priority::normal));
    CHECK_FALSE(inbox.remove(c, Priority::normal));
    CHECK(inbox.try_take() == &d);
    CHECK(inbox.looks_empty());
}

TEST_CASE("an inbox that is held gives nothing, and counts what comes", "[inbox]") {
    std::deque<Numbered> tasks(4);
    Inbox inbox;
    CHECK(inbox.push(tasks[0], Priority::normal));
    inbox.hold(true);
    TaskQueue more;
    for (std::size_t n = 1; n < 4; ++n) more.push_back(tasks[n]);
    CHECK(inbox.push_all(more, Priority::normal));
    CHECK(inbox.pushed() == 4);
    CHECK(inbox.size() == 4);
    CHECK(inbox.try_take() == nullptr);
    CHECK_FALSE(inbox.empty());
    inbox.hold(false);
    for (Numbered& task : tasks) CHECK(inbox.try_take() == &task);
    CHECK(inbox.looks_empty());
}

TEST_CASE("an inbox from which all was taken looks empty", "[inbox]") {
    Numbered one, another;
    Inbox inbox;
    CHECK(inbox.push(one, Priority::high));
    PriorityQueue all = inbox.take_all();
    CHECK(inbox.looks_empty());
    CHECK(inbox.push(another, Priority::low));
    another.now = Task::Standing::cancelled;
    PriorityQueue spent = inbox.take_spent();
    CHECK(inbox.looks_empty());
    for (PriorityQueue* const each : {&all, &spent}) {
        CHECK(each->size() == 1);
        while (each->highest() >= 0) each->try_pop_of(each->highest());
    }
}

TEST_CASE("with many on both sides each task is taken once, and each producer's in order", "[inbox]") {
    constexpr std::size_t producers = 3, consumers = 2, each = 5'000;
    std::deque<Numbered> tasks(producers * each);
    Inbox inbox;
    std::vector<std::vector<Numbered*>> taken(consumers);
    std::atomic<std::size_t> left{tasks.size()};
    std::vector<std::thread> threads;
    for (std::size_t p = 0; p < producers; ++p)
        threads.emplace_back([&, p] {
            for (std::size_t n = 0; n < each; ++n) {
                Numbered& task = tasks[p * each + n];
                task.producer = p;
                task.number = n;
                static_cast<void>(inbox.push(task, Priority::normal));
            }
        });
    for (std::size_t c = 0; c < consumers; ++c)
        threads.emplace_back([&, c] {
            while (left != 0) {
                if (Task* const task = inbox.try_take()) {
                    --left;
                    taken[c].push_back(static_cast<Numbered*>(task));
                } else {
                    std::this_thread::yield();
                }
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(inbox.empty());
    std::vector<int> times(tasks.size());
    for (const auto& mine : taken) {
        std::vector<std::size_t> next(producers);
        for (const Numbered* const task : mine) {
            ++times[task->producer * each + task->number];
            REQUIRE(task->number >= next[task->producer]);
            next[task->producer] = task->number + 1;
        }
    }
    CHECK(times == std::vector<int>(tasks.size(), 1));
}

TEST_CASE("an inbox does not count the tasks that were taken out again", "[inbox]") {
    Numbered task, other, elsewhere;
    Inbox inbox;
    CHECK(inbox.push(task, Priority::normal));
    CHECK(inbox.push(other, Priority::normal));
    CHECK_FALSE(inbox.remove(elsewhere, Priority::normal));
    CHECK(inbox.pushed() == 2);
    CHECK(inbox.remove(task, Priority::normal));
    CHECK(inbox.pushed() == 1);
    CHECK(inbox.try_take() == &other);
    CHECK(inbox.pushed() == 1);
}

}  // namespace
