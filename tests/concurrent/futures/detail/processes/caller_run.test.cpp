// SPDX-License-Identifier: MIT
//
// Tasks that run in the thread that submits them. There are no workers.
#include <concurrent/futures/detail/processes/caller_run.hpp>

#include <catch2/catch_test_macros.hpp>
#include <concurrent/futures/detail/wire/remote_call.hpp>
#include <stdexcept>
#include <string>

#include "concurrent/futures/detail/processes/pool_parts.hpp"

namespace {

using namespace concurrent::futures::detail;

int calls = 0;
int twice(int n) { return 2 * n; }
int fail_until(int call) {
    if (++calls < call) throw std::runtime_error("not yet");
    return calls;
}
void fail(std::string why) { throw std::runtime_error(why); }
void fail_oddly() { throw 1; }

TEST_CASE("a task that its submitter runs ends as it would in a worker, through its bytes", "[caller_run]") {
    parts::Pool pool;
    CallerRun runs(pool.tables);
    recorded::Task task(encode_call(twice, 21));
    runs.run(task);
    CHECK((task.end == "result" && task.value == 42 && task.references == 0));
    CHECK((task.stage == RemoteTask::Stage::ended && pool.tables.completions.counts().completed == 1));
}

TEST_CASE("a submitter runs a task again as long as it has retries", "[caller_run]") {
    for (const bool enough : {true, false}) {
        parts::Pool pool;
        CallerRun runs(pool.tables);
        calls = 0;
        recorded::Task task(encode_call(fail_until, 3));
        task.limits.retries = enough ? 2 : 1;
        runs.run(task);
        CHECK(calls == (enough ? 3 : 2));
        CHECK(task.end == (enough ? "result" : "exception"));
        CHECK(task.error == (enough ? "" : "not yet"));
        CHECK(pool.tables.completions.counts().failed == (enough ? 0 : 1));
        CHECK(task.references == 0);
    }
}

TEST_CASE("bytes that are no task fail it", "[caller_run]") {
    parts::Pool pool;
    CallerRun runs(pool.tables);
    recorded::Task task(parts::encoded(1));
    runs.run(task);
    CHECK((task.end == "exception" && task.references == 0));
}

TEST_CASE("an initializer that throws says why the pool cannot run its tasks", "[caller_run]") {
    ProcessSettings settings;
    CHECK(CallerRun::initialize(settings).empty());
    settings.initializer = encode_call(twice, 1);
    CHECK(CallerRun::initialize(settings).empty());
    settings.initializer = encode_call(fail, std::string("no licence"));
    CHECK(CallerRun::initialize(settings) == "ProcessPoolExecutor: the initializer threw: no licence");
    settings.initializer = encode_call(fail_oddly);
    CHECK(CallerRun::initialize(settings) ==
          "ProcessPoolExecutor: the initializer threw something that is no std::exception");
}

}  // namespace
