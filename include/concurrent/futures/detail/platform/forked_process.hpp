// SPDX-License-Identifier: MIT
//
// forked_process.hpp: fork() and the end of the child, so that output and coverage counts are there exactly once.
//
//     flush_standard_streams();           // before: or the child writes the parent's buffered output again
//     if (fork_process() == 0) {
//         …
//         end_forked_process(code);       // not exit(): the static objects are those of the parent
//     }
//
// Standard streams: stdio and std::cout, std::cerr, std::clog with their wide forms, also after
// std::ios::sync_with_stdio(false). A std::ofstream of the program is not known here: flush it before the fork, and at
// the end of a task.
//
// Coverage: a program built with --coverage or -fprofile-instr-generate counts in memory and writes the counts in
// exit(), which a forked process never calls. They are set to 0 in the child and written when it ends. LLVM writes
// one file per process: LLVM_PROFILE_FILE needs %p or %m, as for any program with several processes.
// What is killed writes nothing. Threads: as fork().
#pragma once

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <ios>
#include <ostream>

#include "concurrent/futures/detail/platform/config.hpp"

// The runtimes of gcc and clang, where this module is linked with them; null elsewhere. Not declared hidden, although
// they are: the linker gold then gives an address that is not null in position-independent programs.
#if defined(__GNUC__)
#define CONCURRENT_FUTURES_COVERAGE __attribute__((weak))
extern "C" {
CONCURRENT_FUTURES_COVERAGE void __gcov_dump();
CONCURRENT_FUTURES_COVERAGE void __gcov_exit();  // in every program that gcc instruments, unlike the other two
CONCURRENT_FUTURES_COVERAGE void __gcov_reset();
CONCURRENT_FUTURES_COVERAGE int __llvm_profile_write_file();
CONCURRENT_FUTURES_COVERAGE void __llvm_profile_reset_counters();
CONCURRENT_FUTURES_COVERAGE void __llvm_profile_set_filename(const char* name);
extern CONCURRENT_FUTURES_COVERAGE const char __llvm_profile_filename[];  // of -fprofile-instr-generate=name
}
#undef CONCURRENT_FUTURES_COVERAGE
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

// Without <iostream>, which makes static objects in each file that includes it.
#if defined(__GLIBCXX__) && !_GLIBCXX_INLINE_VERSION
#define CONCURRENT_FUTURES_HAS_STREAM_NAMES 1
extern std::ostream standard_cout __asm__("_ZSt4cout");
extern std::ostream standard_cerr __asm__("_ZSt4cerr");
extern std::ostream standard_clog __asm__("_ZSt4clog");
extern std::wostream standard_wcout __asm__("_ZSt5wcout");
extern std::wostream standard_wcerr __asm__("_ZSt5wcerr");
extern std::wostream standard_wclog __asm__("_ZSt5wclog");
#else
#define CONCURRENT_FUTURES_HAS_STREAM_NAMES 0
#endif

inline void flush_standard_streams() noexcept {
#if CONCURRENT_FUTURES_HAS_STREAM_NAMES
    const std::ios_base::Init streams_exist;  // also where no file of the program includes <iostream>
    const auto flush = [](auto& stream) {
        try {
            stream.flush();
        } catch (...) {  // where the program has asked for exceptions()
        }
    };
    for (std::ostream* const stream : {&standard_cout, &standard_cerr, &standard_clog}) flush(*stream);
    for (std::wostream* const stream : {&standard_wcout, &standard_wcerr, &standard_wclog}) flush(*stream);
#endif
    std::fflush(nullptr);
}

#if defined(__GNUC__)
inline void reset_coverage() noexcept {
    if (__gcov_reset) __gcov_reset();
    if (__llvm_profile_reset_counters) __llvm_profile_reset_counters();
    if (__llvm_profile_set_filename) {  // %p in the name is this process now
        const char* const chosen = std::getenv("LLVM_PROFILE_FILE");
        const char* const usual = __llvm_profile_filename ? __llvm_profile_filename : "default.profraw";
        __llvm_profile_set_filename(chosen && *chosen ? chosen : usual);
    }
}

inline void write_coverage() noexcept {
    if (__gcov_dump)
        __gcov_dump();
    else if (__gcov_exit)
        __gcov_exit();
    if (__llvm_profile_write_file) __llvm_profile_write_file();
}
#else
inline void reset_coverage() noexcept {}
inline void write_coverage() noexcept {}
#endif

/// As fork().
inline pid_t fork_process() noexcept {
#if defined(__has_builtin)
#if __has_builtin(__builtin_fork)
    const pid_t pid = __builtin_fork();  // with --coverage this brings __gcov_reset into the program
#else
    const pid_t pid = ::fork();
#endif
#else
    const pid_t pid = ::fork();
#endif
    if (pid == 0) reset_coverage();
    return pid;
}

[[noreturn]] inline void end_forked_process(int code) noexcept {
    flush_standard_streams();
    write_coverage();
    ::_exit(code);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
