// SPDX-License-Identifier: MIT
//
// terminal.hpp: what a progress bar needs to know about the terminal behind a descriptor.
//
// On systems without POSIX only "is it a terminal" is known; the width is then taken as 80 columns.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <string_view>

#include "concurrent/futures/detail/platform/config.hpp"

#if CONCURRENT_FUTURES_HAS_PROCESSES
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#elif defined(_WIN32)
#include <io.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline bool is_terminal(int descriptor) noexcept {
#if CONCURRENT_FUTURES_HAS_PROCESSES
    return ::isatty(descriptor) == 1;
#elif defined(_WIN32)
    return ::_isatty(descriptor) != 0;
#else
    return static_cast<void>(descriptor), false;
#endif
}

/// False for a job in the background: its output would disturb the shell, and can stop the job (SIGTTOU).
inline bool is_in_foreground(int descriptor) noexcept {
#if CONCURRENT_FUTURES_HAS_PROCESSES
    const pid_t foreground = ::tcgetpgrp(descriptor);  // -1: not the controlling terminal, so no job control
    return foreground < 0 || foreground == ::getpgrp();
#else
    return static_cast<void>(descriptor), true;
#endif
}

inline std::size_t terminal_columns(int descriptor) noexcept {
#if CONCURRENT_FUTURES_HAS_PROCESSES
    ::winsize size{};
    if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
#else
    static_cast<void>(descriptor);
#endif
    return 80;
}

/// False when it cannot be written, or not all of it.
inline bool write_to_terminal(int descriptor, std::string_view text) noexcept {
#if CONCURRENT_FUTURES_HAS_PROCESSES
    while (!text.empty()) {
        const ssize_t written = ::write(descriptor, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
#elif defined(_WIN32)
    return ::_write(descriptor, text.data(), static_cast<unsigned>(text.size())) == static_cast<int>(text.size());
#else
    return static_cast<void>(descriptor), text.empty();
#endif
}

/// NO_COLOR (no-color.org), and terminals that know no escape sequences.
inline bool wants_colour() noexcept {
    const char* const no_color = std::getenv("NO_COLOR");
    const char* const kind = std::getenv("TERM");
    return (!no_color || !*no_color) && kind && std::string_view(kind) != "dumb";
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
