// SPDX-License-Identifier: MIT
//
// forked.hpp: runs something in a fork of the test, and tells how that ended and what it wrote to standard error.
//
//     const support::ForkedEnd end = support::run_forked([&] { return check() ? 0 : 1; });
//     CHECK(end.exit_code() == 0);
//     CHECK(end.errors.empty());
#pragma once

#include <concurrent/futures/detail/platform/forked_process.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

namespace support {

struct ForkedEnd {
    int status = 0;  // as of waitpid()
    std::string errors;

    /// -1: a signal ended it.
    int exit_code() const noexcept { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }
};

namespace detail {

template <class Call>
int exit_code_of(Call& call) {
    try {
        return call();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "exception in a forked child: %s\n", error.what());
    } catch (...) {
        std::fputs("exception of an unknown type in a forked child\n", stderr);
    }
    std::fflush(stderr);
    return 120;
}

}  // namespace detail

/// The child ends with what `call` returns, as with _exit(); or before. With 120 after an exception, whose text is in `errors`.
template <class Call>
ForkedEnd run_forked(Call call) {
    concurrent::futures::detail::flush_standard_streams();  // or the child writes the buffers once more
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    const pid_t child = ::fork();
    if (child < 0) std::abort();
    if (child == 0) {
        ::dup2(ends[1], STDERR_FILENO);
        ::close(ends[0]);
        ::close(ends[1]);
        ::_exit(detail::exit_code_of(call));
    }
    ::close(ends[1]);
    ForkedEnd end;
    char text[512];
    for (;;) {
        const ssize_t size = ::read(ends[0], text, sizeof text);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) break;
        end.errors.append(text, static_cast<std::size_t>(size));
    }
    ::close(ends[0]);
    while (::waitpid(child, &end.status, 0) < 0 && errno == EINTR) {
    }
    return end;
}

}  // namespace support
