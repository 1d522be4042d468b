// SPDX-License-Identifier: MIT
//
// What the endings of process pools and of MPI pools have in common. Each engine's own part: completion_queue.test.cpp,
// mpi_completions.test.cpp.
#include <concurrent/futures/detail/wire/completions.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/processes/recorded_task.hpp"

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;

ByteBuffer encoded(int value) {
    cf::Encoder encoder;
    encoder.encode(value);
    return std::move(encoder).take();
}

/// Notes the order in which things are told.
struct Engine : Completions<std::string> {
    Engine() : Completions(rule) {}

    void deliver_all() {
        Completions::deliver_all(
            [this](std::unique_lock<std::mutex>& lock) {
                if (!urgent) return false;
                lock.unlock();
                urgent = false;
                told.emplace_back("urgent");
                return true;
            },
            [this](const std::string& notice) { told.push_back(notice); },
            [this](RemoteTask& task, Ending& ending) {
                deliver(task, ending);
                told.emplace_back("task");
                if (in_callback) std::exchange(in_callback, nullptr)();
            });
    }
    using Completions::deliver_untold;

    std::mutex mutex_of_engine;
    LockRule rule{mutex_of_engine};
    bool urgent = false;
    std::function<void()> in_callback;
    std::vector<std::string> told;
};

TEST_CASE("what comes first is told first, then notices, then the tasks in their order", "[completions]") {
    Engine engine;
    recorded::Task task;
    engine.end(task, Ending::Kind::cancelled);
    engine.add("notice 1");
    engine.add("notice 2");
    engine.urgent = true;
    CHECK((engine.has_any() && engine.has_endings() && engine.has_notices() && !engine.empty()));
    engine.deliver_all();
    CHECK(engine.told == std::vector<std::string>{"urgent", "notice 1", "notice 2", "task"});
    CHECK((!engine.has_any() && engine.empty()));
    CHECK((task.end == "cancelled" && task.references == 0));
}

TEST_CASE("each kind of end reaches its task, with all references that go", "[completions]") {
    Engine engine;
    std::array<recorded::Task, 6> tasks;
    tasks[0].ending.body = encoded(42);
    engine.end(tasks[0], Ending::Kind::result);
    cf::Encoder encoder;
    encode_exception(encoder, std::make_exception_ptr(std::out_of_range("too far")));
    tasks[1].ending.body = std::move(encoder).take();
    engine.end(tasks[1], Ending::Kind::exception);
    tasks[2].ending.error = std::make_exception_ptr(std::runtime_error("it failed"));
    engine.end(tasks[2], Ending::Kind::failure);
    engine.end(tasks[3], Ending::Kind::stored);
    engine.release(tasks[4]);
    engine.end(tasks[5], Ending::Kind::cancelled);
    tasks[5].references = 2;
    engine.release(tasks[5]);
    engine.deliver_all();
    CHECK((tasks[0].end == "result" && tasks[0].value == 42));
    CHECK((tasks[1].end == "exception" && tasks[1].error.find("too far") != std::string::npos));
    CHECK((tasks[2].end == "exception" && tasks[2].error == "it failed"));
    CHECK(tasks[3].end == "callbacks have run");
    CHECK(tasks[4].end.empty());
    CHECK(tasks[5].end == "cancelled");
    for (const recorded::Task& task : tasks) CHECK(task.references == 0);
}

TEST_CASE("a callback that delivers goes on where its caller was, and loses and repeats nothing", "[completions]") {
    Engine engine;
    std::array<recorded::Task, 40> tasks;
    for (recorded::Task& task : tasks) engine.end(task, Ending::Kind::cancelled);
    std::size_t told_inside = 0;
    engine.in_callback = [&] {
        CHECK(!engine.empty());
        engine.deliver_all();
        told_inside = engine.told.size();
        CHECK(engine.empty());
    };
    engine.deliver_all();
    CHECK(told_inside == tasks.size());
    CHECK(engine.told.size() == tasks.size());
    for (const recorded::Task& task : tasks) CHECK((task.end == "cancelled" && task.references == 0));
}

TEST_CASE("a thread that waits leaves the callbacks of its task to the engine", "[completions]") {
    for (const bool has_callback : {false, true}) {
        Engine engine;
        recorded::Task task;
        task.has_callback = has_callback;
        Ending ending;
        ending.body = encoded(5);
        ending.references = 1;
        CHECK(engine.deliver_untold(task, ending) == !has_callback);
        CHECK((task.end == "stored" && task.value == 5));
        CHECK(task.references == (has_callback ? 1 : 0));
        CHECK(engine.has_endings() == has_callback);
        engine.deliver_all();
        CHECK(task.end == (has_callback ? "callbacks have run" : "stored"));
        CHECK(task.references == 0);
    }
}

TEST_CASE("bytes that are no exception are told as an error of serialization", "[completions]") {
    const auto what = [](const ByteBuffer& body) {
        try {
            std::rethrow_exception(decode_failure(body, 1));
        } catch (const cf::SerializationError& error) {
            return std::string(error.what());
        }
    };
    CHECK(!what(ByteBuffer()).empty());
    CHECK(!what(encoded(0x7fff'ffff)).empty());
}

}  // namespace
