// SPDX-License-Identifier: MIT
//
// What the programs of growth have in common: arguments, a stopwatch, and the loops over sizes. Each prints one line for each
// measurement, which growth.py makes a table of:
//
//     NAME <tab> SIZE <tab> processor seconds per task <tab> seconds per task
//
// growth_threads [--quick] [TEXT]: small sizes only; the rows whose name has this text. growth_processes: likewise.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace growth {

inline bool quick = false;
inline std::string_view only;

inline void read_arguments(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        if (std::string_view(argv[i]) == "--quick") quick = true;
        else only = argv[i];
    }
}

inline void require(const char* what, bool holds) {
    if (holds) return;
    std::fprintf(stderr, "wrong answer: %s\n", what);
    std::abort();
}

/// Processor time of this process and of the processes it is given. What is between start() and stop() counts.
class Stopwatch {
  public:
    Stopwatch() = default;
    explicit Stopwatch(std::vector<pid_t> others) : others_(std::move(others)) {}

    void start() {
        processor_ -= processor_seconds();
        begin_ = std::chrono::steady_clock::now();
    }
    void stop() {
        seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
        processor_ += processor_seconds();
    }
    void print(std::string_view name, std::size_t size, std::size_t tasks) const {
        std::printf("%.*s\t%zu\t%.4g\t%.4g\n", static_cast<int>(name.size()), name.data(), size,
                    processor_ / static_cast<double>(tasks), seconds_ / static_cast<double>(tasks));
        std::fflush(stdout);
    }

  private:
    static double seconds_of(clockid_t clock) {
        std::timespec time{};
        require("a processor clock", ::clock_gettime(clock, &time) == 0);
        return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
    }
    double processor_seconds() const {
        double sum = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
        for (const pid_t pid : others_) {
            clockid_t clock{};
            require("the clock of a worker", ::clock_getcpuclockid(pid, &clock) == 0);
            sum += seconds_of(clock);
        }
        return sum;
    }

    std::vector<pid_t> others_;
    std::chrono::steady_clock::time_point begin_;
    double processor_ = 0, seconds_ = 0;
};

/// run(size, watch) for 1e3, 1e4 ... `most` tasks, as often as it takes to get to 1e6 tasks, 3 times at least.
template <class Run>
void grow(std::string_view name, std::size_t most, Run run, std::vector<pid_t> others = {}) {
    if (name.find(only) == name.npos) return;
    for (std::size_t size = 1'000; size <= (quick ? 1'000 : most); size *= 10) {
        for (int round = 0; round < (quick ? 1 : 3); ++round) {
            Stopwatch watch(others);
            std::size_t tasks = 0;
            do {
                run(size, watch);
                tasks += size;
            } while (!quick && tasks < 1'000'000);
            watch.print(name, size, tasks);
        }
    }
}

/// run(name, size) for 1, 4, 16 ... `most` threads or processes, 3 times each.
template <class Run>
void grow_fourfold(std::string_view name, std::size_t most, Run run) {
    if (name.find(only) == name.npos) return;
    for (std::size_t size = 1; size <= (quick ? 4 : most); size *= 4)
        for (int round = 0; round < (quick ? 1 : 3); ++round) run(name, size);
}

}  // namespace growth
