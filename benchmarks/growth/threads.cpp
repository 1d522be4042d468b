// SPDX-License-Identifier: MIT
//
// Growth: what a task costs when 1e3 to 1e7 of them wait, from 1 to 64 producers, on 1 to 1024 workers, and with as
// many futures in wait(), as_completed() and when_all(), and as many callbacks on one future. growth.hpp says how to run it.
#include <concurrent/futures/as_completed.hpp>
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/wait.hpp>
#include <concurrent/futures/when_all.hpp>

#include "growth.hpp"

#include <cstddef>
#include <latch>
#include <string_view>
#include <thread>
#include <vector>

namespace {

namespace cf = concurrent::futures;
using namespace growth;

std::vector<cf::Future<int>> many_futures(cf::ThreadPoolExecutor& pool, std::size_t size) {
    std::vector<cf::Future<int>> futures;
    futures.reserve(size);
    for (std::size_t n = 0; n < size; ++n) futures.push_back(pool.submit([n] { return static_cast<int>(n % 7); }));
    return futures;
}
std::vector<cf::Promise<int>> many_promises(std::size_t size, std::vector<cf::Future<int>>& futures) {
    std::vector<cf::Promise<int>> promises(size);
    futures.reserve(size);
    for (auto& promise : promises) futures.push_back(promise.get_future());
    return promises;
}

void outstanding() {
    cf::ThreadPoolExecutor pool(2);
    grow("submit, keep, result", 10'000'000, [&](std::size_t size, Stopwatch& watch) {
        watch.start();
        std::size_t sum = 0;
        for (auto& future : many_futures(pool, size)) sum += static_cast<std::size_t>(future.result());
        watch.stop();
        require("sum", sum > 0);
    });
    grow("tasks that wait in the queue", 10'000'000, [&](std::size_t size, Stopwatch& watch) {
        cf::ThreadPoolExecutor one(1);
        std::latch go(1);
        one.post([&] { go.wait(); });
        watch.start();
        for (std::size_t n = 0; n < size; ++n) one.post([] {});
        go.count_down();
        one.wait_idle();
        watch.stop();
    });
    grow("cancel what waits in the queue", 1'000'000, [&](std::size_t size, Stopwatch& watch) {
        cf::ThreadPoolExecutor one(1);
        std::latch go(1);
        one.post([&] { go.wait(); });
        auto futures = many_futures(one, size);
        watch.start();
        for (auto& future : futures) future.cancel();
        watch.stop();
        go.count_down();
    });
    grow("map", 10'000'000, [&](std::size_t size, Stopwatch& watch) {
        const std::vector<int> numbers(size, 3);
        watch.start();
        std::size_t sum = 0;
        for (const int n : pool.map([](int m) { return m; }, numbers)) sum += static_cast<std::size_t>(n);
        watch.stop();
        require("sum", sum == 3 * size);
    });
    grow("map, any order", 1'000'000, [&](std::size_t size, Stopwatch& watch) {
        const std::vector<int> numbers(size, 3);
        watch.start();
        std::size_t sum = 0;
        for (const int n : pool.map_unordered([](int m) { return m; }, numbers)) sum += static_cast<std::size_t>(n);
        watch.stop();
        require("sum", sum == 3 * size);
    });
}

void many_at_once() {
    const auto pending = [](std::string_view name, auto use) {
        grow(name, 1'000'000, [&](std::size_t size, Stopwatch& watch) {
            std::vector<cf::Future<int>> futures;
            auto promises = many_promises(size, futures);
            watch.start();
            use(futures, [&] {
                for (auto& promise : promises) promise.set_value(1);
            });
            watch.stop();
        });
    };
    pending("wait for all", [](auto& futures, auto end_all) {
        std::thread other(end_all);
        require("all have ended", cf::wait(futures).not_done.empty());
        other.join();
    });
    pending("wait for each first one", [](auto& futures, auto end_all) {
        end_all();
        require("one has ended", !cf::wait(futures, {.return_when = cf::ReturnWhen::first_completed}).done.empty());
    });
    pending("as_completed", [](auto& futures, auto end_all) {
        std::thread other(end_all);
        std::size_t count = 0;
        for (auto& future : cf::as_completed(futures)) count += static_cast<std::size_t>(future.result());
        other.join();
        require("all have ended", count == futures.size());
    });
    pending("when_all", [](auto& futures, auto end_all) {
        auto all = cf::when_all(futures);
        end_all();
        require("all have ended", all.result().size() == futures.size());
    });
    pending("when_any", [](auto& futures, auto end_all) {
        auto any = cf::when_any(futures);
        end_all();
        static_cast<void>(any.result());
    });
    grow("callbacks on one future", 1'000'000, [](std::size_t size, Stopwatch& watch) {
        cf::Promise<int> promise;
        cf::Future<int> future = promise.get_future();
        std::size_t count = 0;
        watch.start();
        for (std::size_t n = 0; n < size; ++n) future.add_done_callback([&](const cf::Future<int>&) { ++count; });
        promise.set_value(1);
        watch.stop();
        require("all callbacks", count == size);
    });
    grow("a chain of then()", 1'000'000, [](std::size_t size, Stopwatch& watch) {
        cf::Promise<int> promise;
        cf::Future<int> last = promise.get_future();
        watch.start();
        for (std::size_t n = 0; n < size; ++n) last = last.then([](int m) { return m + 1; });
        promise.set_value(0);
        const int result = last.result();
        watch.stop();
        require("the last result", static_cast<std::size_t>(result) == size);
    });
}

/// The same number of tasks, from more and more threads, on more and more workers.
void more_threads() {
    const std::size_t tasks = quick ? 2'000 : 400'000;
    const auto from = [&](std::size_t producers, cf::ThreadPoolExecutor& pool, Stopwatch& watch, auto work) {
        std::vector<std::thread> threads;
        std::latch ready(static_cast<std::ptrdiff_t>(producers) + 1);
        for (std::size_t n = 0; n < producers; ++n)
            threads.emplace_back([&] {
                ready.arrive_and_wait();
                work(tasks / producers);
            });
        watch.start();
        ready.arrive_and_wait();
        for (auto& thread : threads) thread.join();
        pool.wait_idle();
        watch.stop();
    };
    grow_fourfold("producers: post", 64, [&](std::string_view name, std::size_t producers) {
        cf::ThreadPoolExecutor pool(2);
        Stopwatch watch;
        from(producers, pool, watch, [&](std::size_t count) {
            for (std::size_t n = 0; n < count; ++n) pool.post([] {});
        });
        watch.print(name, producers, tasks);
    });
    grow_fourfold("producers: submit, keep, result", 64, [&](std::string_view name, std::size_t producers) {
        cf::ThreadPoolExecutor pool(2);
        Stopwatch watch;
        from(producers, pool, watch, [&](std::size_t count) {
            for (auto& future : many_futures(pool, count)) static_cast<void>(future.result());
        });
        watch.print(name, producers, tasks);
    });
    grow_fourfold("workers: submit, keep, result", 1'024, [&](std::string_view name, std::size_t workers) {
        cf::ThreadPoolExecutor pool({.max_workers = static_cast<int>(workers)});
        pool.start_workers();
        Stopwatch watch;
        watch.start();
        for (auto& future : many_futures(pool, tasks)) static_cast<void>(future.result());
        watch.stop();
        watch.print(name, workers, tasks);
    });
    grow_fourfold("workers: post from one of them", 1'024, [&](std::string_view name, std::size_t workers) {
        cf::ThreadPoolExecutor pool({.max_workers = static_cast<int>(workers)});
        pool.start_workers();
        Stopwatch watch;
        watch.start();
        pool.post([&] {
            for (std::size_t n = 0; n < tasks; ++n) pool.post([] {});
        });
        pool.wait_idle();
        watch.stop();
        watch.print(name, workers, tasks);
    });
}

}  // namespace

int main(int argc, char** argv) {
    read_arguments(argc, argv);
    outstanding();
    many_at_once();
    more_threads();
}
