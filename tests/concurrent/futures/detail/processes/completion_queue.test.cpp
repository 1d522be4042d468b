// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/completion_queue.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "concurrent/futures/detail/processes/pool_parts.hpp"
#include "support/named_events.hpp"

namespace {

using namespace concurrent::futures::detail;

void end_with(parts::Pool& pool, RemoteTask& task, Ending::Kind kind, ByteBuffer body = {}) {
    task.ending.body = std::move(body);
    pool.tables.completions.end(task, kind);
}

TEST_CASE("each task is told how it ended, and gives back its reference", "[completion_queue]") {
    parts::Pool pool;
    CompletionQueue& completions = pool.tables.completions;
    recorded::Task result, failure, cancelled, released;
    CHECK(completions.empty());
    end_with(pool, result, Ending::Kind::result, parts::encoded(42));
    failure.ending.error = std::make_exception_ptr(std::runtime_error("it failed"));
    end_with(pool, failure, Ending::Kind::failure);
    end_with(pool, cancelled, Ending::Kind::cancelled);
    completions.release(released);
    CHECK((completions.has_endings() && !completions.empty()));
    pool.deliver();
    CHECK(completions.empty());
    CHECK((result.end == "result" && result.value == 42));
    CHECK((failure.end == "exception" && failure.error == "it failed"));
    CHECK(cancelled.end == "cancelled");
    CHECK(released.end.empty());
    for (const recorded::Task* task : {&result, &failure, &cancelled, &released}) CHECK(task->references == 0);
}

TEST_CASE("an exception is decoded in the delivery, and bytes that are none are told as that", "[completion_queue]") {
    parts::Pool pool;
    recorded::Task thrown, garbage;
    concurrent::futures::Encoder encoder;
    encode_exception(encoder, std::make_exception_ptr(std::out_of_range("too far")));
    end_with(pool, thrown, Ending::Kind::exception, std::move(encoder).take());
    end_with(pool, garbage, Ending::Kind::exception);
    pool.deliver();
    CHECK((thrown.end == "exception" && thrown.error.find("too far") != std::string::npos));
    CHECK((garbage.end == "exception" && !garbage.error.empty()));
}

TEST_CASE("a thread that waits takes the result of its task if nothing else is to be delivered", "[completion_queue]") {
    parts::Pool pool;
    CompletionQueue& completions = pool.tables.completions;
    recorded::Task mine, other;
    Ending ending;
    CHECK(completions.take_only_result(mine, ending) == nullptr);
    end_with(pool, mine, Ending::Kind::result, parts::encoded(5));
    end_with(pool, other, Ending::Kind::result, parts::encoded(6));
    CHECK(completions.take_only_result(mine, ending) == nullptr);
    pool.deliver();
    end_with(pool, mine, Ending::Kind::cancelled);
    CHECK(completions.take_only_result(mine, ending) == nullptr);
    pool.deliver();

    for (const bool has_callback : {false, true}) {
        recorded::Task task;
        task.has_callback = has_callback;
        end_with(pool, task, Ending::Kind::result, parts::encoded(7));
        CHECK(!completions.is_delivered_by_waiter());
        REQUIRE(completions.take_only_result(task, ending) == &task);
        CHECK(completions.empty());
        CHECK(completions.is_delivered_by_waiter());  // the manager thread does not end
        // With a callback the manager thread has to be woken, and runs it.
        CHECK(completions.deliver_to_waiter(task, ending) == !has_callback);
        CHECK(!completions.is_delivered_by_waiter());
        CHECK((task.end == "stored" && task.value == 7));
        pool.deliver();
        CHECK(task.end == (has_callback ? "callbacks have run" : "stored"));
        CHECK(task.references == 0);
    }
}

TEST_CASE("a task that was taken back from a worker keeps its call until it has ended, or was cancelled", "[completion_queue]") {
    using Stage = RemoteTask::Stage;
    for (const Stage stage : {Stage::queued, Stage::sent}) {  // for another worker, or with one that has not started it
        parts::Pool pool;
        recorded::Task task(parts::encoded(42));
        task.retain();  // of the queue, or of the other worker
        task.stage = stage;
        pool.tables.completions.release(task);  // the first one has skipped it
        pool.deliver();
        CHECK((task.references == 1 && !task.call().empty()));
        task.stage = Stage::ended;
        end_with(pool, task, Ending::Kind::result, parts::encoded(1));
        pool.deliver();
        CHECK((task.references == 0 && task.call().empty()));
    }
    parts::Pool pool;
    recorded::Task cancelled(parts::encoded(42));
    cancelled.stage = Stage::revoked;
    pool.tables.completions.release(cancelled);
    pool.deliver();
    CHECK((cancelled.references == 0 && cancelled.call().empty()));
}

TEST_CASE("an initializer that threw is told with what it threw", "[completion_queue]") {
    parts::Pool pool;
    concurrent::futures::Encoder encoder;
    encode_exception(encoder, std::make_exception_ptr(std::runtime_error("no licence")));
    pool.tables.completions.add(
        {CompletionQueue::Notice::Kind::start_failed, std::move(encoder).take(), 77});
    CHECK(!pool.tables.completions.empty());
    pool.deliver();
    REQUIRE(pool.start_failures.size() == 1);
    CHECK(pool.start_failures[0].find("initializer threw") != std::string::npos);
    CHECK(pool.start_failures[0].find("no licence") != std::string::npos);
}

TEST_CASE("a result that cannot be read counts as a failure", "[completion_queue]") {
    parts::Pool pool;
    CompletionQueue::Counts& counts = pool.tables.completions.counts();
    counts.completed = 3;
    pool.tables.completions.count_unreadable_result();
    CHECK((counts.completed == 2 && counts.failed == 1));
}

TEST_CASE("a thread that delivers its result is known to do so, also when it delivers one of another pool meanwhile", "[completion_queue]") {
    parts::Pool outer, inner;
    const auto delivers = [](const parts::Pool& pool) { return pool.tables.completions.delivers_here(); };
    const auto deliver = [](parts::Pool& pool, recorded::Task& task) {
        Ending ending;
        end_with(pool, task, Ending::Kind::result, parts::encoded(1));
        REQUIRE(pool.tables.completions.take_only_result(task, ending) == &task);
        CHECK(pool.tables.completions.deliver_to_waiter(task, ending));
    };
    recorded::Task task, nested;
    task.at_result = [&] {
        CHECK((delivers(outer) && !delivers(inner)));
        deliver(inner, nested);
        CHECK((delivers(outer) && !delivers(inner)));
    };
    CHECK(!delivers(outer));
    deliver(outer, task);
    CHECK((!delivers(outer) && nested.end == "stored"));
}

TEST_CASE("what an observer is to be told is told before the future ends, also by a thread that waits", "[completion_queue]") {
    struct Log : concurrent::futures::Observer {
        void finished(const concurrent::futures::CallEvent&, concurrent::futures::CallOutcome) override { ++count; }
        int count = 0;
    };
    const auto log = std::make_shared<Log>();
    parts::Pool pool({.max_workers = 1, .observer = log});
    CompletionQueue& completions = pool.tables.completions;
    for (const bool waits : {false, true}) {
        recorded::Task task;
        int told = 0;
        task.at_result = [&] { told = std::exchange(log->count, 0); };
        task.shown.pid = 7;  // a worker has started it
        pool.tables.observer.note_end(Observation::Kind::completed, task);
        CHECK(!completions.empty());
        end_with(pool, task, Ending::Kind::result, parts::encoded(7));
        Ending ending;
        if (waits)
            CHECK((completions.take_only_result(task, ending) == &task && completions.deliver_to_waiter(task, ending)));
        else
            pool.deliver();
        CHECK((told == 1 && completions.empty()));
    }
}

TEST_CASE("a result in memory that its sender could change is copied, with the shared memory that it names", "[completion_queue]") {
    PayloadHandle<PayloadArena> arena;
    {
        const std::lock_guard lock(PoolDescriptors::instance().mutex);
        arena = PayloadArena::over(SharedMemory::make(1024 * 1024, SharedMemory::Access::write));
    }
    REQUIRE(arena);
    concurrent::futures::Encoder encoder{ByteBuffer(arena.get())};
    for (int i = 0; i < 100'000; ++i) encoder.encode(i + 5);
    ByteBuffer body = std::move(encoder).take();
    REQUIRE(body.is_stored());
    std::byte* const sent = body.data();
    const std::shared_ptr<SharedRegion> region = SharedRegion::over(SharedBlock::make(100), false);
    body.regions.keep(region);
    parts::Pool pool;
    recorded::Task task;
    long owners = 0;
    task.at_result = [&] {
        owners = region.use_count();
        *sent = std::byte{77};
    };
    end_with(pool, task, Ending::Kind::result, std::move(body));
    pool.deliver();
    CHECK((task.end == "result" && task.value == 5));
    CHECK(owners == 2);
}

}  // namespace
