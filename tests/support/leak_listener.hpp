// SPDX-License-Identifier: MIT
//
// leak_listener.hpp: a test that leaves a thread, a descriptor or a process behind fails.
//
//     const auto before = support::ProcessResources::now();
//     …
//     for (const std::string& leak : support::leaks_since(before, support::settle_time)) …
//
// A Catch2 listener does this around every test case. Threads and processes end a moment after
// they were joined or waited for, so a difference counts only if it lasts for settle_time.
// Catch2 does not let a listener fail a test case; main turns leaks_found() into an exit code.
// Compared are: threads, open descriptors and what they refer to, children of this process and of
// its watchdog (which adopts orphans), ended or not, the signal mask of the calling thread, and
// the dispositions of SIGPIPE, SIGCHLD, SIGINT and SIGTERM.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace support {

inline constexpr std::chrono::seconds settle_time{5};

struct ProcessResources {
    std::map<pid_t, std::string> threads;
    std::map<int, std::string> descriptors;
    std::map<pid_t, std::string> processes;
    std::map<std::string, std::string> signals;

    static ProcessResources now();
};

/// One line for each thing that `after` holds and `before` does not.
std::vector<std::string> differences(const ProcessResources& before,
                                     const ProcessResources& after);

/// One line for each thing that is there now, was not there before, and does not go away.
std::vector<std::string> leaks_since(const ProcessResources& before,
                                     std::chrono::milliseconds settle);

/// How many test cases of this run leaked.
int leaks_found();

}  // namespace support
