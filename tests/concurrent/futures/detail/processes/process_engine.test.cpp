// SPDX-License-Identifier: MIT
//
// What all engines of process pools have in common. Their own tests: process_manager.test.cpp, inline_engine.test.cpp.
#include <concurrent/futures/detail/processes/process_engine.hpp>

#include <catch2/catch_test_macros.hpp>
#include <concurrent/futures/detail/processes/inline_engine.hpp>
#include <concurrent/futures/detail/wire/remote_call.hpp>
#include <memory>
#include <string>

#include "concurrent/futures/detail/processes/recorded_task.hpp"
#include "support/forked.hpp"

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;

int twice(int n) { return 2 * n; }

std::unique_ptr<ProcessEngine> make_engine() {
    return std::make_unique<InlineEngine>(ProcessSettings{.max_workers = 3, .max_pending = 7});
}

/// Empty: it throws nothing.
template <class Call>
std::string refusal(Call call) {
    try {
        call();
    } catch (const cf::BrokenProcessPool& error) {
        return error.what();
    }
    return {};
}

TEST_CASE("an engine gives the settings that it was made with", "[process_engine]") {
    const auto engine = make_engine();
    CHECK((engine->settings().max_workers == 3 && engine->settings().max_pending == 7));
    CHECK(!engine->watch());
}

TEST_CASE("in the process that made it an engine takes tasks", "[process_engine]") {
    const auto engine = make_engine();
    CHECK(!engine->in_forked_child());
    CHECK(refusal([&] { engine->throw_if_forked(); }).empty());
    recorded::Task task(encode_call(twice, 4));
    engine->submit(task, cf::Priority::normal);
    CHECK(task.value == 8);
}

TEST_CASE("in a forked child an engine refuses tasks, says what to do, and has nothing to end", "[process_engine]") {
    const auto engine = make_engine();
    recorded::Task first(encode_call(twice, 4));
    engine->submit(first, cf::Priority::normal);
    const auto end = support::run_forked([&] {
        if (!engine->in_forked_child()) return 1;
        recorded::Task task(encode_call(twice, 4));
        const std::string why = refusal([&] { engine->submit(task, cf::Priority::normal); });
        if (why.find("made before fork()") == why.npos || why.find("Make a new pool in the child") == why.npos) return 2;
        if (!task.end.empty() || task.references != 1) return 3;  // it is still the caller's
        if (refusal([&] { engine->wait_idle(Deadline::never()); }) != why) return 4;
        engine->begin_shutdown(true);
        engine->end_workers(SIGKILL);
        if (!engine->join(Deadline::never()) || engine->counts().completed != 0) return 5;
        return engine->worker_pids().empty() ? 0 : 6;
    });
    CHECK(end.exit_code() == 0);
    CHECK(engine->counts().completed == 1);
    recorded::Task later(encode_call(twice, 5));
    engine->submit(later, cf::Priority::normal);  // what the child did has not closed it here
    CHECK(later.value == 10);
}

}  // namespace
