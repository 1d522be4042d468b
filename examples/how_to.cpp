// SPDX-License-Identifier: MIT
//
// Lesson: the snippets of docs/how_to.md, each run.
//
// Run: build/quickstart/examples/how_to
// Prints (the test compares it):
//     all of them work
#include <chrono>
#include <concurrent/futures.hpp>
#include <concurrent/futures/progress.hpp>
#include <cstdio>
#include <numeric>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "support/check.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

int square(int n) { return n * n; }
int for_ever() {
    for (;;) std::this_thread::sleep_for(1ms);
}
int until_stopped(std::stop_token stop) {
    while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
    return 0;
}
int fails() { throw std::runtime_error("no answer"); }

void timeouts(cf::ThreadPoolExecutor& threads, cf::ProcessPoolExecutor& processes) {
    cf::Future<int> stuck = processes.submit({.timeout = 100ms}, for_ever);  // its process is ended
    check_throws<cf::TaskTimeoutError>([&] { return stuck.result(); });
    cf::Future<int> polite = threads.submit({.timeout = 10ms}, until_stopped);  // it is asked to stop
    check_throws<cf::TaskTimeoutError>([&] { return polite.result(); });
    cf::Future<int> slow = threads.submit(until_stopped);
    check_throws<cf::TimeoutError>([&] { return slow.result(10ms); });  // only this wait ends
    slow.request_stop();
}

cf::Future<int> awaits(cf::Future<int> answer) {
    co_return co_await cf::with_timeout(answer, 10ms);  // TimeoutError, and the task is asked to stop
}

void cancelling(cf::ThreadPoolExecutor& threads) {
    cf::Future<int> running = threads.submit(until_stopped);  // a task that can stop takes a std::stop_token
    running.request_stop();                                   // cancels it, or asks it to stop if it runs
    running.wait();
    threads.pause();
    cf::Future<int> waiting = threads.submit(square, 3);
    check(waiting.cancel());   // true: it will never run
    threads.cancel_pending();  // cancels all that have not started; the pool goes on
    threads.resume();
}

void retries(cf::ThreadPoolExecutor& threads) {
    cf::Future<int> unlucky = threads.submit({.retries = 3}, fails);  // four attempts in all
    check_throws<std::runtime_error>([&] { return unlucky.result(); });
    cf::Future<int> with_default = cf::or_else(unlucky, [](std::exception_ptr) { return -1; });
    check(with_default.result() == -1);
}

void progress(cf::ThreadPoolExecutor& threads) {
    std::vector<int> numbers(100);
    std::iota(numbers.begin(), numbers.end(), 0);
    int sum = 0;
    for (int n : cf::progress(threads.map(square, numbers))) sum += n;  // draws a bar on a terminal
    check(sum == 328350);
}

void waiting_for_all(cf::ThreadPoolExecutor& threads) {
    std::vector<cf::Future<int>> futures;
    for (int n = 0; n < 10; ++n) futures.push_back(threads.submit(square, n));
    cf::wait(futures);    // these
    threads.wait_idle();  // everything that was submitted to the pool
    check(futures.back().result() == 81);
}

void queue_limit() {
    cf::ThreadPoolExecutor pool({.max_workers = 2, .max_pending = 100, .on_full = cf::QueueFull::block});
    for (int n = 0; n < 1000; ++n) pool.post(square, n);  // waits while 100 tasks wait
}

void later(cf::ThreadPoolExecutor& threads) {
    cf::Future<int> soon = cf::submit_after(threads, 1ms, square, 4);
    cf::Future<void> beat = cf::submit_every(threads, 1ms, square, 5);  // until it is cancelled
    check(soon.result() == 16);
    beat.cancel();
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    cf::ThreadPoolExecutor threads(4);
    cf::ProcessPoolExecutor processes(2);
    timeouts(threads, processes);
    cf::Future<int> unanswered = threads.submit(until_stopped);
    check_throws<cf::TimeoutError>([&] { return awaits(unanswered).result(); });
    cancelling(threads);
    retries(threads);
    progress(threads);
    waiting_for_all(threads);
    queue_limit();
    later(threads);
    std::puts("all of them work");
}
