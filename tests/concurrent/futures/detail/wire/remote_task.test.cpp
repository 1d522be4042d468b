// SPDX-License-Identifier: MIT
//
// What an engine keeps of a task: its bytes, and its answer.
#include <concurrent/futures/detail/wire/remote_task.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "concurrent/futures/detail/processes/recorded_task.hpp"

namespace {

using namespace concurrent::futures::detail;

std::string_view text_of(const ByteBuffer& bytes) {
    return {reinterpret_cast<const char*>(bytes.bytes().data()), bytes.size()};
}

ByteBuffer lent(std::string& text) { return ByteBuffer::of_lent(std::as_writable_bytes(std::span(text))); }

TEST_CASE("an answer that fits lies where the call lay, and outlives the frame it came in", "[remote_task]") {
    std::string place = "the bytes of the call";
    std::string frame = "an answer";
    recorded::Task task(lent(place));
    task.keep_answer(lent(frame));
    frame = "overwritten by the next frame";
    CHECK(text_of(task.ending.body) == "an answer");
    CHECK(place.starts_with("an answer"));
}

TEST_CASE("an answer that is larger than the call gets memory of its own", "[remote_task]") {
    std::string place = "call";
    std::string frame = "an answer that is longer";
    recorded::Task task(lent(place));
    task.keep_answer(lent(frame));
    frame = "overwritten";
    CHECK(text_of(task.ending.body) == "an answer that is longer");
    CHECK(place == "call");
}

TEST_CASE("a task has a limit if it has a timeout or was asked to stop", "[remote_task]") {
    recorded::Task task;
    CHECK(!task.has_limit());
    task.limits.timeout = 5;
    CHECK(task.has_limit());
    task.limits.timeout = TaskLimits::never;
    task.stop_at = 7;
    CHECK(task.has_limit());
}

TEST_CASE("an observer is shown the name of a task, or else that of its code", "[remote_task]") {
    recorded::Task nameless;
    nameless.shown.library_name = "resize";
    CHECK(nameless.shown_name() == "resize");
    CHECK(nameless.name().empty());
}

TEST_CASE("the arguments of a task that has ended are freed, unless they are lent", "[remote_task]") {
    ByteBuffer arguments;
    arguments.extend(100);
    recorded::Task task(std::move(arguments));
    ByteBuffer result;
    task.drop_call(result);
    CHECK(task.call().capacity() == 0);
    std::string place = "the bytes of the call";
    recorded::Task other(lent(place));
    other.drop_call(result);
    CHECK(text_of(other.call()) == place);
}

}  // namespace
