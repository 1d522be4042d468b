// SPDX-License-Identifier: MIT
//
// What a process pool tells its observer, and when. The worker is no process.
#include <concurrent/futures/detail/processes/task_observer.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <memory>
#include <string>

#include "concurrent/futures/detail/processes/pool_parts.hpp"

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;
using Kind = Observation::Kind;

struct Log final : cf::Observer {
    void submitted(const cf::CallEvent& call) override { note("submitted", call); }
    void finished(const cf::CallEvent& call, cf::CallOutcome outcome) override {
        note(outcome == cf::CallOutcome::failed ? "failed" : "finished", call);
    }
    void cancelled(const cf::CallEvent& call) override { note("cancelled", call); }
    void note(const char* what, const cf::CallEvent& call) {
        text += std::string(what) + ' ' + std::to_string(call.waiting) + ';';
    }
    std::string text;  // each event, and how many tasks waited then
};

TEST_CASE("without an observer nothing is noted", "[task_observer]") {
    TaskObserver observer(nullptr, 1, {});
    CHECK(!observer);
    recorded::Task task;
    observer.note(Kind::started, task, 0, 1);
    observer.note_end(Kind::failed, task);
    observer.tell_cancelled(task);
    CHECK(!observer.has_notes());
    CHECK(observer.take().empty());
}

TEST_CASE("a submission is told at once, an end when the notes are taken", "[task_observer]") {
    const auto log = std::make_shared<Log>();
    TaskObserver observer(log, 1, {});
    recorded::Task first, second;
    observer.tell_submitted(first);
    observer.tell_submitted(second);
    CHECK(log->text == "submitted 1;submitted 2;");
    first.shown.pid = 7;  // a worker has started it
    observer.note_end(Kind::failed, first);
    CHECK(log->text == "submitted 1;submitted 2;");
    CHECK(observer.has_notes());
    observer.tell(observer.take());
    CHECK(log->text == "submitted 1;submitted 2;failed 1;");
    CHECK(!observer.has_notes());
    observer.tell_cancelled(second);
    CHECK(log->text == "submitted 1;submitted 2;failed 1;cancelled 0;");
}

TEST_CASE("the end of a task that no worker has started is told as cancelled", "[task_observer]") {
    const auto log = std::make_shared<Log>();
    TaskObserver observer(log, 1, {});
    recorded::Task task;
    observer.tell_submitted(task);
    observer.note_end(Kind::failed, task);
    observer.tell(observer.take());
    CHECK(log->text == "submitted 1;cancelled 0;");
}

TEST_CASE("a task that waits again counts once among those that wait", "[task_observer]") {
    const auto log = std::make_shared<Log>();
    TaskObserver observer(log, 1, {});
    recorded::Task task, another;
    observer.tell_submitted(task);
    observer.set_waiting(task, true);
    observer.tell_submitted(another);
    CHECK(log->text == "submitted 1;submitted 2;");
}

}  // namespace
