// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/wire/submission_queue.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <vector>

#include "concurrent/futures/detail/processes/recorded_task.hpp"

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::Priority;
using Stage = RemoteTask::Stage;

struct Taken {
    std::vector<RemoteTask*> released;
    RemoteTask* next(SubmissionQueue& queue) {
        return queue.next([this](RemoteTask& task) { released.push_back(&task); });
    }
};

void cancel(SubmissionQueue& queue, RemoteTask& task) {
    task.stage = Stage::revoked;
    queue.note_cancelled();
}

TEST_CASE("tasks leave the queue by priority, then in the order of submission", "[submission_queue]") {
    SubmissionQueue queue;
    std::array<recorded::Task, 4> tasks;
    CHECK(queue.intake.push(tasks[0], Priority::low));
    CHECK(queue.intake.push(tasks[1], Priority::normal));
    CHECK(queue.intake.push(tasks[2], Priority::high));
    CHECK(queue.intake.push(tasks[3], Priority::normal));
    CHECK((queue.intake.may_have_tasks() && queue.intake.has_tasks() && queue.size() == 0));
    queue.collect();
    CHECK((!queue.intake.has_tasks() && queue.size() == 4 && queue.waiting() == 4));
    Taken taken;
    for (const std::size_t expected : {2u, 1u, 3u, 0u}) CHECK(taken.next(queue) == &tasks[expected]);
    CHECK(taken.next(queue) == nullptr);
    CHECK(taken.released.empty());
}

TEST_CASE("a task is new until the engine looks, whoever collects it", "[submission_queue]") {
    SubmissionQueue queue;
    recorded::Task task;
    queue.begin_look();
    queue.collect();
    CHECK(!queue.has_new());
    CHECK(queue.intake.push(task, Priority::normal));
    CHECK(queue.has_new());
    queue.collect();
    queue.collect();
    CHECK(queue.has_new());
    queue.begin_look();
    CHECK(!queue.has_new());
    Taken taken;
    RemoteTask* const first = taken.next(queue);
    CHECK(first == &task);
    queue.put_back(*first);
    CHECK(!queue.has_new());  // the engine has seen it
}

TEST_CASE("a task that is put back is the next one of its priority", "[submission_queue]") {
    SubmissionQueue queue;
    std::array<recorded::Task, 2> tasks;
    for (recorded::Task& task : tasks) CHECK(queue.intake.push(task, Priority::normal));
    queue.collect();
    Taken taken;
    RemoteTask* const first = taken.next(queue);
    first->stage = Stage::sent;
    queue.put_back(*first);
    CHECK(first->stage == Stage::queued);
    CHECK(taken.next(queue) == first);
}

TEST_CASE("a closed queue takes no more, and what was pushed before is there", "[submission_queue]") {
    SubmissionQueue queue;
    recorded::Task before, after;
    CHECK(queue.intake.push(before, Priority::normal));
    queue.close();
    CHECK(!queue.intake.push(after, Priority::normal));
    CHECK(after.stage == Stage::fresh);
    Taken taken;
    CHECK(taken.next(queue) == &before);
    CHECK(taken.next(queue) == nullptr);
}

TEST_CASE("a cancelled task does not wait any more, and its reference is given back when it is met", "[submission_queue]") {
    SubmissionQueue queue;
    std::array<recorded::Task, 3> tasks;
    for (recorded::Task& task : tasks) CHECK(queue.intake.push(task, Priority::normal));
    queue.collect();
    cancel(queue, tasks[0]);
    cancel(queue, tasks[2]);
    CHECK((queue.size() == 3 && queue.waiting() == 1));
    std::vector<RemoteTask*> waiting;
    queue.for_each_waiting([&](RemoteTask& task) { waiting.push_back(&task); });
    CHECK(waiting == std::vector<RemoteTask*>{&tasks[1]});
    CHECK(queue.take_cancelled().empty());  // too few to be worth it
    Taken taken;
    CHECK(taken.next(queue) == &tasks[1]);
    CHECK(taken.next(queue) == nullptr);
    CHECK(taken.released == std::vector<RemoteTask*>{&tasks[0], &tasks[2]});
    CHECK((queue.size() == 0 && queue.waiting() == 0));
}

TEST_CASE("a task that is cancelled before it was collected does not wait either", "[submission_queue]") {
    SubmissionQueue queue;
    recorded::Task cancelled, wanted;
    CHECK(queue.intake.push(cancelled, Priority::normal));
    cancel(queue, cancelled);
    CHECK((queue.size() == 1 && queue.waiting() == 0));
    CHECK(queue.intake.push(wanted, Priority::normal));
    queue.collect();
    CHECK(queue.waiting() == 1);
}

TEST_CASE("cancelled tasks leave the queue when they are half of it", "[submission_queue]") {
    SubmissionQueue queue;
    constexpr std::size_t count = 200;
    const auto tasks = std::make_unique<std::array<recorded::Task, count>>();
    for (recorded::Task& task : *tasks) CHECK(queue.intake.push(task, Priority::normal));
    queue.collect();
    std::size_t taken = 0;
    for (std::size_t i = 0; i < 99; ++i) {
        cancel(queue, (*tasks)[2 * i]);
        taken += queue.take_cancelled().size();
    }
    CHECK(taken == 0);
    cancel(queue, (*tasks)[198]);
    RemoteTaskQueue gone = queue.take_cancelled();
    CHECK(gone.size() == 100);
    CHECK(&gone.pop_front() == &tasks->front());
    CHECK((queue.size() == 100 && queue.waiting() == 100));
    Taken next;
    CHECK(next.next(queue) == &(*tasks)[1]);
}

}  // namespace
