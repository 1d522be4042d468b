// SPDX-License-Identifier: MIT
//
// program.cpp: futures and pools in each state, for gdb to look at in stop_here().
#include <concurrent/futures.hpp>

#include <future>
#include <stdexcept>
#include <string>

namespace cf = concurrent::futures;

[[gnu::noinline]] static void stop_here() { asm volatile(""); }

static int square(int n) { return n * n; }

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    std::promise<void> gate;
    cf::ThreadPoolExecutor pool(1);
    cf::ProcessPoolExecutor processes({.max_workers = 1});
    cf::Future<int> finished = processes.submit(square, 6);
    finished.wait();
    cf::Future<std::string> text = pool.submit([] { return std::string("forty-two"); });
    cf::Future<void> nothing = pool.submit([] {});
    cf::Future<int> failed = pool.submit([]() -> int { throw std::runtime_error("expected"); });
    failed.wait();
    cf::Future<void> running = pool.submit([open = gate.get_future().share()] { open.wait(); });
    while (!running.running()) std::this_thread::yield();
    cf::Future<int> pending = pool.submit([] { return 1; });
    cf::Future<int> cancelled = pool.submit([] { return 1; });
    cancelled.cancel();
    cf::Future<int> empty;
    cf::Promise<int> promise;
    const auto promised = promise.get_future();
    stop_here();
    gate.set_value();
    pending.wait();
    promise.set_value(1);
    return promised.result() - 1;
}
