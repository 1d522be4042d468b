// SPDX-License-Identifier: MIT
//
// obituary.hpp: how a worker died, in words for a person.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "concurrent/futures/detail/platform/child_process.hpp"

namespace concurrent::futures::inline v1::detail {

/// "was killed by signal 11 (Segmentation fault)", "ended with exit code 3", …
inline std::string describe_end(const ExitStatus& status) {
    if (status.signal) {
        const char* const name = ::strsignal(*status.signal);
        return "was killed by signal " + std::to_string(*status.signal) + " (" +
               (name ? name : "unknown") + ")";
    }
    if (status.exit_code) return "ended with exit code " + std::to_string(*status.exit_code);
    return "ended, how is unknown (somebody else reaped it: SIGCHLD ignored, or a waitpid(-1)?)";
}

inline std::string seconds_text(std::int64_t nanoseconds) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f s", static_cast<double>(nanoseconds) * 1e-9);
    return text;
}

}  // namespace concurrent::futures::inline v1::detail
