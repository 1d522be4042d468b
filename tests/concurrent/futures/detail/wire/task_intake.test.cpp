// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/wire/task_intake.hpp>

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <thread>
#include <vector>

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::Priority;

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

TEST_CASE("calls leave the intake in the order in which they came, by priority, behind those that are there",
          "[task_intake]") {
    std::array<SomeTask, 6> tasks;
    TaskIntake intake;
    RemoteTaskQueues queues;
    intake.move_to(queues);
    CHECK_FALSE(intake.has_tasks());
    for (std::size_t n : {0U, 1U}) REQUIRE(intake.push(tasks[n], Priority::normal));
    CHECK(intake.has_tasks());
    CHECK(intake.may_have_tasks());
    intake.move_to(queues);
    CHECK_FALSE(intake.has_tasks());
    CHECK_FALSE(intake.may_have_tasks());
    REQUIRE(intake.push(tasks[2], Priority::normal));
    REQUIRE(intake.push(tasks[3], Priority::high));
    REQUIRE(intake.push(tasks[4], Priority::low));
    REQUIRE(intake.push(tasks[5], Priority::normal));
    intake.move_to(queues);
    auto& normal = queues[static_cast<std::size_t>(Priority::normal)];
    CHECK(normal.size() == 4);
    for (std::size_t n : {0U, 1U, 2U, 5U}) CHECK(&normal.pop_front() == &tasks[n]);
    CHECK(normal.empty());
    CHECK(&queues[static_cast<std::size_t>(Priority::high)].pop_front() == &tasks[3]);
    CHECK(&queues[static_cast<std::size_t>(Priority::low)].pop_front() == &tasks[4]);
    for (std::size_t n = 0; n < tasks.size(); ++n) {
        CHECK(tasks[n].number == n + 1);
        CHECK(tasks[n].stage == RemoteTask::Stage::queued);
    }
}

TEST_CASE("an intake that is closed takes nothing and keeps what it has", "[task_intake]") {
    std::array<SomeTask, 2> tasks;
    TaskIntake intake;
    REQUIRE(intake.push(tasks[0], Priority::normal));
    intake.close();
    CHECK_FALSE(intake.push(tasks[1], Priority::normal));
    CHECK(tasks[1].stage == RemoteTask::Stage::fresh);
    RemoteTaskQueues queues;
    intake.move_to(queues);
    CHECK(queues[static_cast<std::size_t>(Priority::normal)].size() == 1);
}

TEST_CASE("calls of several threads come out once each, those of one thread in order", "[task_intake]") {
    constexpr std::size_t threads = 4;
    constexpr std::size_t each = 5000;
    const auto tasks = std::make_unique<std::array<std::array<SomeTask, each>, threads>>();
    TaskIntake intake;
    std::vector<std::thread> submitters;
    for (std::size_t n = 0; n < threads; ++n)
        submitters.emplace_back([&, n] {
            for (SomeTask& task : (*tasks)[n]) intake.push(task, Priority::normal);
        });
    std::array<std::size_t, threads> next{};
    RemoteTaskQueues queues;
    auto& queue = queues[static_cast<std::size_t>(Priority::normal)];
    std::size_t wrong = 0;
    for (std::size_t count = 0; count < threads * each; std::this_thread::yield()) {
        intake.move_to(queues);
        for (; !queue.empty(); ++count) {
            const RemoteTask& task = queue.pop_front();
            bool found = false;
            for (std::size_t n = 0; n < threads; ++n)
                if (next[n] < each && &(*tasks)[n][next[n]] == &task) {
                    ++next[n];
                    found = true;
                }
            wrong += !found;
        }
    }
    for (std::thread& submitter : submitters) submitter.join();
    CHECK(wrong == 0);
    CHECK_FALSE(intake.has_tasks());
}

}  // namespace
