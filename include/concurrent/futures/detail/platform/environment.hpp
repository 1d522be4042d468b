// SPDX-License-Identifier: MIT
//
// environment.hpp: the environment of this process, if it can be trusted.
//
//     const char* text = trusted_variable("CONCURRENT_FUTURES_INLINE");   // null: not set, or not trusted
//     std::vector<std::string> copy = environment_without("CONCURRENT_FUTURES_WORKER");
//
// A program whose file is set-user-ID, set-group-ID or has capabilities runs with more rights than the user who
// starts it, and that user chooses the environment. In such a process no variable of ours has an effect.
// Threads: as getenv(): not while another thread changes the environment.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "concurrent/futures/detail/platform/config.hpp"

#if CONCURRENT_FUTURES_LINUX
#include <sys/auxv.h>
#endif

extern "C" char** environ;

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// The program's file gave this process more rights than its user has. True for the whole life
/// of the process, even after it has given those rights up.
inline bool file_gave_rights() noexcept {
#if CONCURRENT_FUTURES_LINUX
    return ::getauxval(AT_SECURE) != 0;
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__NetBSD__)
    return ::issetugid() != 0;
#else
    return ::getuid() != ::geteuid() || ::getgid() != ::getegid();
#endif
}

/// Null when it is not set, or when the environment is not to be believed.
inline const char* trusted_variable(const char* name) noexcept {
    return file_gave_rights() ? nullptr : std::getenv(name);
}

/// All variables but one, each as "NAME=value".
inline std::vector<std::string> environment_without(std::string_view name) {
    std::vector<std::string> variables;
    for (char** variable = environ; variable && *variable; ++variable) {
        const std::string_view text = *variable;
        if (text.substr(0, text.find('=')) != name) variables.emplace_back(text);
    }
    return variables;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
