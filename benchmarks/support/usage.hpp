// SPDX-License-Identifier: MIT
//
// usage.hpp: what the process has used so far: processor time, context switches, memory. Linux.
//
//     const Usage before = usage_of_other_threads();
//     …
//     const Usage used = usage_of_other_threads() - before;
#pragma once

#include <sys/resource.h>

#include <ctime>
#include <fstream>
#include <string>

#include "support/workload.hpp"

namespace benchmarks {

struct Usage {
    double cpu_seconds = 0;
    double context_switches = 0;  // of their own will or not

    friend Usage operator-(const Usage& left, const Usage& right) {
        return {left.cpu_seconds - right.cpu_seconds, left.context_switches - right.context_switches};
    }
};

inline double seconds_of(clockid_t clock) {
    std::timespec time{};
    require("clock_gettime", ::clock_gettime(clock, &time) == 0);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}
inline double context_switches_of(decltype(RUSAGE_SELF) who) {
    rusage usage{};
    require("getrusage", ::getrusage(who, &usage) == 0);
    return static_cast<double>(usage.ru_nvcsw + usage.ru_nivcsw);
}

/// Of the process without the thread that measures; threads that have ended included.
inline Usage usage_of_other_threads() {
    double own = 0, all = 0;
    // One clock right after the other, since what lies between counts as theirs; the first time, after a
    // sleep, takes microseconds.
    for (int times = 0; times < 3; ++times) {
        own = seconds_of(CLOCK_THREAD_CPUTIME_ID);
        all = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    }
    return {all - own, context_switches_of(RUSAGE_SELF) - context_switches_of(RUSAGE_THREAD)};
}

/// From smaps_rollup, which counts; the quicker statm only estimates.
inline double resident_bytes() {
    std::ifstream file("/proc/self/smaps_rollup");
    for (std::string word; file >> word;) {
        double kibibytes = 0;
        if (word == "Rss:" && file >> kibibytes) return kibibytes * 1024;
    }
    require("resident memory in /proc/self/smaps_rollup", false);
    return 0;
}

}  // namespace benchmarks
