// SPDX-License-Identifier: MIT
//
// ended_main_thread.hpp: the end of a worker process whose user code called pthread_exit(), or had its thread cancelled.
//
//     try { run(); } catch (ForcedUnwind&) { end_without_main_thread("worker process 12", end); } catch (...) { … }
//
// A handler cannot stop the unwinding (forced_unwind.hpp). If it went on, the process would live without its main
// thread, or end with exit code 0 as if its task were done. So the process ends here, with exit code 1, and says why: on
// stderr, and in its last words, which are in the text of WorkerDiedError and of Process::obituary().
#pragma once

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/platform/forked_process.hpp"
#include "concurrent/futures/detail/platform/last_words.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// How a child ends: std::exit, or end_forked_process.
using EndProcess = void (*)(int code);

inline constexpr const char* ended_main_thread_text =
    "a function ended the main thread, with pthread_exit() or because it was cancelled; return or throw instead";

/// In the handler: the objects of the user's code are destroyed. Does not return.
[[noreturn]] inline void end_without_main_thread(const char* where, EndProcess end) noexcept {
    dying_process.say(ended_main_thread_text);
    std::fprintf(stderr, "concurrent::futures: %s: %s\n", where, ended_main_thread_text);
    flush_standard_streams();
    end(EXIT_FAILURE);
    ::_exit(EXIT_FAILURE);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
