// SPDX-License-Identifier: MIT
#include <concurrent/futures/errors.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <concepts>
#include <string>

namespace {

namespace cf = concurrent::futures;

TEMPLATE_TEST_CASE("every error can be caught as Error and as std::runtime_error", "[errors]",
                   cf::CancelledError, cf::TimeoutError, cf::InvalidStateError,
                   cf::BrokenPromiseError, cf::ShutdownError, cf::QueueFullError,
                   cf::BrokenExecutor, cf::BrokenThreadPool, cf::BrokenProcessPool,
                   cf::TaskTimeoutError, cf::SerializationError) {
    STATIC_REQUIRE(std::derived_from<TestType, cf::Error>);
    try {
        throw TestType("the text");
    } catch (const std::runtime_error& error) {
        CHECK(std::string(error.what()) == "the text");
        CHECK(dynamic_cast<const cf::Error*>(&error) != nullptr);
    }
}

TEST_CASE("broken pools are broken executors", "[errors]") {
    CHECK_THROWS_AS(throw cf::BrokenThreadPool("t"), cf::BrokenExecutor);
    CHECK_THROWS_AS(throw cf::BrokenProcessPool("p"), cf::BrokenExecutor);
}

TEST_CASE("a wait's TimeoutError is not a task's TaskTimeoutError", "[errors]") {
    STATIC_REQUIRE_FALSE(std::derived_from<cf::TimeoutError, cf::TaskTimeoutError>);
    STATIC_REQUIRE_FALSE(std::derived_from<cf::TaskTimeoutError, cf::TimeoutError>);
}

TEST_CASE("CancelledError has a text of its own", "[errors]") {
    CHECK(std::string(cf::CancelledError().what()) == "the task was cancelled");
}

TEST_CASE("WorkerDiedError tells which process and how", "[errors]") {
    const cf::WorkerDiedError killed("killed", 41, std::nullopt, 9);
    CHECK(std::string(killed.what()) == "killed");
    CHECK(killed.pid() == 41);
    CHECK_FALSE(killed.exit_code());
    CHECK(killed.signal() == 9);
    const cf::WorkerDiedError left("left", 42, 3, std::nullopt);
    CHECK(left.exit_code() == 3);
    CHECK_FALSE(left.signal());
}

TEST_CASE("RemoteError keeps type, message and process, and tells all three", "[errors]") {
    const cf::RemoteError error("my::Error", "no paper", 42);
    CHECK(error.type_name() == "my::Error");
    CHECK(error.message() == "no paper");
    CHECK(error.pid() == 42);
    const std::string text = error.what();
    CHECK(text.find("my::Error") != text.npos);
    CHECK(text.find("no paper") != text.npos);
    CHECK(text.find("42") != text.npos);
}

}  // namespace
