// SPDX-License-Identifier: MIT
//
// One record for each event; whole traces: trace.test.cpp.
#include <concurrent/futures/detail/trace/trace_observer.hpp>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "support/process_log.hpp"

namespace {

namespace cf = concurrent::futures;
using cf::detail::TraceObserver;
using Clock = std::chrono::steady_clock;

/// The trace of what `tell(observer)` tells.
template <class Tell>
std::string trace_of(Tell tell) {
    const support::ProcessLog file;
    {
        TraceObserver observer(file.path());
        tell(observer);
        observer.finish();
    }
    std::ifstream stream(file.path());
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const cf::ObservedPool threads{.id = 1, .kind = "threads", .name = "pool", .max_workers = 2};
const cf::ObservedPool ranks{.id = 2, .kind = "ranks", .name = "ranks", .max_workers = 2};

cf::CallEvent event(const cf::ObservedPool& pool, const char* name, int pid = 0, std::size_t worker = 0) {
    return {pool, 0x2a, name, Clock::now(), pid, 3, worker};
}

TEST_CASE("a task is a slice with its name, or task, with arrows from its submission and to its callbacks",
          "[trace_observer]") {
    const std::string text = trace_of([](TraceObserver& observer) {
        observer.submitted(event(threads, ""));
        observer.started(event(threads, ""));
        observer.finished(event(threads, ""), cf::CallOutcome::failed);
        observer.started(event(threads, "render"));
        observer.finished(event(threads, "render"), cf::CallOutcome::completed);
        observer.callback_started(event(threads, ""));
        observer.callback_finished(event(threads, ""));
    });
    CHECK(has(text, "\"dur\":0,\"bind_id\":\"0x2a\",\"flow_out\":true,\"name\":\"submit\"}"));
    CHECK(has(text, "\"bind_id\":\"0x2a\",\"flow_in\":true,\"flow_out\":true,\"name\":\"task\"}"));
    CHECK(has(text, "\"flow_out\":true,\"name\":\"render\"}"));
    CHECK(has(text, "\"args\":{\"end\":\"failed\"}}"));
    CHECK(has(text, "\"flow_in\":true,\"name\":\"callback\"}"));
    CHECK(has(text, "\"name\":\"pool\",\"args\":{\"waiting\":3}}"));
}

TEST_CASE("a task of a worker process is in the row of that process, one of a rank in the group of ranks",
          "[trace_observer]") {
    const std::string text = trace_of([](TraceObserver& observer) {
        observer.started(event(threads, "here", 4711));
        observer.started(event(ranks, "there", 4711, 5));
    });
    CHECK(has(text, "\"ph\":\"B\",\"pid\":4711,\"tid\":4711,"));
    CHECK(has(text, "\"ph\":\"B\",\"pid\":1000000000,\"tid\":6,"));
    const std::string end = trace_of([](TraceObserver& observer) {
        observer.worker_ended({ranks, 7, "rank 7", Clock::now(), 4711});
    });
    CHECK(has(end, "\"pid\":1000000000,\"tid\":8,"));
}

TEST_CASE("retries, timeouts, deaths and items of a map are shown", "[trace_observer]") {
    const std::string text = trace_of([](TraceObserver& observer) {
        observer.retried(event(threads, "again"));
        observer.timed_out(event(threads, "slow"));
        observer.cancelled(event(threads, ""));
        observer.ran_items(event(threads, "map"), 12, Clock::now() - std::chrono::milliseconds(1));
        observer.worker_died({threads, 1, "worker 1", Clock::now(), 4711}, "was killed by signal 9 (SIGKILL)");
    });
    CHECK(has(text, "\"args\":{\"end\":\"failed, to be retried\"}}"));
    CHECK(has(text, "\"name\":\"retry\",\"args\":{\"about\":\"again\"}}"));
    CHECK(has(text, "\"name\":\"timeout\",\"args\":{\"about\":\"slow\"}}"));
    CHECK(has(text, "\"flow_in\":true,\"name\":\"cancelled\"}"));
    CHECK(has(text, "\"name\":\"items\",\"args\":{\"items\":12}}"));
    int with_duration = 0;  // the one that was cancelled and the items
    for (auto place = text.find("\"ph\":\"X\""); place != text.npos; place = text.find("\"ph\":\"X\"", place + 1)) ++with_duration;
    CHECK(with_duration == 2);
    CHECK(has(text, "\"name\":\"worker died\",\"args\":{\"about\":\"was killed by signal 9 (SIGKILL)\"}}"));
}

TEST_CASE("a worker process gets a name for its row", "[trace_observer]") {
    const std::string text = trace_of([](TraceObserver& observer) {
        observer.worker_started({threads, 1, "worker 1", Clock::now(), 4711});
        observer.worker_ended({threads, 1, "worker 1", Clock::now(), 4711});
    });
    CHECK(has(text, "\"name\":\"process_name\",\"args\":{\"name\":\"worker 1\"}}"));
    CHECK(has(text, "\"name\":\"worker started\"}"));
    CHECK(has(text, "\"name\":\"worker ended\"}"));
}

}  // namespace
