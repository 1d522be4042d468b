// SPDX-License-Identifier: MIT
//
// spawn_copy.hpp: StartMethod::spawn: this program, started again as a worker.
//
//     ProcessHandle child = spawn_copy(worker_environment(allowance), descriptors);
//
// The descriptors have the numbers from first_inherited on there, and are what process_main() expects.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "concurrent/futures/detail/platform/child_process.hpp"
#include "concurrent/futures/detail/platform/group_signals.hpp"
#include "concurrent/futures/detail/platform/process_rights.hpp"
#include "concurrent/futures/detail/processes/start_environment.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// The calling thread gets no_new_privs if the program's file has rights that this process has not. Throws
/// std::runtime_error, std::system_error.
inline ProcessHandle spawn_copy(const std::vector<std::string>& environment, std::span<const int> descriptors) {
    const char* const path = executable_path();
    // The rights may have changed since the first look.
    if (const std::string reason = why_no_copy_can_be_started(path); !reason.empty())
        throw std::runtime_error(reason);
    if (file_adds_rights(path)) forbid_more_rights();
    // Blocked until the worker has come to process_main() and set its handlers.
    return spawn(path, program_start().arguments, environment, descriptors, group_signals());
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
