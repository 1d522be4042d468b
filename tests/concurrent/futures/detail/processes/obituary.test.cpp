// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/obituary.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdint>
#include <limits>

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("the end of a process in words", "[obituary]") {
    CHECK(describe_end({{}, 9}) == "was killed by signal 9 (Killed)");
    CHECK(describe_end({{}, 11}) == "was killed by signal 11 (Segmentation fault)");
    CHECK(describe_end({0, {}}) == "ended with exit code 0");
    CHECK(describe_end({3, {}}) == "ended with exit code 3");
    CHECK_THAT(describe_end({}), Catch::Matchers::ContainsSubstring("how is unknown") &&
                                     Catch::Matchers::ContainsSubstring("SIGCHLD"));
}

TEST_CASE("times, sizes and tasks in words", "[obituary]") {
    CHECK(seconds_text(0) == "0.000 s");
    CHECK(seconds_text(2'345'678) == "0.002 s");
    CHECK(seconds_text(1'234'000'000) == "1.23 s");
    CHECK(seconds_text(61'000'000'000) == "61.00 s");
    CHECK(seconds_text(std::numeric_limits<std::int64_t>::min()) == "0.000 s");
    CHECK(memory_text(0) == "0.0 MiB");
    CHECK(memory_text(512 * 1024 * 1024) == "512.0 MiB");
    CHECK(task_text(7, "") == "task 7");
    CHECK(task_text(7, "resize") == "task 7 \"resize\"");
}

Obituary of(ExitStatus status) {
    return {.pid = 4242,
            .status = status,
            .task = "task 7 \"resize\"",
            .elapsed = 1'200'000'000,
            .first_peak = 10 * 1024 * 1024,
            .complaint = "",
            .signalled_by_pool = false};
}

TEST_CASE("the death of a worker, word for word", "[obituary]") {
    CHECK(obituary_text(of({{}, 11, 45 * 1024 * 1024})) ==
          "worker process 4242 was killed by signal 11 (Segmentation fault) while it ran task 7 "
          "\"resize\", after 1.20 s, with a peak of 45.0 MiB of memory.");
    CHECK(obituary_text(of({3, {}, 11})) ==
          "worker process 4242 ended with exit code 3 while it ran task 7 \"resize\", after 1.20 s.");
    CHECK(obituary_text(of({{}, 9, 0})) ==
          "worker process 4242 was killed by signal 9 (Killed) while it ran task 7 \"resize\", after "
          "1.20 s. This pool did not send the signal: it may have been the kernel's out-of-memory "
          "killer.");
}

TEST_CASE("a peak of memory is left out unless it is the worker's own", "[obituary]") {
    constexpr std::int64_t mebibyte = 1024 * 1024;
    Obituary death = of({{}, 11, 10 * mebibyte});  // what its parent had before: exec() hands that on
    CHECK(peak_text(death).empty());
    death.status.peak_memory = 10 * mebibyte + 4096;
    death.first_peak = 0;  // it did not come so far as to note it
    CHECK(peak_text(death).empty());
    death.first_peak = 10 * mebibyte;
    CHECK(peak_text(death) == ", with a peak of 10.0 MiB of memory");
    death.status.peak_memory = 12 * mebibyte;
    death.forked = true;
    CHECK(peak_text(death) == ", with a peak of 12.0 MiB of memory, 10.0 MiB of it there when it was forked");
}

TEST_CASE("an abort without words at a limit of memory may be an allocator that cannot throw", "[obituary]") {
    const auto says = Catch::Matchers::ContainsSubstring("It may have reached max_memory_bytes");
    Obituary death = of({{}, 6, 0});
    CHECK_THAT(obituary_text(death), !says);
    death.memory_limited = true;
    CHECK_THAT(obituary_text(death), says);
    death.last_words = "uncaught std::runtime_error: no such shard";
    CHECK_THAT(obituary_text(death), !says);
    death = of({{}, 11, 0});
    death.memory_limited = true;
    CHECK_THAT(obituary_text(death), !says);
}

TEST_CASE("exit code 127 says that the program could not be executed, and why", "[obituary]") {
    CHECK(execution_failure_text("/nowhere/program") ==
          " The program could not be executed: /nowhere/program: No such file or directory.");
    CHECK_THAT(execution_failure_text("/bin/sh"), Catch::Matchers::ContainsSubstring("the loader lacks a library"));
}

TEST_CASE("who sent a SIGKILL, as far as the kernel tells", "[obituary]") {
    Obituary death = of({{}, 9, 0});
    const std::string end =
        "worker process 4242 was killed by signal 9 (Killed) while it ran task 7 \"resize\", after 1.20 s.";
    death.out_of_memory = OutOfMemory::yes;
    CHECK(obituary_text(death) ==
          end + " The kernel's out-of-memory killer sent the signal; its control group counts that.");
    death.out_of_memory = OutOfMemory::no;
    CHECK(obituary_text(death) ==
          end + " This pool did not send the signal, nor did the kernel's out-of-memory killer, which its "
                "control group would have counted.");
}

TEST_CASE("what a worker wrote before it died, and its processor time", "[obituary]") {
    Obituary death = of({{}, 6, 0});
    death.last_words = "uncaught std::runtime_error: no such shard";
    CHECK(obituary_text(death) ==
          "worker process 4242 was killed by signal 6 (Aborted) while it ran task 7 \"resize\", after 1.20 "
          "s. Its last words: \"uncaught std::runtime_error: no such shard\".");
    CHECK(obituary_text(of({{}, 24, 0})) ==
          "worker process 4242 was killed by signal 24 (CPU time limit exceeded) while it ran task 7 "
          "\"resize\", after 1.20 s. It had used up its processor time, see WorkerLimits::cpu_time.");
}

TEST_CASE("why the pool killed a worker stands there where the status says nothing", "[obituary]") {
    Obituary death = of({{}, 9, 0});
    death.complaint = "it closed its results pipe";
    death.signalled_by_pool = true;
    CHECK(obituary_text(death) ==
          "worker process 4242 was killed by signal 9 (Killed) while it ran task 7 \"resize\", after "
          "1.20 s (it closed its results pipe).");
    death.status = {3, {}, 0};
    CHECK(obituary_text(death) ==
          "worker process 4242 ended with exit code 3 while it ran task 7 \"resize\", after 1.20 s.");
}

TEST_CASE("a timeout, word for word", "[obituary]") {
    TimeoutReport report{.pid = 4242,
                         .task = "task 7",
                         .elapsed = 1'010'000'000,
                         .limit = 1'000'000'000,
                         .ignored_sigterm_for = -1};
    CHECK(timeout_text(report) ==
          "task 7 was stopped in worker process 4242 after 1.01 s, its time limit is 1.00 s.");
    report.ignored_sigterm_for = 5'000'000'000;
    CHECK(timeout_text(report) ==
          "task 7 was stopped in worker process 4242 after 1.01 s, its time limit is 1.00 s. It "
          "ignored SIGTERM for 5.00 s and was killed.");
    CHECK(attempt_text(0).empty());
    CHECK(attempt_text(2) == " It was attempt 3, the last.");
    CHECK(attempt_text(0xffff'ffffu) == " It was attempt 4294967296, the last.");
}

}  // namespace
