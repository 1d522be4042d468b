// SPDX-License-Identifier: MIT
//
// What the manager thread takes in, and when it sleeps. The test plays manager thread and worker; the worker's process is a
// fork that does nothing.
#include <concurrent/futures/detail/processes/worker_events.hpp>

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <concurrent/futures/detail/platform/forked_process.hpp>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/processes/pool_parts.hpp"

namespace {

using namespace concurrent::futures::detail;

struct Engine : parts::Pool {
    explicit Engine(ProcessSettings settings = {.max_workers = 4}) : parts::Pool(std::move(settings)) {}
    ~Engine() {
        for (const auto& link : tables.workers) {
            link->process.send_signal(SIGKILL);
            if (!link->life.is_reaped()) link->process.reap();
        }
    }

    /// `keeps_ends`: the worker's ends of its pipes stay open.
    WorkerLink& add_process(bool keeps_ends = true) {
        WorkerLink::Ends of_worker;
        WorkerSet::Links fresh;
        fresh.push_back(std::make_unique<WorkerLink>(++workers, nullptr, of_worker));
        WorkerLink& worker = tables.workers.add(fresh, false);
        worker.life.note_ready();
        if (keeps_ends) ends.push_back(std::move(of_worker));
        of_worker = {};
        const pid_t pid = fork_process();
        if (pid == 0)
            for (;;) ::pause();
        if (pid < 0) throw std::runtime_error("fork");
        worker.process = ProcessHandle(pid, open_pidfd(pid));
        events.reserve(tables.workers.size());
        return worker;
    }

    std::vector<WorkerLink::Ends> ends;
    IdleWait idle{tables};
    WorkerEvents events{tables, reader, deaths, deadlines, dispatcher, idle};
};

TEST_CASE("a result that is in the ring is taken in without a sleep", "[worker_events]") {
    Engine engine;
    WorkerLink& worker = engine.add_process();
    recorded::Task task;
    REQUIRE(engine.run(worker, task));
    parts::say(worker, FrameType::result, task, parts::encoded(42));
    engine.events.receive_all(true);
    CHECK(engine.tables.completions.has_endings());
    engine.deliver();
    CHECK((task.end == "result" && task.value == 42));
}

TEST_CASE("the end of a worker's process wakes the manager thread, and the worker is settled", "[worker_events]") {
    Engine engine;
    WorkerLink& worker = engine.add_process();
    recorded::Task task;
    REQUIRE(engine.run(worker, task));
    const std::string pid = std::to_string(worker.process.pid());
    worker.process.send_signal(SIGKILL);
    while (!engine.tables.workers.empty()) engine.events.receive_all(true);
    engine.deliver();
    CHECK((task.end == "exception" && task.error.find(pid) != std::string::npos));
    CHECK(engine.tables.workers.has_removed());
}

TEST_CASE("a worker that closes its results gets a moment, and is not read any more", "[worker_events]") {
    Engine engine;
    WorkerLink& worker = engine.add_process(false);
    engine.events.receive_all(false);
    CHECK(worker.pipes().result_fd() < 0);
    CHECK((worker.life.is_dying() && !worker.life.is_killed()));
}

TEST_CASE("the manager thread sleeps until it is woken, and is awake when it returns", "[worker_events]") {
    Engine engine;
    ManagerSignal& signal = engine.tables.signal;
    std::thread other([&] {
        while (!signal.is_asleep()) std::this_thread::yield();
        {
            const std::lock_guard lock(engine.tables.mutex);
            signal.note_news();
        }
        signal.wake();
    });
    while (!signal.has_news()) engine.events.receive_all(true);
    other.join();
    CHECK(!signal.is_asleep());
}

TEST_CASE("while workers are being ended, the manager thread sleeps though unused memory is not given back", "[worker_events]") {
    Engine engine;
    ManagerSignal& signal = engine.tables.signal;
    engine.tables.memory.note_large(std::chrono::steady_clock::now() - std::chrono::hours(1));
    engine.tables.forced = true;
    std::thread other([&] {
        while (!signal.is_asleep()) std::this_thread::yield();
        {
            const std::lock_guard lock(engine.tables.mutex);
            signal.note_news();
        }
        signal.wake();
    });
    sigset_t all, before;  // a signal would end a sleep
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    int looks = 0;
    for (; !signal.has_news(); ++looks) engine.events.receive_all(true);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    other.join();
    CHECK(looks == 1);
}

TEST_CASE("the manager thread does not sleep while there is something to do", "[worker_events]") {
    Engine engine;
    SECTION("a task that was submitted meanwhile") {
        recorded::Task task;
        REQUIRE(engine.tables.queue.intake.push(task, concurrent::futures::Priority::normal));
        engine.events.receive_all(true);
        engine.tables.queue.collect();
        CHECK(engine.tables.queue.waiting() == 1);
        CHECK(engine.tables.next_queued() == &task);
    }
    SECTION("a task that another thread has taken out of the intake, since it counts or cancels tasks") {
        recorded::Task task;
        engine.tables.queue.begin_look();
        REQUIRE(engine.tables.queue.intake.push(task, concurrent::futures::Priority::normal));
        engine.tables.queue.collect();
        engine.events.receive_all(true);
        CHECK(engine.tables.next_queued() == &task);
    }
    SECTION("a task to be told of its end") {
        recorded::Task task;
        engine.tables.completions.end(task, Ending::Kind::cancelled);
        engine.events.receive_all(true);
        engine.deliver();
        CHECK(task.end == "cancelled");
    }
    SECTION("a worker that is missing, when it is time to try its start again") {
        recorded::Task task;
        engine.submit(task);
        engine.tables.queue.begin_look();
        engine.dispatcher.start_again_at(std::chrono::steady_clock::now() - std::chrono::milliseconds(1));
        REQUIRE(engine.dispatcher.missing_workers() == 1);
        engine.events.receive_all(true);
        CHECK(engine.tables.next_queued() == &task);
    }
    SECTION("room for what did not fit into the ring of a worker") {
        WorkerLink& worker = engine.add_process();
        const std::vector<std::byte> large(2 * ByteRing::capacity);
        worker.queue_frame(make_header(FrameType::forget, large.size()), large);
        worker.flush();
        RingReader reader(static_cast<WorkerPage*>(static_cast<void*>(&worker.page()))->tasks);
        std::vector<std::byte> read(reader.available());
        reader.read(read.data(), read.size());
        reader.publish();
        engine.events.receive_all(true);
        CHECK(worker.can_write());
    }
    SECTION("unused memory that is to be given back by now") {
        engine.tables.memory.note_large(std::chrono::steady_clock::now() - std::chrono::hours(1));
        engine.events.receive_all(true);
    }
    SECTION("news") {
        engine.tables.signal.note_news();
        engine.events.receive_all(true);
    }
    SECTION("the end of the pool") {
        engine.tables.closed = true;
        engine.events.receive_all(true);
    }
    CHECK(!engine.tables.signal.is_asleep());
}

TEST_CASE("the manager thread sleeps no longer than until the next deadline", "[worker_events]") {
    Engine engine({.max_workers = 1, .stop_grace = std::chrono::seconds(5)});
    WorkerLink& worker = engine.add_process();
    recorded::Task task;
    task.limits.timeout = 1'000'000;  // nanoseconds
    REQUIRE(engine.run(worker, task));
    while (!worker.life.eviction()) {
        engine.events.receive_all(true);  // would sleep for ever without the deadline
        engine.deadlines.enforce(0);
    }
    CHECK(worker.life.is_evicted_for(task.id));
}

TEST_CASE("the manager thread sleeps no longer than until it may start a worker again, or as its caller says", "[worker_events]") {
    Engine engine;
    recorded::Task task;
    engine.submit(task);
    engine.tables.queue.begin_look();
    engine.dispatcher.start_again_at(std::chrono::steady_clock::now() + std::chrono::milliseconds(20));
    while (engine.dispatcher.missing_workers() == 0) engine.events.receive_all(true);
    REQUIRE(engine.tables.next_queued() == &task);
    const Deadline until = Deadline::after(std::chrono::milliseconds(1));
    while (!until.passed()) engine.events.receive_all(true, until);
}

TEST_CASE("a wake-up is taken in, so that the next sleep is one", "[worker_events]") {
    Engine engine;
    ManagerSignal& signal = engine.tables.signal;
    signal.wake_up().notify();
    engine.events.receive_all(true);
    pollfd entry{signal.wake_up().fd(), POLLIN, 0};
    CHECK(::poll(&entry, 1, 0) == 0);
}

TEST_CASE("the end of a worker whose process cannot be watched is noticed in the sleep", "[worker_events]") {
    Engine engine({.max_workers = 1, .spawn = true});
    WorkerLink& worker = engine.add_process();
    worker.process = ProcessHandle(worker.process.pid(), FileDescriptor());
    std::thread other([&] {
        while (!engine.tables.signal.is_asleep()) std::this_thread::yield();
        ::kill(worker.process.pid(), SIGKILL);
    });
    while (!engine.tables.workers.has_removed()) engine.events.receive_all(true);
    other.join();
    CHECK(engine.tables.workers.empty());
}

TEST_CASE("the last result of a worker counts, though its pipe ends at the same time", "[worker_events]") {
    Engine engine;
    WorkerLink& worker = engine.add_process(false);
    recorded::Task task;
    REQUIRE(engine.run(worker, task));
    parts::say(worker, FrameType::result, task, parts::encoded(42));
    engine.events.receive_all(false);  // the first time the descriptors are looked at, too
    CHECK((worker.pipes().result_fd() < 0 && worker.tasks.in_flight() == 0));
    engine.deliver();
    CHECK((task.end == "result" && task.value == 42));
}

TEST_CASE("the manager thread does not sleep while a worker has room for what is to be sent to it", "[worker_events]") {
    Engine engine;
    WorkerLink& worker = engine.add_process();
    const std::vector<std::byte> large(2 * ByteRing::capacity);
    worker.queue_frame(make_header(FrameType::forget, large.size()), large);
    worker.flush();
    RingReader of_worker(static_cast<WorkerPage*>(static_cast<void*>(&worker.page()))->tasks);
    std::vector<std::byte> taken(of_worker.available());
    REQUIRE(!taken.empty());
    of_worker.read(taken.data(), taken.size());
    of_worker.publish();
    engine.events.receive_all(true);  // would sleep for ever
    CHECK(worker.can_write());
}

TEST_CASE("a worker whose process cannot be watched is looked at now and then, and is settled when it has died", "[worker_events]") {
    Engine engine;
    WorkerLink& worker = engine.add_process();
    worker.process = ProcessHandle(worker.process.pid(), FileDescriptor());
    recorded::Task task;
    REQUIRE(engine.run(worker, task));
    engine.tables.queue.begin_look();
    sigset_t all, before;  // SIGCHLD would end a sleep
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    worker.process.send_signal(SIGKILL);
    while (!engine.tables.workers.empty()) engine.events.receive_all(true);  // would sleep for ever
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    engine.deliver();
    CHECK(task.end == "exception");
}

TEST_CASE("the manager thread sleeps no longer than until something is to be done", "[worker_events]") {
    ProcessSettings settings{.max_workers = 1};
    SECTION("what it waits for itself") {
        Engine engine;
        engine.events.receive_all(true, Deadline::after(std::chrono::milliseconds(1)));
        CHECK(!engine.tables.signal.is_asleep());
    }
    SECTION("the end of a worker that has been idle for too long") {
        settings.idle_timeout = std::chrono::milliseconds(1);
        Engine engine(std::move(settings));
        const WorkerLink& worker = engine.add_process();
        while (worker.life.is_ready()) {
            engine.events.receive_all(true);
            engine.dispatcher.stop_unneeded();
        }
        CHECK(worker.life.state() == WorkerState::stopping);
    }
    SECTION("another try to start a worker") {
        Engine engine;
        recorded::Task task;
        engine.submit(task);
        engine.tables.queue.begin_look();
        engine.dispatcher.start_again_at(std::chrono::steady_clock::now() + std::chrono::milliseconds(1));
        while (engine.dispatcher.missing_workers() == 0) engine.events.receive_all(true);
        CHECK(engine.tables.next_queued() == &task);
    }
    SECTION("unused memory that is to be given back") {
        Engine engine;
        engine.tables.memory.note_large(std::chrono::steady_clock::now() - tuning::large_memory_kept);
        engine.events.receive_all(true);
        CHECK(engine.tables.memory.keeps_unused());
    }
    SECTION("the end of a worker that dies") {
        Engine engine;
        WorkerLink& worker = engine.add_process();
        worker.life.force_by(monotonic_nanoseconds() + 1'000'000);
        while (!worker.life.is_killed()) {
            engine.events.receive_all(true);
            engine.deadlines.enforce(0);
        }
        CHECK(worker.life.kill_at() == TaskLimits::never);
    }
}

}  // namespace
