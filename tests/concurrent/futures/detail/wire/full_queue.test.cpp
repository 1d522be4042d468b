// SPDX-License-Identifier: MIT
//
// Tasks that run in the thread that submits them. How that thread waits for room is tested with the engines:
// submission_room.test.cpp and mpi_room.test.cpp.
#include <concurrent/futures/detail/wire/full_queue.hpp>

#include <catch2/catch_test_macros.hpp>
#include <concurrent/futures/detail/wire/remote_call.hpp>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "concurrent/futures/detail/processes/recorded_task.hpp"

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;
using Kind = Observation::Kind;

int calls = 0;
int twice(int n) { return 2 * n; }
int fail_until(int call) {
    if (++calls < call) throw std::runtime_error("not yet");
    return calls;
}

/// What the pool is told while a task runs.
struct Told {
    std::vector<Kind> kinds;
    int completed = 0, failed = 0;

    void run(recorded::Task& task) {
        run_in_caller(
            task, [this](Kind kind) { kinds.push_back(kind); },
            [&](bool has_failed) {
                CHECK(task.end.empty());  // the statistics are right when the future ends
                ++(has_failed ? failed : completed);
            });
    }
};

TEST_CASE("a task that its submitter runs ends as it would in a worker, through its bytes", "[full_queue]") {
    Told told;
    recorded::Task task(encode_call(twice, 21));
    told.run(task);
    CHECK((task.end == "result" && task.value == 42 && task.references == 0));
    CHECK(task.stage == RemoteTask::Stage::ended);
    CHECK((told.completed == 1 && told.failed == 0));
    CHECK(told.kinds == std::vector{Kind::started, Kind::completed});
}

TEST_CASE("a submitter runs a task again as long as it has retries", "[full_queue]") {
    for (const bool enough : {true, false}) {
        Told told;
        calls = 0;
        recorded::Task task(encode_call(fail_until, 3));
        task.limits.retries = enough ? 2 : 1;
        told.run(task);
        CHECK(calls == (enough ? 3 : 2));
        CHECK(task.end == (enough ? "result" : "exception"));
        CHECK(task.error == (enough ? "" : "not yet"));
        CHECK((told.failed == (enough ? 0 : 1) && told.completed == (enough ? 1 : 0)));
        CHECK(task.references == 0);
        CHECK(told.kinds == (enough ? std::vector{Kind::started, Kind::retried, Kind::started, Kind::retried,
                                                  Kind::started, Kind::completed}
                                    : std::vector{Kind::started, Kind::retried, Kind::started, Kind::failed}));
    }
}

TEST_CASE("bytes that are no task fail it in its submitter", "[full_queue]") {
    Told told;
    recorded::Task task(ByteBuffer{});
    told.run(task);
    CHECK((task.end == "exception" && task.references == 0 && told.failed == 1));
}

TEST_CASE("a queue that is full of cancelled tasks has room once they are collected", "[full_queue]") {
    struct Pool {
        struct Queue {
            void collect() { has_cancelled = false; }
            std::size_t waiting() const { return 1; }

            bool has_cancelled = true;
        };
        bool is_full() const { return queue.has_cancelled; }
        static bool is_closed() { return false; }
        static bool is_broken() { return false; }
        static void throw_if_closed() {}

        Queue queue;
    };
    std::mutex mutex;
    std::condition_variable changed;
    std::unique_lock lock(mutex);
    Pool pool;
    const FullQueueRule rule{.executor = "a pool", .on_full = cf::QueueFull::raise, .on_engine_thread = false, .caller_may_run = true};
    CHECK(wait_for_room(lock, changed, pool, rule));
    CHECK_FALSE(pool.queue.has_cancelled);
}

}  // namespace
