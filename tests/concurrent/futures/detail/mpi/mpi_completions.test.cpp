// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/mpi/mpi_completions.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include "concurrent/futures/detail/mpi/hub_parts.hpp"

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::Encoder;

void end_with_result(MpiCompletions& completions, parts::Task& task, int value) {
    Encoder encoder;
    encoder.encode(value);
    task.ending.body = std::move(encoder).take();
    completions.end(task, Ending::Kind::result);
}
void ignore(MpiPool&, const std::string&) {}

TEST_CASE("tasks are told how they ended, in order, and their references go", "[mpi_completions]") {
    std::mutex mutex;
    const LockRule rule(mutex);
    MpiCompletions completions(rule);
    parts::Task result, failure, cancelled, released;
    end_with_result(completions, result, 7);
    failure.ending.error = std::make_exception_ptr(std::runtime_error("no luck"));
    completions.end(failure, Ending::Kind::failure);
    completions.end(cancelled, Ending::Kind::cancelled);
    completions.release(released);
    CHECK((completions.has_any() && !completions.is_told()));
    completions.deliver_all(ignore);
    CHECK((completions.empty() && completions.is_told()));
    CHECK((result.end == "result" && result.value == 7));
    CHECK((failure.end == "exception" && failure.error == "no luck"));
    CHECK(cancelled.end == "cancelled");
    CHECK(released.end.empty());
    for (const parts::Task* task : {&result, &failure, &cancelled, &released}) CHECK(task->references == 0);
}

TEST_CASE("what has ended counts as told when a round of the engine is over, in which callbacks run", "[mpi_completions]") {
    std::mutex mutex;
    const LockRule rule(mutex);
    MpiCompletions completions(rule);
    std::optional<std::uint64_t> since, later;
    CHECK(completions.is_told_since(since));
    parts::Task first, second;
    end_with_result(completions, first, 7);
    CHECK(!completions.is_told_since(since));
    completions.begin_round();
    completions.deliver_all(ignore);
    CHECK((!completions.is_told_since(since) && !completions.is_told_since(later)));
    completions.end_round();
    end_with_result(completions, second, 8);  // others go on
    CHECK((completions.is_told_since(since) && completions.is_told_since(later)));
    std::optional<std::uint64_t> last;
    CHECK(!completions.is_told_since(last));
    completions.deliver_all(ignore);
}

// F64
TEST_CASE("a pool is not idle while a task is being told that came and ended between two looks", "[mpi_completions]") {
    parts::Hub hub(1);
    MpiPool& pool = hub.add_pool({.max_workers = 1});
    MpiCompletions& completions = hub.tables.completions;
    parts::Task task;
    IdleLook look;
    completions.begin_round();  // of another pool
    CHECK(!look.finds_idle(pool, completions));
    completions.end_round();
    hub.submit(pool, task);
    hub.hand_out();
    hub.answer(0, task, 7);
    REQUIRE(!pool.has_tasks());
    completions.begin_round();
    hub.deliver();
    CHECK(!look.finds_idle(pool, completions));  // its callback may run
    completions.end_round();
    CHECK(look.finds_idle(pool, completions));
}

TEST_CASE("a pool that is idle is so at the first look, and one with a task is not", "[mpi_completions]") {
    parts::Hub hub(1);
    MpiPool& pool = hub.add_pool({.max_workers = 1});
    CHECK(IdleLook().finds_idle(pool, hub.tables.completions));
    parts::Task task;
    hub.submit(pool, task);
    CHECK(!IdleLook().finds_idle(pool, hub.tables.completions));
    hub.hand_out();
    CHECK(!IdleLook().finds_idle(pool, hub.tables.completions));
    hub.answer(0, task, 7);
    CHECK(!IdleLook().finds_idle(pool, hub.tables.completions));
    hub.deliver();
    CHECK(IdleLook().finds_idle(pool, hub.tables.completions));
}

TEST_CASE("a thread that waits ends its own task, and those before it whose results are plain", "[mpi_completions]") {
    std::mutex mutex;
    const LockRule rule(mutex);
    MpiCompletions completions(rule);
    parts::Task plain, mine, other;
    plain.has_plain_result = true;
    for (parts::Task* task : {&plain, &mine, &other}) end_with_result(completions, *task, 1);
    std::unique_lock lock(mutex);
    bool wakes = false;
    completions.deliver_plain(lock, mine, [&] { wakes = true; });
    CHECK(lock.owns_lock());
    CHECK((plain.end == "stored" && mine.end == "stored" && !wakes));
    CHECK((other.end.empty() && completions.has_any()));
    lock.unlock();
    completions.deliver_all(ignore);
    CHECK(other.end == "result");
}

TEST_CASE("callbacks of a task that a waiting thread ended are left to the engine", "[mpi_completions]") {
    std::mutex mutex;
    const LockRule rule(mutex);
    MpiCompletions completions(rule);
    parts::Task mine;
    mine.has_callback = true;
    end_with_result(completions, mine, 1);
    std::unique_lock lock(mutex);
    bool wakes = false;
    completions.deliver_plain(lock, mine, [&] { wakes = true; });
    CHECK((wakes && completions.has_any() && mine.references == 1));
    lock.unlock();
    completions.deliver_all(ignore);
    CHECK((mine.end == "callbacks have run" && mine.references == 0));
}

TEST_CASE("the arguments of a task go when its result has been told", "[mpi_completions]") {
    std::mutex mutex;
    const LockRule rule(mutex);
    MpiCompletions completions(rule);
    ByteBuffer arguments;
    arguments.extend(100);
    parts::Task task(std::move(arguments));
    end_with_result(completions, task, 7);
    completions.deliver_all(ignore);
    CHECK((task.value == 7 && task.call().capacity() == 0));
}

TEST_CASE("a thread that waits tells no observer of the tasks of others, and ends none behind them", "[mpi_completions]") {
    struct Silent : concurrent::futures::Observer {};
    parts::Hub hub(1);
    MpiPool& pool = hub.add_pool({.max_workers = 1, .observer = std::make_shared<Silent>()});
    MpiCompletions& completions = hub.tables.completions;
    parts::Task watched, mine;
    watched.has_plain_result = true;
    watched.watched_by = &pool.watch();
    watched.observed = std::make_unique<Observations>();
    for (parts::Task* task : {&watched, &mine}) end_with_result(completions, *task, 1);
    std::unique_lock lock(hub.tables.mutex);
    completions.deliver_plain(lock, mine, [] {});
    lock.unlock();
    CHECK((watched.end.empty() && mine.end.empty()));
    hub.deliver();
    CHECK((watched.end == "result" && mine.end == "result"));
}

TEST_CASE("what a thread that waits is telling has not been told, whatever rounds the engine ends meanwhile", "[mpi_completions]") {
    std::mutex mutex;
    const LockRule rule(mutex);
    MpiCompletions completions(rule);
    parts::Task mine;
    std::optional<std::uint64_t> since;
    end_with_result(completions, mine, 1);
    CHECK(!completions.is_told_since(since));
    bool is_told = true;
    mine.at_result = [&] {
        completions.begin_round();
        completions.end_round();
        is_told = completions.is_told_since(since);
    };
    std::unique_lock lock(mutex);
    completions.deliver_plain(lock, mine, [] {});
    CHECK((mine.end == "stored" && !is_told));
    CHECK(completions.is_told_since(since));
}

}  // namespace
