// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^150 children: 0 hung, 0 wrong$
// timeout-seconds: 120
//
// The program forks 150 times while its threads use every process-wide lock of this library: calls, callbacks and
// chains (the store of pages), shared arrays, channels, process pools. Each child makes a new thread pool, a shared
// array and a channel, every tenth a spawned process pool too, uses them, and ends. A lock that a thread held at the
// fork is held in the child for ever, so a child that waits for it hangs; alarm() ends it.
#include <concurrent/futures.hpp>
#include <concurrent/futures/channel.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

#include "support/deadline.hpp"

namespace cf = concurrent::futures;

static int square(int n) { return n * n; }
static int first_of(const cf::SharedArray<int>& numbers) { return numbers[0]; }

using Large = std::array<char, 400>;  // about 30 blocks on a page

// ---- the program's threads ----

static void chain(cf::ThreadPoolExecutor& pool) {
    std::vector<cf::Future<int>> calls;
    for (int i = 0; i < 50; ++i) calls.push_back(pool.submit(square, i).then(square));
    cf::wait(calls);
}
static void fill_pages() {
    std::vector<cf::Promise<Large>> promises(256);
    for (const auto& promise : promises) promise.get_future().add_done_callback([](const cf::Future<Large>&) {});
    for (auto& promise : promises) promise.set_value(Large{});
}
static void make_arrays_and_channels() {
    for (int i = 0; i < 50; ++i) {
        const cf::SharedArray<int> numbers(16);
        const auto channel = cf::make_channel<int>();
    }
}
static void use_processes() {
    const cf::SharedArray<int> numbers(16);
    cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
    pool.submit(first_of, numbers).result();
}

// ---- the child ----

static bool threads_work() {
    cf::ThreadPoolExecutor pool({.max_workers = 2});
    std::atomic<int> called{0};
    int sum = 0;
    for (int i = 0; i < 20; ++i) {
        auto call = pool.submit(square, 1);
        call.add_done_callback([&](const cf::Future<int>&) { ++called; });
        sum += call.then(square).result();
    }
    std::vector<cf::Promise<Large>> promises(256);
    for (const auto& promise : promises)
        promise.get_future().add_done_callback([&](const cf::Future<Large>&) { ++called; });
    for (auto& promise : promises) promise.set_value(Large{});
    pool.shutdown();
    return sum == 20 && called == 20 + 256;
}
static bool arrays_and_channels_work() {
    cf::SharedArray<int> numbers(16);
    numbers[0] = 7;
    auto [sender, receiver] = cf::make_channel<int>();
    sender.send(8);
    return first_of(numbers) == 7 && receiver.receive() == 8;
}
static bool processes_work() {
    cf::SharedArray<int> numbers(16);
    numbers[0] = 7;
    cf::ProcessPoolExecutor pool({.max_workers = 2, .start_method = cf::StartMethod::spawn});
    return pool.submit(square, 12).result() == 144 && pool.submit(first_of, numbers).result() == 7;
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    if (support::sanitized) {
        std::printf("skipped: a sanitizer does not follow a fork of a process with threads\n");
        return 77;
    }
    std::setvbuf(stdout, nullptr, _IONBF, 0);
    constexpr int children = 150;
    int hung = 0;
    int wrong = 0;
    int made = 0;
    {
        cf::ThreadPoolExecutor pool({.max_workers = 2});
        std::atomic<bool> over{false};
        const auto again_and_again = [&](auto work) {
            return std::jthread([&over, work] {
                while (!over) work();
            });
        };
        const std::jthread threads[]{again_and_again([&] { chain(pool); }), again_and_again(fill_pages),
                                     again_and_again(make_arrays_and_channels), again_and_again(use_processes)};
        for (; made < children && hung < 3; ++made) {
            const pid_t child = ::fork();
            if (child == 0) {
                ::alarm(20);
                const bool right = threads_work() && arrays_and_channels_work() && (made % 10 != 0 || processes_work());
                ::_exit(right ? 0 : 1);
            }
            int status = 0;
            ::waitpid(child, &status, 0);
            if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) ++hung;
            else if (status != 0) ++wrong;
        }
        over = true;
    }
    std::printf("%d children: %d hung, %d wrong\n", made, hung, wrong);
    return hung + wrong == 0 ? 0 : 1;
}
