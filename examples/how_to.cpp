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
#include <ranges>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
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
    // Its process is ended.
    cf::Future<int> stuck = processes.submit({.timeout = 100ms}, for_ever);
    check_throws<cf::TaskTimeoutError>([&] { return stuck.result(); });
    // It is asked to stop.
    cf::Future<int> polite = threads.submit({.timeout = 10ms}, until_stopped);
    check_throws<cf::TaskTimeoutError>([&] { return polite.result(); });
    cf::Future<int> slow = threads.submit(until_stopped);
    // Only this wait ends.
    check_throws<cf::TimeoutError>([&] { return slow.result(10ms); });
    slow.request_stop();
}

cf::Future<int> awaits(cf::Future<int> answer) {
    // TimeoutError, and the task is asked to stop.
    co_return co_await cf::with_timeout(answer, 10ms);
}

void cancelling(cf::ThreadPoolExecutor& threads) {
    // A task that can stop takes a std::stop_token.
    cf::Future<int> running = threads.submit(until_stopped);
    // Cancels it, or asks it to stop if it runs.
    running.request_stop();
    running.wait();
    threads.pause();
    cf::Future<int> waiting = threads.submit(square, 3);
    check(waiting.cancel());   // true: it will never run
    // Cancels all that have not started; the pool goes on.
    threads.cancel_pending();
    threads.resume();
}

void retries(cf::ThreadPoolExecutor& threads) {
    // Four attempts in all.
    cf::Future<int> unlucky = threads.submit({.retries = 3}, fails);
    check_throws<std::runtime_error>([&] { return unlucky.result(); });
    cf::Future<int> with_default = cf::or_else(unlucky, [](std::exception_ptr) { return -1; });
    check(with_default.result() == -1);
}

int half(int n) {
    if (n % 2 != 0) throw std::domain_error(std::to_string(n) + " is odd");
    return n / 2;
}

void errors_of_a_map(cf::ThreadPoolExecutor& threads) {
    const std::vector numbers{2, 3, 4};
    int sum = 0, failed = 0;
    auto halves = threads.map(half, numbers);
    for (auto it = halves.begin(); it != halves.end(); ++it) {
        try {
            sum += *it;
        } catch (const std::domain_error&) {
            ++failed;  // this item; ++it goes on with the next
        }
    }
    check(sum == 3 && failed == 1);
}

void inputs_of_futures(cf::ThreadPoolExecutor& threads) {
    int sum = 0;
    std::unordered_map<cf::Future<int>, int> input_of;
    for (int n : {1, 2, 3}) input_of.emplace(threads.submit(square, n), n);
    for (auto& done : cf::as_completed(std::views::keys(input_of)))
        sum += input_of.at(done) * done.result();
    check(sum == 36);
}

void progress(cf::ThreadPoolExecutor& threads) {
    std::vector<int> numbers(100);
    std::iota(numbers.begin(), numbers.end(), 0);
    int sum = 0;
    // Draws a bar on a terminal.
    for (int n : cf::progress(threads.map(square, numbers))) sum += n;
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
    // Waits while 100 tasks wait.
    for (int n = 0; n < 1000; ++n) pool.post(square, n);
}

void later(cf::ThreadPoolExecutor& threads) {
    cf::Future<int> soon = cf::submit_after(threads, 1ms, square, 4);
    // Until it is cancelled.
    cf::Future<void> beat = cf::submit_every(threads, 1ms, square, 5);
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
    errors_of_a_map(threads);
    inputs_of_futures(threads);
    progress(threads);
    waiting_for_all(threads);
    queue_limit();
    later(threads);
    std::puts("all of them work");
}
