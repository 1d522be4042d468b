// SPDX-License-Identifier: MIT
//
// This program, started again as a child.
#include <concurrent/futures/detail/processes/spawn_copy.hpp>

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <concurrent/futures/detail/wire/remote_call.hpp>
#include <cstddef>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "concurrent/futures/detail/processes/single_call_parts.hpp"

namespace {

using namespace concurrent::futures::detail;

constexpr const char* variable = "CONCURRENT_FUTURES_TEST_SPAWN_COPY";

void expect(bool holds, const char* what) {
    if (!holds) throw std::runtime_error(what);
}
/// In the child: its exit code is 0 if all of it holds.
void look_around(int parent, std::string value) {
    const char* const found = std::getenv(variable);
    expect(found && found == value, "the environment is not the one that was given");
    expect(!std::getenv(worker_variable), "programs that the child starts would take its order for theirs");
    expect(::getpid() != parent && ::getppid() == parent, "it is no child of the process that started it");
    expect(program_start().depth == 1, "it does not know that it is a worker");
    expect(::fcntl(proving_descriptor, F_GETFD) == -1, "what it inherited keeps its low number");
}

std::vector<std::string> environment_of_child(const std::string& value) {
    std::vector<std::string> environment = worker_environment(0, WorkerKind::single_call);
    environment.push_back(std::string(variable) + "=" + value);
    return environment;
}

TEST_CASE("a copy of this program gets the environment and the descriptors that it is started with", "[spawn_copy]") {
    for (const std::string value : {"one", "two"}) {
        calls::Order order(encode_call(look_around, static_cast<int>(::getpid()), value));
        const ProcessHandle child = spawn_copy(environment_of_child(value), order.descriptors());
        CHECK(child.reap().exit_code == 0);
        CHECK(order.state() == SlotState::running);
    }
}

TEST_CASE("a copy that notices another value than that which it got tells by its exit code", "[spawn_copy]") {
    calls::Order order(encode_call(look_around, static_cast<int>(::getpid()), std::string("another")));
    order.cut_life_line();  // it ends before it would write to standard error
    CHECK(spawn_copy(environment_of_child("one"), order.descriptors()).reap().exit_code == 1);
    CHECK(order.state() == SlotState::sent);
}

TEST_CASE("a copy that the system cannot start is an exception", "[spawn_copy]") {
    calls::Order order(encode_call(look_around, 0, std::string()));
    const std::string too_long(std::size_t{1} << 22, 'x');
    CHECK_THROWS_AS(spawn_copy(environment_of_child(too_long), order.descriptors()), std::system_error);
    CHECK(order.state() == SlotState::sent);
}

}  // namespace
