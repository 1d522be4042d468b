// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/task_lists.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <vector>

namespace {

using namespace concurrent::futures::detail;

class SomeTask final : public RemoteTask {
  public:
    SomeTask() : RemoteTask(ByteBuffer()) {}
    void succeed(concurrent::futures::Decoder&) noexcept override {}
    bool try_succeed_untold(concurrent::futures::Decoder&) noexcept override { return true; }
    void finish_stored() noexcept override {}
    void fail(std::exception_ptr) noexcept override {}
    void end_cancelled() noexcept override {}
    void retain() noexcept override {}
    void release() noexcept override {}
};

std::vector<const RemoteTask*> in(const RemoteTaskQueue& queue) {
    std::vector<const RemoteTask*> tasks;
    queue.for_each([&](const RemoteTask& task) { tasks.push_back(&task); });
    CHECK(tasks.size() == queue.size());
    CHECK(tasks.empty() == queue.empty());
    return tasks;
}

TEST_CASE("a queue of calls takes at both ends and gives at the front", "[task_lists]") {
    std::array<SomeTask, 3> tasks;
    RemoteTaskQueue queue;
    for (int round = 0; round < 2; ++round) {
        CHECK(in(queue).empty());
        queue.push_front(tasks[1]);
        queue.push_back(tasks[2]);
        queue.push_front(tasks[0]);
        CHECK(in(queue) == std::vector<const RemoteTask*>{&tasks[0], &tasks[1], &tasks[2]});
        CHECK(&queue.pop_front() == &tasks[0]);
        CHECK(&queue.pop_front() == &tasks[1]);
        queue.push_back(tasks[0]);
        CHECK(&queue.pop_front() == &tasks[2]);
        CHECK(&queue.pop_front() == &tasks[0]);
    }
}

TEST_CASE("a call that is to be told twice is in the list once", "[task_lists]") {
    std::array<SomeTask, 2> tasks;
    EndingList endings;
    endings.release(tasks[0]);
    endings.add(tasks[1], Ending::Kind::cancelled);
    endings.add(tasks[0], Ending::Kind::failure);
    CHECK(&endings.pop_front() == &tasks[0]);
    const Ending first = std::exchange(tasks[0].ending, {});
    CHECK(first.kind == Ending::Kind::failure);
    CHECK(first.references == 2);
    endings.release(tasks[0]);  // again, after it was taken out
    CHECK(&endings.pop_front() == &tasks[1]);
    CHECK(tasks[1].ending.references == 1);
    CHECK(&endings.pop_front() == &tasks[0]);
    CHECK(tasks[0].ending.kind == Ending::Kind::none);
    CHECK(endings.empty());
}

}  // namespace
