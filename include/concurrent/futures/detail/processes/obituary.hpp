// SPDX-License-Identifier: MIT
//
// obituary.hpp: the text of WorkerDiedError and TaskTimeoutError: how a worker ended and what became of its task.
//
//     worker process 4242 was killed by signal 9 (Killed) while it ran task 7 "resize", after 1.20 s, with a
//     peak of 512.0 MiB of memory. This pool did not send the signal: it may have been the kernel's
//     out-of-memory killer. Only this task failed, …
//
// Pure functions of what is known, so that their tests need no process.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "concurrent/futures/detail/platform/child_process.hpp"
#include "concurrent/futures/detail/platform/module_list.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

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

/// Never below 0: a time that another process has written may be wrong.
inline std::string seconds_text(std::int64_t nanoseconds) {
    char text[32];
    std::snprintf(text, sizeof text, nanoseconds < 1'000'000'000 ? "%.3f s" : "%.2f s",
                  static_cast<double>(std::max<std::int64_t>(nanoseconds, 0)) * 1e-9);
    return text;
}

inline std::string memory_text(std::int64_t bytes) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / (1024.0 * 1024.0));
    return text;
}

/// `task 7 "resize"`
inline std::string task_text(std::uint64_t number, const std::string& name) {
    return "task " + std::to_string(number) + (name.empty() ? "" : " \"" + name + "\"");
}

/// Whether the kernel's out-of-memory killer sent a SIGKILL that the pool did not.
enum class OutOfMemory : std::uint8_t { unknown, yes, no };

struct Obituary {
    int pid;
    ExitStatus status;
    std::string task;         // task_text()
    std::int64_t elapsed;     // nanoseconds
    std::int64_t first_peak;  // own_peak_memory() when it started; 0: unknown
    std::string complaint;    // why the pool killed it, or empty
    bool signalled_by_pool;
    OutOfMemory out_of_memory = OutOfMemory::unknown;
    std::string last_words{};  // see last_words.hpp; may be empty
    const char* subject = "worker process";
    const char* parent = "pool";  // whose process it was
    bool forked = false;
    bool memory_limited = false;  // by max_memory_bytes
};

/// Empty if the figure is not the process's own: see own_peak_memory().
inline std::string peak_text(const Obituary& death) {
    const std::int64_t peak = death.status.peak_memory;
    if (death.first_peak <= 0 || peak <= death.first_peak) return {};
    std::string text = ", with a peak of " + memory_text(peak) + " of memory";
    if (death.forked) text += ", " + memory_text(death.first_peak) + " of it there when it was forked";
    return text;
}

/// The reason that the worker wrote, and what the kernel counted.
inline std::string cause_text(OutOfMemory out_of_memory, const std::string& last_words) {
    std::string text = last_words.empty() ? "" : " Its last words: \"" + last_words + "\".";
    if (out_of_memory == OutOfMemory::yes)
        text += " The kernel's out-of-memory killer sent the signal; its control group counts that.";
    return text;
}

/// Exit code 127 of a worker that has not come to process_main(): the loader, or the system, could not execute it.
inline std::string execution_failure_text(const std::string& program) {
    std::string text = " The program could not be executed: ";
    if (::access(program.c_str(), X_OK) != 0) return text + program + ": " + std::strerror(errno) + ".";
    if (const std::string library = missing_library(); !library.empty())
        return text + "its library " + library + " is not there any more.";
    return text + "the loader lacks a library or a symbol, and has said on stderr which; was LD_LIBRARY_PATH changed "
                  "before the pool was made?";
}

/// How the process ended; the caller adds what the pool did about it.
inline std::string obituary_text(const Obituary& death) {
    const ExitStatus& status = death.status;
    std::string text = std::string(death.subject) + " " + std::to_string(death.pid) + " " + describe_end(status) +
                       " while it ran " + death.task + ", after " + seconds_text(death.elapsed) + peak_text(death);
    const bool status_is_no_answer = status.signal == SIGKILL || status.signal == SIGTERM ||
                                     (!status.signal && !status.exit_code);
    if (status_is_no_answer && !death.complaint.empty()) text += " (" + death.complaint + ")";
    text += "." + cause_text(death.out_of_memory, death.last_words);
    if (status.signal == SIGKILL && !death.signalled_by_pool) {
        if (death.out_of_memory == OutOfMemory::unknown)
            text += std::string(" This ") + death.parent + " did not send the signal: it may have been the kernel's out-of-memory killer.";
        if (death.out_of_memory == OutOfMemory::no)
            text += std::string(" This ") + death.parent + " did not send the signal, nor did the kernel's out-of-memory killer, which "
                    "its control group would have counted.";
    }
    if (status.signal == SIGABRT && death.memory_limited && death.last_words.empty())
        text += " It may have reached max_memory_bytes: where an allocator is preloaded whose operator new cannot throw, "
                "such as mimalloc, that aborts instead of throwing std::bad_alloc.";
    if (status.signal == SIGXCPU)
        text += " It had used up its processor time, see WorkerLimits::cpu_time.";
    return text;
}

/// For a task that was given TaskOptions::retries and has used them.
inline std::string attempt_text(std::uint64_t failures) {
    return failures == 0 ? "" : " It was attempt " + std::to_string(failures + 1) + ", the last.";
}

inline constexpr const char* debug_variable = "CONCURRENT_FUTURES_INLINE";
inline constexpr const char* debugging_advice =
    " To debug the task, set CONCURRENT_FUTURES_INLINE=1: pools then run their tasks in the process that "
    "submits them.";

struct TimeoutReport {
    int pid;
    std::string task;                  // task_text()
    std::int64_t elapsed;              // nanoseconds
    std::int64_t limit;                // nanoseconds
    std::int64_t ignored_sigterm_for;  // nanoseconds; below 0: it did not
};

inline std::string timeout_text(const TimeoutReport& report) {
    std::string text = report.task + " was stopped in worker process " + std::to_string(report.pid) +
                       " after " + seconds_text(report.elapsed) + ", its time limit is " +
                       seconds_text(report.limit) + ".";
    if (report.ignored_sigterm_for >= 0)
        text += " It ignored SIGTERM for " + seconds_text(report.ignored_sigterm_for) +
                " and was killed.";
    return text;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
