// SPDX-License-Identifier: MIT
//
// The engine of a process pool as a whole, with tasks that no worker ever gets: its thread has not started, or has no work.
// What workers do is in process_pool_*.test.cpp.
#include <concurrent/futures/detail/processes/process_manager.hpp>

#include <signal.h>

#include <sys/wait.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <concurrent/futures/detail/processes/process_call.hpp>
#include <concurrent/futures/future.hpp>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "concurrent/futures/detail/processes/recorded_task.hpp"
#include "support/deadline.hpp"
#include "support/forked.hpp"

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;
using Stage = RemoteTask::Stage;

TEST_CASE("a task that was submitted waits until a worker gets it", "[process_manager]") {
    ProcessManager manager({.max_workers = 1});
    recorded::Task task;
    manager.submit(task, cf::Priority::normal);
    CHECK(task.stage == Stage::queued);
    const auto counts = manager.counts();
    CHECK((counts.pending == 1 && counts.running == 0 && counts.workers == 0));
    CHECK(!manager.is_running(task));
    CHECK(!manager.request_stop(task));
    CHECK(manager.worker_pids().empty());
    CHECK(!manager.on_manager_thread());
    manager.cancel_pending();
}

TEST_CASE("a waiting task is revoked by one caller only", "[process_manager]") {
    ProcessManager manager({.max_workers = 1});
    recorded::Task task;
    manager.submit(task, cf::Priority::normal);
    CHECK(manager.revoke(task));
    CHECK(!manager.revoke(task));
    CHECK(manager.is_revoked(task));
    CHECK(task.end.empty());  // for the caller to end
    CHECK((manager.counts().pending == 0 && manager.counts().cancelled == 1));
}

TEST_CASE("cancel_pending() ends what waits, and the engine takes more", "[process_manager]") {
    ProcessManager manager({.max_workers = 1});
    recorded::Task waiting, later;
    manager.submit(waiting, cf::Priority::low);
    manager.cancel_pending();
    CHECK(waiting.end == "cancelled");
    manager.submit(later, cf::Priority::low);
    CHECK((later.end.empty() && manager.counts().pending == 1));
    manager.cancel_pending();
    CHECK(manager.counts().cancelled == 2);
}

TEST_CASE("after the begin of a shutdown an engine takes no task, and keeps what waits unless it is cancelled",
          "[process_manager]") {
    for (const bool cancels : {false, true}) {
        ProcessManager manager({.max_workers = 1});
        recorded::Task waiting, late;
        manager.submit(waiting, cf::Priority::normal);
        manager.begin_shutdown(cancels);
        CHECK(waiting.end == (cancels ? "cancelled" : ""));
        CHECK_THROWS_AS(manager.submit(late, cf::Priority::normal), cf::ShutdownError);
        CHECK((late.stage == Stage::fresh && late.references == 1));
        CHECK_THROWS_AS(manager.pause(), cf::ShutdownError);
        CHECK(!manager.is_broken());
        if (!cancels) manager.cancel_pending();
    }
}

TEST_CASE("at max_pending a task is refused and stays the caller's", "[process_manager]") {
    ProcessManager manager({.max_workers = 1, .max_pending = 1, .on_full = cf::QueueFull::raise});
    recorded::Task first, second;
    manager.submit(first, cf::Priority::normal);
    CHECK_THROWS_AS(manager.submit(second, cf::Priority::high), cf::QueueFullError);
    CHECK((second.stage == Stage::fresh && second.references == 1));
    REQUIRE(manager.revoke(first));
    manager.submit(second, cf::Priority::high);  // the place is free again
    CHECK(second.stage == Stage::queued);
    manager.cancel_pending();
}

TEST_CASE("an engine without work ends at a shutdown, and lets go of itself", "[process_manager]") {
    const auto manager = std::make_shared<ProcessManager>(ProcessSettings{.max_workers = 1});
    manager->start(manager);
    CHECK(manager->wait_idle(Deadline::never()));
    CHECK(!manager->join(Deadline::after(std::chrono::seconds(0))));
    SECTION("in order") { manager->begin_shutdown(false); }
    SECTION("by force") { manager->end_workers(SIGTERM); }
    CHECK(manager->join(Deadline::never()));
    CHECK(manager.use_count() == 1);
    CHECK(manager->wait_idle(Deadline::never()));  // for ever idle
}

TEST_CASE("a paused engine keeps its tasks in the queue until it goes on or ends", "[process_manager]") {
    const auto manager = std::make_shared<ProcessManager>(ProcessSettings{.max_workers = 1});
    manager->start(manager);
    manager->pause();
    auto& call = *BlockWithBytes<ProcessCall<int>>::make(ByteBuffer(), manager, nullptr);  // two threads drop it
    const auto future = FutureAccess::adopt<int>(&call);
    manager->submit(call, cf::Priority::normal);
    CHECK(!manager->wait_idle(Deadline::after(std::chrono::seconds(0))));
    CHECK((manager->counts().pending == 1 && manager->worker_pids().empty()));
    manager->begin_shutdown(true);
    CHECK(future.cancelled());
    CHECK(manager->join(Deadline::never()));
}

TEST_CASE("an engine that is gone leaves no process behind", "[process_manager]") {
    if (support::thread_sanitized) SKIP("ThreadSanitizer cannot follow forks of forks");
    const support::ForkedEnd end = support::run_forked([] {
        std::optional<ProcessManager> manager(std::in_place, ProcessSettings{.max_workers = 1, .spawn = false});
        const auto has_child = [] {
            siginfo_t ended{};
            return ::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0;
        };
        if (!has_child()) return 1;  // the template
        manager.reset();
        return has_child() ? 2 : 0;
    });
    CHECK(end.exit_code() == 0);
}

}  // namespace
