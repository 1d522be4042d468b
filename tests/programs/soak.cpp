// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^in all 20000 thread tasks, 200 process tasks, 8 deaths, 20 pools: 0 wrong$
// arguments: 20000 200 8 20
// timeout-seconds: 120
//
// Long use leaves nothing behind: in rounds, tasks on one thread pool and on one process pool that live all the time, workers
// that die, and pools that are made and destroyed. After each round the memory, the descriptors, the threads and the
// processes of this program are looked at; what they were after the first rounds they must stay.
//
// Arguments: how many tasks of threads, tasks of processes, deaths and pools; a file to which each round adds a line, and
// where it goes on when it is started again; for how many seconds at most. The long form: scripts/long_tests.sh soak
#include <concurrent/futures/algorithm.hpp>
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <numeric>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "support/deadline.hpp"
#include "support/eventually.hpp"
#include "support/processes.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds limit = support::deadline(60s);
constexpr int warm_up = 3;                // rounds
constexpr std::size_t more_memory = 32;   // MiB that the allocators may keep more than after these rounds
constexpr bool watches_memory = !CONCURRENT_FUTURES_SANITIZED && !CONCURRENT_FUTURES_TSAN;  // those keep what is freed
constexpr std::size_t more_of_one = 8;   // descriptors or threads that may be there for a moment

enum Kind : std::size_t { thread_tasks, process_tasks, deaths, pools, kinds };
using Counts = std::array<std::size_t, kinds>;

std::size_t wrong = 0;
void check(bool right, const std::string& text) {
    if (right) return;
    if (++wrong <= 20) std::printf("wrong: %s\n", text.c_str());
}

struct Use {
    std::size_t memory = 0;  // KiB
    std::size_t descriptors = 0, threads = 0, processes = 0;

    static Use now() {
        Use use;
        std::ifstream status("/proc/self/status");
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("VmRSS:")) use.memory = std::stoul(line.substr(6));
            if (line.starts_with("Threads:")) use.threads = std::stoul(line.substr(8));
        }
        DIR* const folder = ::opendir("/proc/self/fd");
        while (folder && ::readdir(folder)) ++use.descriptors;
        if (folder) ::closedir(folder);
        use.processes = support::descendants_of(::getpid()).size();
        return use;
    }
    bool within(const Use& most) const {
        return descriptors <= most.descriptors && threads <= most.threads && processes <= most.processes;
    }
    std::string text() const {
        return std::to_string(memory / 1024) + " MiB, " + std::to_string(descriptors) + " descriptors, " +
               std::to_string(threads) + " threads, " + std::to_string(processes) + " processes";
    }
};

std::size_t next(std::size_t n) { return n + 1; }
void die(int way) {
    ::signal(SIGABRT, SIG_DFL);
    if (way == 0) ::kill(::getpid(), SIGKILL);
    if (way == 1) ::_exit(3);
    ::abort();
}

void run_thread_tasks(cf::ThreadPoolExecutor& pool, std::size_t count) {
    constexpr std::size_t window = 1000;
    std::vector<cf::Future<std::size_t>> futures;
    for (std::size_t done = 0, turn = 0; done < count; ++turn) {
        const std::size_t now = std::min(window, count - done);
        if (turn % 4 == 0) {
            for (std::size_t n = 0; n < now; ++n) futures.push_back(pool.submit(next, n));
            for (std::size_t n = 0; n < now; ++n) check(futures[n].result(limit) == n + 1, "the result of a thread");
            futures.clear();
        } else if (turn % 4 == 1) {
            std::vector<std::size_t> numbers(now);
            std::iota(numbers.begin(), numbers.end(), std::size_t{0});
            std::size_t sum = 0;
            for (const std::size_t n : pool.map(next, numbers)) sum += n;
            check(sum == now * (now + 1) / 2, "the results of a map");
        } else if (turn % 4 == 2) {
            std::atomic<std::size_t> runs{0};
            for (std::size_t n = 0; n < now; ++n) pool.post([&] { runs.fetch_add(1); });
            pool.wait_idle();
            check(runs.load() == now, "posted tasks");
        } else {
            std::atomic<std::size_t> runs{0};
            std::size_t cancelled = 0;
            for (std::size_t n = 0; n < now; ++n) futures.push_back(pool.submit([&, n] { return ++runs, n; }));
            for (std::size_t n = 0; n < now; n += 3) cancelled += futures[n].cancel();
            futures.clear();
            pool.wait_idle();
            check(runs.load() + cancelled == now, "each task runs or is cancelled");
        }
        done += now;
    }
}
void run_process_tasks(cf::ProcessPoolExecutor& pool, std::size_t count) {
    constexpr std::size_t window = 100;
    std::vector<cf::Future<std::size_t>> futures;
    for (std::size_t done = 0; done < count; done += window) {
        for (std::size_t n = 0; n < std::min(window, count - done); ++n) futures.push_back(pool.submit(next, n));
        for (std::size_t n = 0; n < futures.size(); ++n)
            check(futures[n].result(limit) == n + 1, "the result of a process");
        futures.clear();
    }
}
void run_deaths(cf::ProcessPoolExecutor& pool, std::size_t count) {
    for (std::size_t n = 0; n < count; ++n) {
        try {
            pool.submit(die, static_cast<int>(n % 3)).result(limit);
            check(false, "a task that dies has no result");
        } catch (const cf::WorkerDiedError&) {
        }
    }
    check(pool.submit(next, std::size_t{1}).result(limit) == 2, "the pool after deaths");
}
void run_pools(std::size_t count) {
    for (std::size_t n = 0; n < count; ++n) {
        if (n % 20 == 0) {
            cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
            check(pool.submit(next, n).result(limit) == n + 1, "a pool of processes");
        } else {
            cf::ThreadPoolExecutor pool(2);
            const auto one = pool.submit(next, n);
            pool.post([] {});
            if (n % 2 == 0) check(one.result(limit) == n + 1, "a pool of threads");
        }
    }
}

/// What was done by earlier runs, as the last line of the file says.
Counts done_before(const std::string& path) {
    Counts done{};
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        std::istringstream fields(line);
        Counts now{};
        if (line.empty() || line[0] == '#') continue;
        for (std::size_t& one : now) fields >> one;
        if (fields) done = now;
    }
    return done;
}

class Soak {
  public:
    Soak(const Counts& wanted, const std::string& path, std::chrono::seconds longest)
        : wanted_(wanted), done_(path.empty() ? Counts{} : done_before(path)), end_(Clock::now() + longest) {
        if (!path.empty()) file_.emplace(path, std::ios::app);
    }

    void run() {
        const Use before = Use::now();
        {
            cf::ProcessPoolExecutor processes({.max_workers = 2, .start_method = cf::StartMethod::fork});
            cf::ThreadPoolExecutor threads(2);
            threads.start_workers();
            for (int round = 0; !is_over(); ++round) {
                run_round(threads, processes);
                look(round);
            }
        }
        // ThreadSanitizer starts a thread of its own when the program starts its first one.
        const Use most{0, before.descriptors, before.threads + (CONCURRENT_FUTURES_TSAN ? 1 : 0), before.processes};
        check(support::eventually([&] { return Use::now().within(most); }),
              "left behind: before " + before.text() + ", now " + Use::now().text());
    }
    const Counts& done() const { return done_; }

  private:
    bool is_over() const { return done_ >= wanted_ || wrong != 0 || (file_ && Clock::now() > end_); }
    /// A part of what is wanted, so that all kinds end at the same time.
    void run_round(cf::ThreadPoolExecutor& threads, cf::ProcessPoolExecutor& processes) {
        const auto share = [&](Kind kind) {
            const std::size_t parts = file_ ? 1000 : 10;
            return std::min(wanted_[kind] - std::min(wanted_[kind], done_[kind]), (wanted_[kind] + parts - 1) / parts);
        };
        const Counts now{share(thread_tasks), share(process_tasks), share(deaths), share(pools)};
        run_thread_tasks(threads, now[thread_tasks]);
        run_process_tasks(processes, now[process_tasks]);
        run_deaths(processes, now[deaths]);
        run_pools(now[pools]);
        for (std::size_t kind = 0; kind < kinds; ++kind) done_[kind] += now[kind];
    }
    void look(int round) {
        if (round < warm_up) {
            const Use now = Use::now();
            most_ = {std::max(most_.memory, now.memory + more_memory * 1024),
                     std::max(most_.descriptors, now.descriptors + more_of_one),
                     std::max(most_.threads, now.threads + more_of_one), std::max<std::size_t>(most_.processes, 4)};
        } else {
            check(support::eventually([&] { return Use::now().within(most_); }),
                  "more than " + most_.text() + ": " + Use::now().text());
            check(!watches_memory || Use::now().memory <= most_.memory,
                  "more memory than " + most_.text() + ": " + Use::now().text());
        }
        if (!file_) return;
        for (const std::size_t one : done_) *file_ << one << ' ';
        *file_ << Use::now().text() << std::endl;
    }

    const Counts wanted_;
    Counts done_;
    const Clock::time_point end_;
    Use most_;
    std::optional<std::ofstream> file_;
};

}  // namespace

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    Counts wanted{20'000, 200, 8, 20};
    for (std::size_t kind = 0; kind < kinds && static_cast<int>(kind) + 1 < argc; ++kind)
        wanted[kind] = std::stoul(argv[kind + 1]);
    Soak soak(wanted, argc > 5 ? argv[5] : "", std::chrono::seconds(argc > 6 ? std::stol(argv[6]) : 1'000'000));
    soak.run();
    const Counts& done = soak.done();
    std::printf("in all %zu thread tasks, %zu process tasks, %zu deaths, %zu pools: %zu wrong\n", done[thread_tasks],
                done[process_tasks], done[deaths], done[pools], wrong);
    return wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
