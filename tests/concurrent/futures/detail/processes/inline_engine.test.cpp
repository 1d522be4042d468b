// SPDX-License-Identifier: MIT
//
// The engine of CONCURRENT_FUTURES_INLINE: tasks run inside submit(). There are no workers.
#include <concurrent/futures/detail/processes/inline_engine.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <concurrent/futures/detail/processes/process_call.hpp>
#include <concurrent/futures/detail/wire/remote_call.hpp>
#include <concurrent/futures/future.hpp>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/processes/recorded_task.hpp"
#include "support/forked.hpp"
#include "support/named_events.hpp"

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;

int initialized = 0;
void initialize(int value) { initialized = value; }
int twice(int n) { return 2 * n; }
void fail(std::string why) { throw std::runtime_error(why); }
void fail_oddly() { throw 1; }

TEST_CASE("a task of an inline engine has ended when submit() returns", "[inline_engine]") {
    InlineEngine engine({.max_workers = 2});
    recorded::Task good(encode_call(twice, 21));
    engine.submit(good, cf::Priority::low);
    CHECK((good.end == "result" && good.value == 42 && good.references == 0));
    recorded::Task bad(encode_call(fail, std::string("as told")));
    engine.submit(bad, cf::Priority::high);
    CHECK((bad.end == "exception" && bad.error == "as told" && bad.references == 0));
    const auto counts = engine.counts();
    CHECK((counts.completed == 1 && counts.failed == 1 && counts.workers == 0 && counts.pending == 0));
    CHECK(engine.worker_pids().empty());
}

TEST_CASE("an inline engine needs no thread to be idle, to be joined, or to have all its workers", "[inline_engine]") {
    const auto engine = std::make_shared<InlineEngine>(ProcessSettings{.max_workers = 2});
    engine->start(engine);
    CHECK(engine.use_count() == 1);
    CHECK(engine->wait_idle(Deadline::never()));
    engine->start_workers();
    engine->pause();
    recorded::Task task(encode_call(twice, 1));
    engine->submit(task, cf::Priority::normal);
    CHECK(task.value == 2);
    engine->resume();
    CHECK(engine->join(Deadline::never()));
}

TEST_CASE("nothing of an inline engine waits: it has nothing to cancel, to take back or to stop", "[inline_engine]") {
    InlineEngine engine({.max_workers = 1});
    recorded::Task task(encode_call(twice, 1));
    engine.submit(task, cf::Priority::normal);
    engine.cancel_pending();
    CHECK(!engine.revoke(task));
    CHECK(!engine.is_revoked(task));
    CHECK(engine.request_stop(task));
    CHECK(engine.is_running(task));  // asked of a task that has not ended: then it runs
    CHECK((task.end == "result" && task.value == 2));
    engine.detach();
}

TEST_CASE("a closed inline engine refuses tasks, which stay the caller's", "[inline_engine]") {
    for (const bool ended : {false, true}) {
        InlineEngine engine({.max_workers = 1});
        ended ? engine.end_workers(SIGKILL) : engine.begin_shutdown(false);
        recorded::Task task(encode_call(twice, 1));
        CHECK_THROWS_AS(engine.submit(task, cf::Priority::normal), cf::ShutdownError);
        CHECK((task.end.empty() && task.references == 1));
        CHECK_THROWS_AS(engine.pause(), cf::ShutdownError);
        CHECK_THROWS_AS(engine.start_workers(), cf::ShutdownError);
        CHECK(!engine.is_broken());
    }
}

TEST_CASE("a forked child cannot use the inline engine of its parent", "[inline_engine]") {
    InlineEngine engine({.max_workers = 1});
    recorded::Task task(encode_call(twice, 1));
    const auto throws = [](const auto& call) {
        return support::run_forked([&] {
                   try {
                       call();
                   } catch (const cf::BrokenProcessPool&) {
                       return 0;
                   }
                   return 1;
               }).exit_code() == 0;
    };
    CHECK(throws([&] { engine.submit(task, cf::Priority::normal); }));
    CHECK(throws([&] { engine.wait_idle(Deadline::never()); }));
    engine.submit(task, cf::Priority::normal);
    CHECK(task.value == 2);
}

TEST_CASE("an observer of an inline engine is told of each task, and of those that are refused", "[inline_engine]") {
    struct Log final : support::NamedEvents {
        void told(std::string_view what, const cf::CallEvent&) override { words.emplace_back(what); }
        void told(std::string_view, const cf::WorkerEvent&, std::string_view) override {}
        std::vector<std::string> words;
    };
    const auto log = std::make_shared<Log>();
    InlineEngine engine({.max_workers = 1, .observer = log});
    recorded::Task good(encode_call(twice, 21)), bad(encode_call(fail, std::string("as told"))), late(encode_call(twice, 1));
    engine.submit(good, cf::Priority::normal);
    engine.submit(bad, cf::Priority::normal);
    engine.begin_shutdown(false);
    CHECK_THROWS_AS(engine.submit(late, cf::Priority::normal), cf::ShutdownError);
    CHECK(log->words == std::vector<std::string>{"submitted", "started", "completed", "submitted", "started", "failed", "submitted",
                                                 "cancelled"});
}

TEST_CASE("the initializer of an inline engine runs once, where the engine is made", "[inline_engine]") {
    InlineEngine engine({.initializer = encode_call(initialize, 42)});
    CHECK(std::exchange(initialized, 0) == 42);
    recorded::Task task(encode_call(twice, 1));
    engine.submit(task, cf::Priority::normal);
    CHECK(initialized == 0);
}

TEST_CASE("an inline engine whose initializer throws is broken and says why", "[inline_engine]") {
    const auto why = [](ByteBuffer initializer) {
        InlineEngine engine({.initializer = std::move(initializer)});
        CHECK(engine.is_broken());
        recorded::Task task(encode_call(twice, 1));
        try {
            engine.submit(task, cf::Priority::normal);
        } catch (const cf::BrokenProcessPool& error) {
            CHECK(task.references == 1);
            return std::string(error.what());
        }
        return std::string("it took the task");
    };
    CHECK(why(encode_call(fail, std::string("no licence"))) ==
          "ProcessPoolExecutor: the initializer threw: no licence");
    CHECK(why(encode_call(fail_oddly)) ==
          "ProcessPoolExecutor: the initializer threw something that is no std::exception");
}

TEST_CASE("a result of an inline engine that cannot be read counts as a failure", "[inline_engine]") {
    const auto engine = std::make_shared<InlineEngine>(ProcessSettings{});
    auto& call = *BlockWithBytes<ProcessCall<std::string>>::make(encode_call(twice, 4), engine, nullptr);
    const auto future = FutureAccess::adopt<std::string>(&call);
    engine->submit(call, cf::Priority::normal);
    REQUIRE(future.done());
    CHECK_THROWS_AS(future.result(), cf::SerializationError);
    const auto counts = engine->counts();
    CHECK((counts.completed == 0 && counts.failed == 1));
    CHECK(!future.cancel());
    future.request_stop();  // has nothing to do
}

}  // namespace
