// SPDX-License-Identifier: MIT
//
// Lesson: an executor of your own. This one queues calls until the main loop runs them, as programs
// with windows need it: any thread submits, only the main thread calls. A Promise joins each queued
// call to its Future; code written for `cf::Executor auto&` takes the new executor like any other.
//
// Run: build/quickstart/examples/10_your_own_executor
// Prints (the test compares it):
//     on 2 threads: 1 4 9, by the main thread: 0 of 3
//     on the main loop: 1 4 9, by the main thread: 3 of 3
//     the main loop ran 3 calls, 0 failed
#include <chrono>
#include <concurrent/futures.hpp>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace cf = concurrent::futures;

/// The queue: shared by the executor and by the maps that are still being read.
class MainLoopQueue {
  public:
    template <class F, class... Args>
    auto submit(F&& f, Args&&... args) const {
        using T = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
        const auto promise = std::make_shared<cf::Promise<T>>();
        const cf::Future<T> future = promise->get_future();
        auto run = [promise, f = std::forward<F>(f),
                    ... args = std::forward<Args>(args)]() mutable {
            if (!promise->set_running_or_notify_cancel()) return &cf::ExecutorStats::cancelled;
            try {
                if constexpr (std::is_void_v<T>) {
                    std::invoke(std::move(f), std::move(args)...);
                    promise->set_value();
                } else {
                    promise->set_value(std::invoke(std::move(f), std::move(args)...));
                }
                return &cf::ExecutorStats::completed;
            } catch (...) {
                promise->set_exception(std::current_exception());
                return &cf::ExecutorStats::failed;
            }
        };
        const std::lock_guard lock(state_->mutex);
        if (state_->closed) throw cf::ShutdownError("MainLoopExecutor: submit after shutdown");
        state_->calls.push_back({std::move(run), [future] { future.cancel(); }});
        state_->changed.notify_one();
        return future;
    }

    /// Runs calls until the queue is closed and empty.
    void run() const {
        std::unique_lock lock(state_->mutex);
        while (true) {
            state_->changed.wait(lock, [&] { return state_->closed || !state_->calls.empty(); });
            if (state_->calls.empty()) return;
            Call call = std::move(state_->calls.front());
            state_->calls.pop_front();
            state_->stats.running = 1;
            lock.unlock();  // the call may submit
            const Outcome outcome = call.run();
            lock.lock();
            state_->stats.running = 0;
            ++(state_->stats.*outcome);
        }
    }
    void close(bool cancel_futures) const {
        std::deque<Call> cancelled;
        {
            const std::lock_guard lock(state_->mutex);
            state_->closed = true;
            if (cancel_futures) cancelled.swap(state_->calls);
            state_->stats.cancelled += cancelled.size();
            state_->changed.notify_all();
        }
        for (const Call& call : cancelled) call.cancel();  // runs callbacks: not under the lock
    }
    cf::ExecutorStats stats() const {
        const std::lock_guard lock(state_->mutex);
        cf::ExecutorStats stats = state_->stats;
        stats.pending = state_->calls.size();
        stats.idle = 1 - stats.running;
        return stats;
    }

  private:
    using Outcome = std::size_t cf::ExecutorStats::*;  // the figure that the call adds to
    struct Call {
        std::function<Outcome()> run;
        std::function<void()> cancel;
    };
    struct State {
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<Call> calls;  // all guarded by mutex
        bool closed = false;
        cf::ExecutorStats stats{1, 0, 0, 0, 0, 0, 0, 0};
    };
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

class MainLoopExecutor : public cf::MapOperations<MainLoopExecutor> {
  public:
    MainLoopExecutor() = default;
    MainLoopExecutor(const MainLoopExecutor&) = delete;
    MainLoopExecutor& operator=(const MainLoopExecutor&) = delete;
    ~MainLoopExecutor() { shutdown(); }

    /// The main thread's part: returns after shutdown(), when all calls are done.
    void run() { queue_.run(); }

    template <cf::NotOptions<cf::TaskOptions> F, class... Args>
    auto submit(F&& f, Args&&... args) {
        return queue_.submit(std::forward<F>(f), std::forward<Args>(args)...);
    }
    template <class F, class... Args>
    auto submit(const cf::TaskOptions& options, F&& f, Args&&... args) {
        if (options.timeout || options.retries != 0 || options.priority != cf::Priority::normal)
            throw std::invalid_argument("MainLoopExecutor: only TaskOptions::name is supported");
        return submit(std::forward<F>(f), std::forward<Args>(args)...);
    }
    template <class F, class... Args>
    void post(F&& f, Args&&... args) {
        submit(std::forward<F>(f), std::forward<Args>(args)...).add_done_callback([](auto future) {
            future.result();  // throws into the unhandled-exception hook
        });
    }
    /// To wait for the calls is to run them, so only the thread that made the executor may wait.
    void shutdown(const cf::ShutdownOptions& options = {}) {
        queue_.close(options.cancel_futures);
        if (options.wait && std::this_thread::get_id() == main_thread_) queue_.run();
    }
    template <class Rep, class Period>
    void shutdown_for(std::chrono::duration<Rep, Period>) {
        shutdown();
    }
    cf::ExecutorStats stats() const { return queue_.stats(); }
    std::size_t max_workers() const { return 1; }

  private:
    friend cf::MapOperations<MainLoopExecutor>;
    const MainLoopQueue& submitter() const { return queue_; }

    const std::thread::id main_thread_ = std::this_thread::get_id();
    const MainLoopQueue queue_;
};

static_assert(cf::Executor<MainLoopExecutor>);

const std::thread::id main_thread = std::this_thread::get_id();

/// Code for every executor.
void print_squares(cf::Executor auto& pool, const char* name) {
    int by_main_thread = 0;
    std::cout << "on " << name << ':';
    const auto square = [](int n) {
        return std::pair(n * n, std::this_thread::get_id() == main_thread);
    };
    for (const auto& [result, on_main_thread] : pool.map(square, std::vector{1, 2, 3})) {
        std::cout << ' ' << result;
        by_main_thread += on_main_thread;
    }
    std::cout << ", by the main thread: " << by_main_thread << " of 3\n";
}

int main() {
    cf::ThreadPoolExecutor threads({.max_workers = 2});
    print_squares(threads, "2 threads");

    MainLoopExecutor main_loop;
    const cf::Future<void> printed = threads.submit([&] {
        print_squares(main_loop, "the main loop");
        main_loop.shutdown({.wait = false});
    });
    main_loop.run();
    printed.result();
    const cf::ExecutorStats stats = main_loop.stats();
    std::cout << "the main loop ran " << stats.completed << " calls, " << stats.failed
              << " failed\n";
}
