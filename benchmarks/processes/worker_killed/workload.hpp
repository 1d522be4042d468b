// SPDX-License-Identifier: MIT
//
// A worker that runs a task is killed: from before the kill() to the moment when the waiting submitter
// knows. Not timed: starting the task, replacing the worker.
#pragma once

#include <signal.h>
#include <unistd.h>

#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* title = "worker killed to future failed";
inline constexpr int kills = 30;

[[noreturn]] inline int wait_forever(int) {
    for (;;) ::pause();
}

/// `begin()` starts the task, waits until it runs, and gives the pid; `learn()` waits for the bad news.
template <class Begin, class Learn>
void time_kills(benchmark::State& state, Begin begin, Learn learn) {
    Samples samples;
    for (auto _ : state) {
        const pid_t pid = begin();
        const auto start = std::chrono::steady_clock::now();
        require("kill", ::kill(pid, SIGKILL) == 0);
        learn(pid);
        samples.add(std::chrono::steady_clock::now() - start);
    }
    samples.report_median(state);
}

}  // namespace benchmarks
