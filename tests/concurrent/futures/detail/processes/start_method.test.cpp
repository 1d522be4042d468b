// SPDX-License-Identifier: MIT
//
// Which start method a pool uses, and why none can be. That fork is used in a process with one thread is in tests/programs.
#include <concurrent/futures/detail/processes/start_method.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

#include "support/gate.hpp"

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;

/// Puts back what process_main() has noted.
struct KeepStart {
    ~KeepStart() {
        program_start().process_main_ran = ran;
        program_start().depth = depth;
    }
    const bool ran = program_start().process_main_ran;
    const int depth = program_start().depth;
};

std::string refusal(cf::StartMethod method, const StartedObject& object = {}) {
    try {
        choose_spawn(method, object);
    } catch (const cf::BrokenProcessPool& error) {
        return error.what();
    }
    return "";
}

TEST_CASE("after process_main() workers are spawned, unless fork is asked for", "[start_method]") {
    REQUIRE(program_start().process_main_ran);
    CHECK(choose_spawn(cf::StartMethod::automatic));
    CHECK(choose_spawn(cf::StartMethod::spawn));
}

TEST_CASE("without process_main() nothing is spawned, and the error says what to add", "[start_method]") {
    const KeepStart keep;
    program_start().process_main_ran = false;
    const std::string why = refusal(cf::StartMethod::spawn);
    CHECK(why.starts_with("ProcessPoolExecutor: StartMethod::spawn"));
    CHECK(why.find("process_main(argc, argv) as the first line of main") != std::string::npos);
}

TEST_CASE("a process with more than one thread is not forked, and the error names what was to be made", "[start_method]") {
    const KeepStart keep;
    support::Gate may_end;
    std::thread other([&] { may_end.wait(); });
    const std::string with = refusal(cf::StartMethod::fork);
    program_start().process_main_ran = false;
    const std::string without = refusal(cf::StartMethod::automatic, {"Process", "process"});
    may_end.open();
    other.join();
    CHECK(with.find("needs a process with one thread, and this one has ") != std::string::npos);
    CHECK(with.find("use StartMethod::spawn") != std::string::npos);
    CHECK(without.starts_with("Process: without process_main(), fork is used"));
    CHECK(without.find("make the process before starting threads, or add ") != std::string::npos);
}

TEST_CASE("pools in workers of pools end at a depth, whatever the start method", "[start_method]") {
    const KeepStart keep;
    program_start().depth = depth_limit - 1;
    CHECK(choose_spawn(cf::StartMethod::spawn));
    program_start().depth = depth_limit;
    for (const auto method : {cf::StartMethod::automatic, cf::StartMethod::spawn, cf::StartMethod::fork})
        CHECK(refusal(method).find("nested 10 deep") != std::string::npos);
}

TEST_CASE("a worker that makes a pool before process_main() is told so", "[start_method]") {
    const KeepStart keep;
    program_start().process_main_ran = false;
    ::setenv(worker_variable, "1:1:1", 1);
    const std::string why = refusal(cf::StartMethod::automatic);
    ::unsetenv(worker_variable);
    CHECK(why.find("started as a worker, but main makes a pool before it calls process_main") != std::string::npos);
}

}  // namespace
