// SPDX-License-Identifier: MIT
//
// Lesson: who goes first, and what happens when tasks come faster than they are done. max_pending bounds the queue: a
// submit waits for room, throws QueueFullError, or runs the task itself.
//
// Run: build/quickstart/examples/priorities_and_backpressure
// Prints (the test compares it):
//     order: alarm, first page, second page, statistics
//     a queue of 3 that is full: 3 accepted, 2 refused
//     a queue of 3 that blocks: 1000 of 1000 done, never more than 3 waiting: yes
#include <algorithm>
#include <concurrent/futures.hpp>
#include <cstddef>
#include <cstdio>
#include <future>
#include <mutex>
#include <string>
#include <thread>

namespace cf = concurrent::futures;

/// Keeps a worker busy until open().
class Gate {
  public:
    void pass() { opened_.wait(); }
    void open() { promise_.set_value(); }

  private:
    std::promise<void> promise_;
    std::shared_future<void> opened_ = promise_.get_future().share();
};

void show_priorities() {
    std::string order;
    std::mutex mutex;
    const auto note = [&](const std::string& name) {
        const std::lock_guard lock(mutex);
        order += (order.empty() ? "" : ", ") + name;
    };
    Gate gate;
    {
        cf::ThreadPoolExecutor pool(1);
        pool.submit([&] { gate.pass(); });
        pool.submit({.priority = cf::Priority::low}, note, "statistics");
        pool.submit(note, "first page");
        pool.submit(note, "second page");
        pool.submit({.priority = cf::Priority::high}, note, "alarm");
        gate.open();
    }
    std::printf("order: %s\n", order.c_str());
}

void show_refusal() {
    Gate gate;
    cf::ThreadPoolExecutor pool({.max_workers = 1, .max_pending = 3, .on_full = cf::QueueFull::raise});
    const auto busy = pool.submit([&] { gate.pass(); });
    while (!busy.running()) std::this_thread::yield();
    int accepted = 0, refused = 0;
    for (int i = 0; i < 5; ++i) {
        try {
            pool.post([] {});
            ++accepted;
        } catch (const cf::QueueFullError&) {
            ++refused;
        }
    }
    gate.open();
    std::printf("a queue of 3 that is full: %d accepted, %d refused\n", accepted, refused);
}

void show_blocking() {
    cf::ThreadPoolExecutor pool({.max_workers = 1, .max_pending = 3});
    std::size_t most_waiting = 0;
    for (int i = 0; i < 1000; ++i) {
        pool.post([] {});
        most_waiting = std::max(most_waiting, pool.stats().pending);
    }
    pool.wait_idle();
    std::printf("a queue of 3 that blocks: %zu of 1000 done, never more than 3 waiting: %s\n", pool.stats().completed,
                most_waiting <= 3 ? "yes" : "no");
}

int main() {
    show_priorities();
    show_refusal();
    show_blocking();
}
