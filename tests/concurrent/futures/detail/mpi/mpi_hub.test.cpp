// SPDX-License-Identifier: MIT
//
// The engine of MPI pools as a whole, with a port that needs no MPI: the only rank is this process.
#include <concurrent/futures/detail/mpi/local_port.hpp>
#include <concurrent/futures/detail/mpi/mpi_hub.hpp>
#include <concurrent/futures/detail/wire/remote_call.hpp>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "concurrent/futures/detail/mpi/hub_parts.hpp"
#include "support/deadline.hpp"
#include "support/named_events.hpp"

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;

int twice(int n) { return 2 * n; }
int fail(int) { throw std::out_of_range("no luck"); }

std::shared_ptr<MpiHub> make_hub(std::unique_ptr<MpiPort> port = nullptr) {
    auto hub = std::make_shared<MpiHub>();
    if (!port) port = std::make_unique<LocalPort>(own_rank_card(), [&self = *hub] { self.wake(); });
    hub->open(std::move(port));
    return hub;
}
std::shared_ptr<MpiPool> add_pool(const std::shared_ptr<MpiHub>& hub, MpiSettings settings = {.max_workers = 1}) {
    auto pool = std::make_shared<MpiPool>(hub, hub->lock_rule(), std::move(settings));
    hub->add(pool);
    return pool;
}
void end(MpiPool& pool) {
    pool.hub().begin_shutdown(pool, false);
    CHECK(pool.hub().join(pool, Deadline::never()));
}

TEST_CASE("tasks that are submitted to the engine end with their outcomes", "[mpi_hub]") {
    const auto hub = make_hub();
    const auto pool = add_pool(hub);
    parts::Task good(encode_call_into(ByteBuffer(), twice, 4)), bad(encode_call_into(ByteBuffer(), fail, 4));
    CHECK(!hub->is_running(good));
    hub->submit(*pool, good, cf::Priority::normal);
    hub->submit(*pool, bad, cf::Priority::normal);
    CHECK(hub->wait_idle(*pool, Deadline::never()));
    CHECK((good.end == "result" && good.value == 8));
    CHECK((bad.end == "exception" && bad.error == "no luck"));
    const MpiPool::Counts counts = hub->counts(*pool);
    CHECK((counts.completed == 1 && counts.failed == 1 && counts.pending == 0 && counts.running == 0));
    end(*pool);
    CHECK_THROWS_AS(hub->submit(*pool, good, cf::Priority::normal), cf::ShutdownError);
}

TEST_CASE("pools follow each other on one engine until it is closed", "[mpi_hub]") {
    const auto hub = make_hub();
    for (int i = 0; i < 3; ++i) {
        const auto pool = add_pool(hub);
        parts::Task task(encode_call_into(ByteBuffer(), twice, i));
        hub->submit(*pool, task, cf::Priority::normal);
        end(*pool);
        CHECK((task.end == "result" && task.value == 2 * i));
    }
    hub->close();
    CHECK_THROWS_AS(add_pool(hub), cf::BrokenProcessPool);
}

TEST_CASE("closing the engine ends its pools and tells the ranks why", "[mpi_hub]") {
    auto port = std::make_unique<parts::ScriptedPort>(2);
    std::string told;
    port->told = &told;
    const auto hub = make_hub(std::move(port));
    const auto pool = add_pool(hub, {.max_workers = 2});
    const auto other = add_pool(hub, {.max_workers = 2});
    hub->close("the reason");
    CHECK(told == "quit the reason");
    CHECK(hub->join(*other, Deadline::never()));
    CHECK(hub->join(*pool, Deadline::never()));  // it has ended
    CHECK(hub->counts(*pool).workers == 0);
}

TEST_CASE("when messages cannot be sent, tasks and pools fail with the reason", "[mpi_hub]") {
    auto owned = std::make_unique<parts::ScriptedPort>(1);
    owned->fails = true;
    const auto hub = make_hub(std::move(owned));
    const auto pool = add_pool(hub);
    parts::Task task(encode_call_into(ByteBuffer(), twice, 4));
    hub->submit(*pool, task, cf::Priority::normal);
    end(*pool);
    CHECK((task.end == "exception" && task.error == "MPIPoolExecutor: the network is gone"));
    CHECK_THROWS_AS(add_pool(hub), cf::BrokenProcessPool);
}

TEST_CASE("an engine that has failed tells its ranks to end, and keeps until then what they may still read", "[mpi_hub]") {
    auto owned = std::make_unique<parts::ScriptedPort>(1);
    parts::ScriptedPort& port = *owned;
    std::string told;
    port.told = &told;
    const auto hub = make_hub(std::move(owned));
    const auto pool = add_pool(hub);
    parts::Task task(encode_call_into(ByteBuffer(), twice, 4));
    hub->submit(*pool, task, cf::Priority::normal);
    while (!hub->is_running(task)) std::this_thread::yield();
    {
        const std::lock_guard lock(hub->lock_rule().mutex());
        port.polls_until_failure = 1;
    }
    end(*pool);
    CHECK((task.end == "exception" && task.references == 1 && told.empty()));
    hub->close();
    CHECK((told == "quit at once " && task.references == 0));
}

TEST_CASE("an engine that has failed keeps its mutex from nobody, though ranks still send", "[mpi_hub]") {
    SharedDoorbell bell;
    auto owned = std::make_unique<parts::ScriptedPort>(1);
    parts::ScriptedPort& port = *owned;
    port.bell = &bell;
    const auto hub = make_hub(std::move(owned));
    const auto pool = add_pool(hub);
    parts::Task task(encode_call_into(ByteBuffer(), twice, 4));
    hub->submit(*pool, task, cf::Priority::normal);
    {
        const std::lock_guard lock(hub->lock_rule().mutex());
        port.news = port.moves = true;
        port.polls_until_failure = 1;
    }
    hub->wake();
    while (hub->counts(*pool).failed == 0) std::this_thread::yield();
    end(*pool);
    CHECK(task.end == "exception");
}

TEST_CASE("a failure of MPI in the look before the engine sleeps ends tasks and pools, and not the program", "[mpi_hub]") {
    auto owned = std::make_unique<parts::ScriptedPort>(1);
    owned->must_be_polled = false;
    owned->polls_until_failure = 2;  // one in the first step, one before the sleep
    const parts::ScriptedPort& port = *owned;
    const auto hub = make_hub(std::move(owned));
    const auto pool = add_pool(hub);
    while (port.looks_before_sleep == 0) std::this_thread::yield();
    end(*pool);
    CHECK_THROWS_AS(add_pool(hub), cf::BrokenProcessPool);
}

// F47
TEST_CASE("a pool is idle although the engine, for another one, never sleeps", "[mpi_hub]") {
    auto owned = std::make_unique<parts::ScriptedPort>(1);
    parts::ScriptedPort& port = *owned;
    port.moves = true;  // so the engine looks all the time
    const auto hub = make_hub(std::move(owned));
    const auto pool = add_pool(hub), other = add_pool(hub);
    parts::Task task(encode_call_into(ByteBuffer(), twice, 4));
    hub->submit(*other, task, cf::Priority::normal);
    while (!hub->is_running(task)) std::this_thread::yield();
    CHECK(hub->wait_idle(*pool, Deadline::after(support::deadline(std::chrono::seconds(20)))));
    {
        const std::lock_guard lock(hub->lock_rule().mutex());
        port.polls_until_failure = 1;
    }
    end(*other);
    end(*pool);
    CHECK(task.end == "exception");
}

TEST_CASE("the engine goes on with the message that asks a task to stop", "[mpi_hub]") {
    SharedDoorbell bell;
    auto owned = std::make_unique<parts::ScriptedPort>(1);
    parts::ScriptedPort& port = *owned;
    port.bell = &bell;
    const auto hub = make_hub(std::move(owned));
    const auto pool = add_pool(hub);
    parts::Task task(encode_call_into(ByteBuffer(), twice, 4));
    task.takes_stop_token = true;
    hub->submit(*pool, task, cf::Priority::normal);
    while (!hub->is_running(task)) std::this_thread::yield();
    while (port.looks_before_sleep == 0) std::this_thread::yield();
    const int looks = port.looks_before_sleep;
    CHECK(hub->request_stop(task));
    while (port.looks_before_sleep == looks) std::this_thread::yield();  // it would sleep for ever
    {
        const std::lock_guard lock(hub->lock_rule().mutex());
        port.polls_until_failure = 1;
    }
    end(*pool);
    CHECK(task.end == "exception");
}

TEST_CASE("a submitter does not run its task where the queue has room", "[mpi_hub]") {
    auto owned = std::make_unique<parts::ScriptedPort>(1);
    parts::ScriptedPort& port = *owned;
    const auto hub = make_hub(std::move(owned));
    const auto pool = add_pool(hub, {.max_workers = 1, .max_pending = 8, .on_full = cf::QueueFull::caller_runs});
    parts::Task task(encode_call_into(ByteBuffer(), twice, 4));
    hub->submit(*pool, task, cf::Priority::normal);
    CHECK(task.end.empty());  // the rank never answers
    {
        const std::lock_guard lock(hub->lock_rule().mutex());
        port.polls_until_failure = 1;
    }
    hub->wake();
    end(*pool);
    CHECK(task.end == "exception");
}

TEST_CASE("the engine knows its own thread", "[mpi_hub]") {
    struct Recorder : support::NamedEvents {
        void told(std::string_view, const cf::CallEvent&) override {
            const bool is_submitter = std::this_thread::get_id() == submitter;
            ++(hub->on_engine_thread() == is_submitter ? wrong : is_submitter ? by_submitter : by_engine);
        }
        using NamedEvents::told;

        const std::thread::id submitter = std::this_thread::get_id();
        const MpiHub* hub = nullptr;
        std::atomic<int> wrong = 0, by_submitter = 0, by_engine = 0;
    };
    const auto hub = make_hub();
    const auto recorder = std::make_shared<Recorder>();
    recorder->hub = hub.get();
    const auto pool = add_pool(hub, {.max_workers = 1, .observer = recorder});
    parts::Task task(encode_call_into(ByteBuffer(), twice, 4));
    hub->submit(*pool, task, cf::Priority::normal);
    end(*pool);
    CHECK(task.value == 8);
    CHECK((recorder->wrong == 0 && recorder->by_submitter == 1 && recorder->by_engine == 2));
}

}  // namespace
