// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^[0-9]+ calls, [0-9]+ deaths, 0 wrong$
// timeout-seconds: 120
//
// Many calls, and workers that are killed all the time: some by their call, some by a thread of this program
// that kills any worker it likes. Every future ends exactly once; each has the right value, or WorkerDiedError
// of a worker that did die, by the signal it was killed with, while it ran this call. No call is run again,
// nothing is lost or left behind. Then as many workers as calls, each worn out after one.
// The long forms: process_chaos 100000 6500 (calls, kills), process_chaos recycling 10000. With 10000 calls or more it
// prints, too, how long it took from a death to the failure of its call, and how many calls a second there are in the
// second after the last death.
#include <concurrent/futures/process_pool_executor.hpp>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/deadline.hpp"
#include "support/eventually.hpp"
#include "support/process_log.hpp"
#include "support/processes.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds limit = support::deadline(60s);

using Clock = std::chrono::steady_clock;  // the same in all processes

/// Of each call, in a file that all processes map: how often it has started, in which process, and when it killed it.
struct Start {
    std::int32_t times;
    std::int32_t pid;
    std::int64_t died;  // of Clock; 0: not by itself
};
Start* starts = nullptr;
void map_starts(const std::string& path, std::size_t calls) {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ::ftruncate(file, static_cast<off_t>(calls * sizeof(Start))) != 0) std::abort();
    void* const memory = ::mmap(nullptr, calls * sizeof(Start), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) std::abort();
    starts = static_cast<Start*>(memory);
    ::close(file);
}

enum class Way : std::uint8_t { lives, kill, abort, exit, answer_and_die };

std::vector<int> run_call(std::uint32_t number, Way way, std::size_t size) {
    starts[number].pid = ::getpid();
    // release: the process may be killed between the two stores. Partner: check_call(), which reads both after the kernel has
    // told of the end of this process, and so needs no acquire.
    std::atomic_ref(starts[number].times).fetch_add(1, std::memory_order_release);
    const auto die = [=] {
        ::signal(SIGABRT, SIG_DFL);
        if (way != Way::answer_and_die) starts[number].died = Clock::now().time_since_epoch().count();
        if (way == Way::abort) ::abort();
        if (way == Way::exit) ::_exit(3);
        ::kill(::getpid(), SIGKILL);
    };
    if (way == Way::answer_and_die) std::thread([=] { ::usleep(number % 500), die(); }).detach();  // workload
    else if (way != Way::lives) die();
    return std::vector<int>(size, static_cast<int>(number));
}

std::size_t descriptors() {
    std::size_t count = 0;
    DIR* const folder = ::opendir("/proc/self/fd");
    while (::readdir(folder)) ++count;
    ::closedir(folder);
    return count;
}

std::size_t wrong = 0;
void check(bool right, const std::string& text) {
    if (right) return;
    if (++wrong <= 20) std::printf("wrong: %s\n", text.c_str());
}

// ---- deaths ----

class Chaos {
  public:
    Chaos(cf::StartMethod method, std::size_t calls, std::size_t deaths, unsigned seed)
        : method_(method), calls_(calls), deaths_(deaths), random_(seed), ended_(calls) {}

    /// Gives the number of workers that died.
    std::size_t run() {
        const std::size_t before = descriptors();
        std::size_t died = 0;
        {
            const support::TemporaryDirectory directory;
            const std::string file = directory.path() + "/starts";
            map_starts(file, calls_);
            {
                cf::ProcessPoolExecutor pool({.max_workers = 3,
                                              .start_method = method_,
                                              .initializer = cf::bind_task(map_starts, file, calls_),
                                              .max_tasks_per_child = 400});
                const std::size_t usual = calls_ < 5000 ? 0 : count_calls_of_a_second(pool);
                submit_all(pool);
                if (usual != 0) print_times(usual, count_calls_of_a_second(pool));
                check(pool.submit(::getpid).result(limit) > 0, "the pool at the end");
                const auto now = pool.stats();
                check(now.pending == 0 && now.running == 0, "something is left in stats()");
                check(now.failed == failed_, "stats().failed is not the number of failures");
                check(now.completed == calls_ + measured_ - failed_ + 1, "stats().completed is not the number of results");
                died = now.worker_restarts;
            }
            for (std::size_t i = 0; i < calls_; ++i) {
                // relaxed: the pool and its threads are gone.
                check(ended_[i].load(std::memory_order_relaxed) == 1, "a future did not end exactly once");
                check(starts[i].times <= 1, "a call ran twice");
            }
            ::munmap(starts, calls_ * sizeof(Start));
            ::unlink(file.c_str());
        }
        check(support::children_of(::getpid()).empty(), "a child is left");
        check(descriptors() == before, "a descriptor is left");
        return died;
    }

  private:
    struct Call {
        std::uint32_t number;
        Way way;
        std::size_t size;
        cf::Future<std::vector<int>> future;
    };

    std::size_t count_calls_of_a_second(cf::ProcessPoolExecutor& pool) {
        std::size_t count = 0;
        std::deque<cf::Future<pid_t>> window;
        for (const auto end = Clock::now() + 1s; Clock::now() < end;) {
            window.push_back(pool.submit(::getpid));
            if (window.size() < 200) continue;
            window.front().wait();
            window.pop_front();
            ++count;
        }
        measured_ += count + window.size();
        for (const auto& each : window) each.wait();
        return count;
    }
    void print_times(std::size_t before, std::size_t after) {
        const std::lock_guard lock(mutex_);
        std::sort(until_noticed_.begin(), until_noticed_.end());
        const auto at = [&](std::size_t of_1000) {
            return static_cast<double>(until_noticed_.at((until_noticed_.size() - 1) * of_1000 / 1000)) / 1e6;
        };
        std::printf("%s: %zu deaths by a call were its failure after %.2f ms (median), %.2f ms (99 of 100), %.2f ms (all); "
                    "%zu calls in the second before the first death, %zu in the second after the last one, %.0f %%\n",
                    method_ == cf::StartMethod::spawn ? "spawn" : "fork", until_noticed_.size(), at(500), at(990), at(1000),
                    before, after, 100.0 * static_cast<double>(after) / static_cast<double>(before));
    }

    /// A window of calls, so that deaths meet calls in every state. Every so often any worker is killed.
    void submit_all(cf::ProcessPoolExecutor& pool) {
        std::deque<Call> window;
        std::size_t left = deaths_;
        for (std::uint32_t i = 0; i < calls_; ++i) {
            Way way = Way::lives;
            if (left > 0 && random_() % (calls_ - i) < left) {
                --left;
                const auto chance = random_() % 6;
                if (chance < 4 || !kill_one(pool, window)) way = static_cast<Way>(1 + chance % 4);
            }
            const std::size_t size = random_() % 50 == 0 ? 20'000 + random_() % 40'000 : random_() % 10;
            window.push_back({i, way, size, pool.submit(run_call, i, way, size)});
            window.back().future.add_done_callback([this, i](const cf::Future<std::vector<int>>&) {
                // relaxed: counted when the pool is gone.
                ended_[i].fetch_add(1, std::memory_order_relaxed);
                if (starts[i].died == 0) return;
                const auto now = Clock::now().time_since_epoch().count();
                const std::lock_guard lock(mutex_);
                until_noticed_.push_back(now - starts[i].died);
            });
            if (window.size() < 200) continue;
            check_call(window.front());
            window.pop_front();
        }
        for (const Call& call : window) check_call(call);
        // One for each death at most. Were calls that had been sent ahead lost as well, there would be many more.
        check(before_their_first_line_ <= deaths_, "calls failed that had hardly begun: " +
                                                                std::to_string(before_their_first_line_));
    }

    /// One that has run a call: three in a row that die before they are ready would break the pool.
    bool kill_one(cf::ProcessPoolExecutor& pool, const std::deque<Call>& window) {
        const std::vector<int> pids = pool.worker_pids();
        for (const Call& call : window) {
            const int pid = starts[call.number].pid;
            if (std::find(pids.begin(), pids.end(), pid) == pids.end() || random_() % 8 != 0) continue;
            ::kill(pid, SIGKILL);
            return true;
        }
        return false;
    }

    void check_call(const Call& call) {
        try {
            check(call.future.result(limit) == std::vector<int>(call.size, static_cast<int>(call.number)),
                  "a wrong result");
            check(call.way == Way::lives || call.way == Way::answer_and_die, "a result of a dead worker");
            check(starts[call.number].times == 1, "a result of a call that did not run");
        } catch (const cf::WorkerDiedError& error) {
            ++failed_;
            // The worker may have been killed from outside while it decoded the call.
            const Start& start = starts[call.number];
            check(start.times == 0 || (start.times == 1 && start.pid == error.pid()),
                  "WorkerDiedError of a call that ran " + std::to_string(start.times) + " times, in process " +
                      std::to_string(start.pid) + ": " + error.what());
            before_their_first_line_ += start.times == 0;
            const bool by_itself =
                call.way == Way::abort ? error.signal() == SIGABRT
                : call.way == Way::exit ? error.exit_code() == 3
                                        : error.signal() == SIGKILL;
            // Or it ran on a worker that a thread of an earlier call, or this program, killed.
            check(by_itself || error.signal() == SIGKILL, error.what());
        } catch (const std::exception& error) {
            check(false, error.what());
        }
    }

    const cf::StartMethod method_;
    const std::size_t calls_;
    const std::size_t deaths_;
    std::mt19937 random_;
    std::vector<std::atomic<int>> ended_;
    std::mutex mutex_;
    std::vector<std::int64_t> until_noticed_;  // guarded by mutex_; nanoseconds
    std::size_t failed_ = 0;
    std::size_t measured_ = 0;
    std::size_t before_their_first_line_ = 0;  // calls whose worker died while it decoded them
};

// ---- worn-out workers ----

int recycled(int n) { return n; }

/// Every call has a process of its own; the last ones while the pool shuts down.
void recycle(cf::StartMethod method, int calls) {
    const std::size_t before = descriptors();
    {
        cf::ProcessPoolExecutor pool({.max_workers = 2, .start_method = method, .max_tasks_per_child = 1});
        std::deque<std::pair<int, cf::Future<int>>> window;
        const auto check_first = [&] {
            try {
                check(window.front().second.result(limit) == window.front().first, "recycling: a result");
            } catch (const std::exception& error) {
                check(false, error.what());
            }
            window.pop_front();
        };
        for (int i = 0; i < calls; ++i) {
            window.emplace_back(i, pool.submit(recycled, i));
            if (window.size() == 50) check_first();
        }
        pool.shutdown({.wait = false});
        while (!window.empty()) check_first();
        pool.shutdown();
        check(pool.stats().failed == 0, "recycling: stats().failed");
        check(pool.stats().completed == static_cast<std::size_t>(calls), "recycling: stats().completed");
    }
    check(support::children_of(::getpid()).empty(), "recycling: a child is left");
    check(descriptors() == before, "recycling: a descriptor is left");
}

}  // namespace

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    const bool only_recycling = argc > 2 && std::string(argv[1]) == "recycling";
    const auto number = [&](int index, std::size_t usual) {
        return argc > index ? static_cast<std::size_t>(std::atol(argv[index])) : usual;
    };
    std::size_t calls = 0;
    std::size_t deaths = 0;
    const unsigned seed = argc > 3 ? static_cast<unsigned>(std::atol(argv[3])) : std::random_device()();
    std::printf("seed %u\n", seed);
    if (CONCURRENT_FUTURES_TSAN) std::printf("fork: left out, ThreadSanitizer cannot follow it\n");
    for (const auto method : {cf::StartMethod::spawn, cf::StartMethod::fork}) {
        if (CONCURRENT_FUTURES_TSAN && method == cf::StartMethod::fork) continue;
        if (!only_recycling) {
            const std::size_t count = number(1, support::sanitized ? 600 : 2000) / 2;
            calls += count;
            deaths += Chaos(method, count, number(2, support::sanitized ? 30 : 100) / 2, seed).run();
        }
        const auto times = only_recycling ? number(2, 0) / 2 : support::sanitized ? 20U : 100U;
        calls += times;
        recycle(method, static_cast<int>(times));
    }
    std::printf("%zu calls, %zu deaths, %zu wrong\n", calls, deaths, wrong);
    return wrong == 0 ? 0 : 1;
}
