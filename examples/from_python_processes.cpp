// SPDX-License-Identifier: MIT
//
// The README's tables "From Python" and "Beyond Python", row by row: what only processes have. The name of a
// row stands above the lines that show it. The rest is in from_python_threads.cpp: the calls are the same.
//
// Run: build/quickstart/examples/from_python_processes
// Prints (the test compares it):
//     every line holds
#include <chrono>
#include <concurrent/futures.hpp>
#include <csignal>
#include <iostream>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/check.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

namespace {

int square(int n) { return n * n; }
void crash() { std::raise(SIGKILL); }
void sleep_long() { std::this_thread::sleep_for(1h); }

int loaded = 0;  // one in each process
void load(int x) { loaded = x; }
int get_loaded() { return loaded; }
void load_nothing() { throw std::runtime_error("no database"); }

struct Page {
    std::string title;
    std::vector<int> links;
};
Page with_link(Page page, int link) {
    page.links.push_back(link);
    return page;
}
struct OutOfPaper : std::runtime_error {
    using std::runtime_error::runtime_error;
};
void print(const Page& page) { throw OutOfPaper(page.title); }

struct Folder {
    std::unique_ptr<Folder> inner;
};
bool is_empty(const Folder& folder) { return !folder.inner; }

void fill(std::span<double> numbers, double value) {
    for (double& number : numbers) number = value;
}
struct Model {
    std::vector<double> weights;
};
double weigh(const Model& model, int nth) { return model.weights[static_cast<std::size_t>(nth)]; }

/// A worker is in sleep_long().
void wait_until_busy(const cf::ProcessPoolExecutor& pool) {
    while (pool.stats().running == 0) std::this_thread::yield();
}

void fork_pool() {
    // fork needs a process that has no threads yet
    // From Python: ProcessPoolExecutor(mp_context=get_context("fork"))
    cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::fork});
    check(pool.submit(square, 12).result() == 144);
}

void pools() {
    // From Python: ProcessPoolExecutor(max_workers=4)
    cf::ProcessPoolExecutor pool({.max_workers = 4});
    check(pool.submit(square, 12).result() == 144);

    const int x = 5;
    // From Python: ProcessPoolExecutor(initializer=f, initargs=(x,))
    cf::ProcessPoolExecutor ready({.max_workers = 1, .initializer = cf::bind_task(load, x)});
    check(ready.submit(get_loaded).result() == 5);

    // From Python: ProcessPoolExecutor(max_tasks_per_child=10)
    cf::ProcessPoolExecutor renewed({.max_workers = 1, .max_tasks_per_child = 10});
    check(renewed.submit(square, 12).result() == 144);

    // Beyond Python: processor time, priority and processors of the workers
    cf::ProcessPoolExecutor modest(
        {.initializer = cf::bind_task(cf::WorkerLimits{.cpu_time = 10s, .niceness = 10})});
    check(modest.submit(square, 12).result() == 144);
}

void deaths() {
    cf::ProcessPoolExecutor pool({.max_workers = 1});
    const auto crashing = pool.submit(crash);
    const auto waiting = pool.submit(square, 12);
    // From Python: a worker that crashes breaks the pool
    try {
        crashing.result();  // only this call fails; .on_worker_death chooses
        check(false);
    } catch (const cf::WorkerDiedError& error) {
        check(error.signal() == SIGKILL);
    }
    check(waiting.result() == 144);

    const auto terminated = pool.submit(sleep_long);
    wait_until_busy(pool);
    // From Python: executor.terminate_workers()
    pool.terminate_workers();
    check_throws<cf::WorkerDiedError>([&] { terminated.result(); });

    cf::ProcessPoolExecutor other({.max_workers = 1});
    const auto killed = other.submit(sleep_long);
    wait_until_busy(other);
    // From Python: executor.kill_workers()
    other.kill_workers();
    check_throws<cf::WorkerDiedError>([&] { killed.result(); });
}

void exceptions() {
    cf::ProcessPoolExecutor broken({.max_workers = 1, .initializer = cf::bind_task(load_nothing)});
    // From Python: BrokenProcessPool
    check_throws<cf::BrokenProcessPool>([&] { broken.submit(square, 1).result(); });

    cf::ProcessPoolExecutor pool({.max_workers = 1});
    Folder deep;
    for (int i = 0; i < 1000; ++i) deep = Folder{std::make_unique<Folder>(std::move(deep))};
    // From Python: pickle.PicklingError
    check_throws<cf::SerializationError>([&] { return pool.submit(is_empty, deep); });  // from submit itself
}

void types() {
    cf::ProcessPoolExecutor pool({.max_workers = 1});
    // From Python: pickle
    const Page page = pool.submit(with_link, Page{"home", {1}}, 2).result();  // a struct needs no code
    check(page.title == "home" && page.links == std::vector{1, 2});

    // From Python: multiprocessing.shared_memory
    const cf::SharedArray<double> numbers(1'000'000);  // zeros; goes with its last handle, whoever has it
    pool.submit(fill, numbers, 0.5).result();          // the same memory there
    check(numbers[999'999] == 0.5);

    // Beyond Python: a large argument of many tasks
    const auto model = cf::broadcast(Model{{1, 2, 3}});  // encoded once, decoded once by each worker
    for (int nth = 0; nth < 3; ++nth) check(pool.submit(weigh, model, nth).result() == nth + 1);

    // Beyond Python: exceptions of your own across processes
    check_throws<OutOfPaper>([&] { pool.submit(print, Page{"tray 2", {}}).result(); });
}

}  // namespace

int main(int argc, char** argv) {
    cf::register_exception<OutOfPaper>();
    // From Python: if __name__ == "__main__":
    cf::process_main(argc, argv);  // in a worker this does not return

    fork_pool();
    pools();
    deaths();
    exceptions();
    types();
    std::cout << "every line holds\n";
}
