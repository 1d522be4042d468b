// SPDX-License-Identifier: MIT
#include <concurrent/futures/observer.hpp>
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/gate.hpp"
#include "support/named_events.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

/// Writes everything down.
class Recorder : public support::NamedEvents {
  public:
    void told(std::string_view what, const cf::CallEvent& call) override {
        if (also) also();
        add(what, call.name);
    }
    void told(std::string_view what, const cf::WorkerEvent& worker, std::string_view how) override {
        add(what, what == "worker died" ? how : worker.name);
    }
    void ran_items(const cf::CallEvent&, std::size_t items, std::chrono::steady_clock::time_point) override {
        const std::lock_guard lock(mutex_);
        items_ += items;
    }

    /// Of one call, or of workers, in order.
    Lines of(const std::string& name) const {
        const std::lock_guard lock(mutex_);
        Lines found;
        for (const auto& [what, whom] : lines_)
            if (whom == name) found.push_back(what);
        return found;
    }
    std::size_t count(const std::string& what) const {
        const std::lock_guard lock(mutex_);
        return static_cast<std::size_t>(
            std::count_if(lines_.begin(), lines_.end(), [&](const auto& line) { return line.first == what; }));
    }
    std::size_t items() const {
        const std::lock_guard lock(mutex_);
        return items_;
    }
    std::function<void()> also;  // at every event of a call

  private:
    void add(std::string_view what, std::string_view whom) {
        const std::lock_guard lock(mutex_);
        lines_.emplace_back(what, whom);
    }

    mutable std::mutex mutex_;
    std::vector<std::pair<std::string, std::string>> lines_;
    std::size_t items_ = 0;
};

void nothing() {}
int square(int n) { return n * n; }
int kill_worker() { return std::raise(SIGKILL); }
void never_end() {
    for (;;) std::this_thread::yield();
}
void fail() { throw std::runtime_error("expected"); }

TEST_CASE("an observer is told of a call before its future is done", "[observer]") {
    const auto recorder = std::make_shared<Recorder>();
    cf::ThreadPoolExecutor pool({.max_workers = 1, .observer = recorder});
    pool.submit({.name = "load"}, square, 3).result();
    CHECK(recorder->of("load") == Lines{"submitted", "started", "completed"});
    CHECK_THROWS(pool.submit({.name = "bad"}, fail).result());
    CHECK(recorder->of("bad") == Lines{"submitted", "started", "failed"});
}

TEST_CASE("an observer is told of workers", "[observer]") {
    const auto recorder = std::make_shared<Recorder>();
    {
        cf::ThreadPoolExecutor pool({.max_workers = 1, .thread_name_prefix = "io", .observer = recorder});
        CHECK(recorder->of("io_0").empty());
        pool.submit(square, 3).result();
        CHECK(recorder->of("io_0") == Lines{"worker started"});
    }
    CHECK(recorder->of("io_0") == Lines{"worker started", "worker ended"});
}

TEST_CASE("a posted task that a closed pool refuses ends as cancelled", "[observer]") {
    const auto recorder = std::make_shared<Recorder>();
    cf::ThreadPoolExecutor pool({.max_workers = 1, .observer = recorder});
    pool.shutdown();
    CHECK_THROWS_AS(pool.post(nothing), cf::ShutdownError);
    CHECK((recorder->count("submitted") == 1 && recorder->count("cancelled") == 1));
}

TEST_CASE("every way to hand a call over is observed", "[observer]") {
    const auto recorder = std::make_shared<Recorder>();
    cf::ThreadPoolExecutor pool({.max_workers = 2, .observer = recorder});
    pool.post(nothing);
    const std::vector<std::function<void()>> calls(3, nothing);
    pool.submit_all(calls);
    pool.post_all(calls);
    pool.submit({.retries = 1}, nothing);
    pool.shutdown();
    for (const char* const what : {"submitted", "started", "completed"}) CHECK(recorder->count(what) == 8);
    CHECK(recorder->count("cancelled") == 0);
}

TEST_CASE("a call that could not be queued is cancelled for its observer", "[observer]") {
    const auto recorder = std::make_shared<Recorder>();
    support::Gate gate;
    cf::ThreadPoolExecutor pool(
        {.max_workers = 1, .max_pending = 1, .on_full = cf::QueueFull::raise, .observer = recorder});
    const auto running = pool.submit([&gate] { gate.wait(); });
    while (!running.running()) std::this_thread::yield();
    pool.post(nothing);
    CHECK_THROWS_AS(pool.submit({.name = "full"}, nothing), cf::QueueFullError);
    CHECK(recorder->of("full") == Lines{"submitted", "cancelled"});
    CHECK_THROWS_AS(pool.post(nothing), cf::QueueFullError);
    CHECK(recorder->count("cancelled") == 2);
    gate.open();
    pool.shutdown();
    CHECK_THROWS_AS(pool.submit({.name = "late"}, nothing), cf::ShutdownError);
    CHECK(recorder->of("late") == Lines{"submitted", "cancelled"});
    CHECK_THROWS_AS(pool.post_all(std::vector<std::function<void()>>(1, nothing)), cf::ShutdownError);
    CHECK(recorder->count("cancelled") == 4);
}

TEST_CASE("calls of a pool whose initializer threw are cancelled for its observer", "[observer]") {
    const auto recorder = std::make_shared<Recorder>();
    cf::ThreadPoolExecutor pool({.max_workers = 1, .initializer = fail, .observer = recorder});
    CHECK_THROWS_AS(pool.submit({.name = "never"}, nothing).result(), cf::BrokenThreadPool);
    CHECK(recorder->of("never") == Lines{"submitted", "cancelled"});
}

TEST_CASE("attempts, timeouts and callbacks are observed on threads", "[observer]") {
    const auto recorder = std::make_shared<Recorder>();
    cf::ThreadPoolExecutor pool({.max_workers = 1, .observer = recorder});
    CHECK_THROWS(pool.submit({.name = "again", .retries = 2}, fail).result());
    CHECK(recorder->of("again") ==
          Lines{"submitted", "started", "retried", "started", "retried", "started", "failed"});
    const auto until_stopped = [](std::stop_token stop) {
        while (!stop.stop_requested()) std::this_thread::yield();
    };
    CHECK_THROWS_AS(pool.submit({.name = "long", .timeout = 1ms}, until_stopped).result(), cf::TaskTimeoutError);
    CHECK(recorder->of("long") == Lines{"submitted", "started", "timed out", "failed"});
    support::Gate gate;
    pool.submit({.name = "heard"}, [&gate] { gate.wait(); }).add_done_callback([](const cf::Future<void>&) {});
    gate.open();
    pool.shutdown();
    CHECK(recorder->of("heard") == Lines{"submitted", "started", "completed", "callback", "callback over"});
}

TEST_CASE("all items of a map are told of, and its parts are called map", "[observer]") {
    const auto recorder = std::make_shared<Recorder>();
    cf::ThreadPoolExecutor pool({.max_workers = 2, .observer = recorder});
    const std::vector<int> numbers(10'000, 2);
    int sum = 0;
    for (const int n : pool.map(square, numbers)) sum += n;
    pool.shutdown();
    CHECK(sum == 40'000);
    CHECK(recorder->items() == 10'000);
    const Lines parts = recorder->of("map");
    // A part that finds nothing left to do is taken back.
    CHECK(std::count(parts.begin(), parts.end(), "submitted") ==
          std::count(parts.begin(), parts.end(), "completed") +
              std::count(parts.begin(), parts.end(), "cancelled"));
    CHECK(recorder->count("callback") == 0);
}

TEST_CASE("an observer may ask its pool: no lock is held", "[observer]") {
    const auto recorder = std::make_shared<Recorder>();
    cf::ThreadPoolExecutor threads({.max_workers = 2, .observer = recorder});
    recorder->also = [&] { static_cast<void>(threads.stats()); };
    for (int i = 0; i < 100; ++i) threads.post(square, i);
    threads.submit(square, 1).cancel();
    threads.shutdown();

    const auto another = std::make_shared<Recorder>();
    cf::ProcessPoolExecutor processes({.max_workers = 2, .observer = another});
    another->also = [&] { static_cast<void>(processes.stats()); };
    for (int i = 0; i < 20; ++i) processes.post(square, i);
    CHECK(processes.submit(square, 4).result() == 16);
    CHECK_THROWS_AS(processes.submit(kill_worker).result(), cf::WorkerDiedError);
    processes.submit(square, 1).cancel();
    processes.shutdown();
}

TEST_CASE("what an observer throws goes to the hook, and calls go on", "[observer]") {
    struct Thrower : cf::Observer {
        void submitted(const cf::CallEvent&) override { throw std::runtime_error("submitted"); }
        void started(const cf::CallEvent&) override { throw std::runtime_error("started"); }
        void finished(const cf::CallEvent&, cf::CallOutcome) override { throw 3; }
        void worker_started(const cf::WorkerEvent&) override { throw std::runtime_error("worker started"); }
        void worker_ended(const cf::WorkerEvent&) override { throw std::runtime_error("worker ended"); }
    };
    std::mutex mutex;
    std::size_t reported = 0;
    const auto hook = [&](const std::exception_ptr&) {
        const std::lock_guard lock(mutex);
        ++reported;
    };
    {
        cf::ThreadPoolExecutor threads(
            {.max_workers = 1, .on_unhandled_exception = hook, .observer = std::make_shared<Thrower>()});
        CHECK(threads.submit(square, 3).result() == 9);
    }
    CHECK(reported == 5);
    {
        cf::ProcessPoolExecutor processes(
            {.max_workers = 1, .on_unhandled_exception = hook, .observer = std::make_shared<Thrower>()});
        CHECK(processes.submit(square, 3).result() == 9);
    }
    CHECK(reported == 10);
}

TEST_CASE("deaths, attempts, limits and stops of processes are observed", "[observer]") {
    const auto recorder = std::make_shared<Recorder>();
    cf::ProcessPoolExecutor pool({.max_workers = 1, .stop_grace = 1ms, .observer = recorder});
    CHECK_THROWS(pool.submit({.name = "dies", .retries = 1}, kill_worker).result());
    CHECK(recorder->of("dies") == Lines{"submitted", "started", "retried", "started", "failed"});
    CHECK(recorder->count("worker died") == 2);
    CHECK_THROWS(pool.submit({.name = "throws", .retries = 1}, fail).result());
    CHECK(recorder->of("throws") == Lines{"submitted", "started", "retried", "started", "failed"});
    CHECK_THROWS_AS(pool.submit({.name = "long", .timeout = 1ms}, never_end).result(), cf::TaskTimeoutError);
    Lines timed_out = recorder->of("long");
    REQUIRE(timed_out.size() == 4);
    // The pool may hear of the start before the timeout, or together with the end of the task.
    std::sort(timed_out.begin() + 1, timed_out.begin() + 3);
    CHECK(timed_out == Lines{"submitted", "started", "timed out", "failed"});
    const auto stopped = pool.submit({.name = "stopped"}, never_end);
    while (!stopped.running()) std::this_thread::yield();
    cf::Future<void>(stopped).request_stop();
    CHECK_THROWS_AS(stopped.result(), cf::CancelledError);
    CHECK(recorder->of("stopped") == Lines{"submitted", "started", "stopped"});
    pool.submit({.name = "heard"}, square, 2).add_done_callback([](const cf::Future<int>&) {});
    pool.shutdown();
    const Lines heard = recorder->of("heard");
    REQUIRE(heard.size() >= 3);
    CHECK(Lines(heard.begin(), heard.begin() + 3) == Lines{"submitted", "started", "completed"});
    CHECK(recorder->count("worker ended") == 1);
}

TEST_CASE("observers() tells several, in their order, also when one throws", "[observer]") {
    struct Names : cf::Observer {
        Names(std::string& said, char name, bool throws) : said_(said), name_(name), throws_(throws) {}
        void finished(const cf::CallEvent&, cf::CallOutcome) override {
            said_ += name_;
            if (throws_) throw std::runtime_error("no more room");
        }
        std::string& said_;
        const char name_;
        const bool throws_;
    };
    std::string said, reported;
    {
        cf::ThreadPoolExecutor pool({.max_workers = 1,
                                     .on_unhandled_exception =
                                         [&](std::exception_ptr error) {
                                             try {
                                                 std::rethrow_exception(error);
                                             } catch (const std::exception& what) {
                                                 reported += what.what();
                                             }
                                         },
                                     .observer = cf::observers(nullptr, std::make_shared<Names>(said, 'a', true),
                                                               std::make_shared<Names>(said, 'b', false), nullptr,
                                                               std::make_shared<Names>(said, 'c', false))});
        pool.submit([] {}).result();
    }
    CHECK(said == "abc");
    CHECK(reported == "no more room");
    CHECK(cf::observers(nullptr) == nullptr);
    const auto one = std::make_shared<Names>(said, 'd', false);
    CHECK(cf::observers(one, nullptr) == one);
}

/// One of each, from this thread.
void tell_each_event(cf::Observer& observer) {
    const cf::ObservedPool pool{.id = 1, .kind = "threads", .name = "pool", .max_workers = 2};
    const auto now = std::chrono::steady_clock::now();
    const cf::CallEvent call{pool, 7, "it", now, 0, 0, 0};
    const cf::WorkerEvent worker{pool, 0, "it", now, 4711};
    observer.submitted(call);
    observer.started(call);
    observer.retried(call);
    observer.timed_out(call);
    observer.ran_items(call, 5, now);
    observer.finished(call, cf::CallOutcome::completed);
    observer.callback_started(call);
    observer.callback_finished(call);
    observer.cancelled(call);
    observer.worker_started(worker);
    observer.worker_ended(worker);
    observer.worker_died(worker, "it");
}

TEST_CASE("observers() passes on every event, and one that overrides nothing is there for none", "[observer]") {
    const auto first = std::make_shared<Recorder>(), second = std::make_shared<Recorder>();
    tell_each_event(*cf::observers(first, std::make_shared<cf::Observer>(), second));
    const Lines all{"submitted", "started", "retried", "timed out", "completed", "callback", "callback over", "cancelled",
                    "worker started", "worker ended", "worker died"};
    CHECK(first->of("it") == all);
    CHECK(second->of("it") == all);
    CHECK((first->items() == 5 && second->items() == 5));
}

TEST_CASE("an observer lives as long as calls of its pool", "[observer]") {
    auto recorder = std::make_shared<Recorder>();
    const std::weak_ptr<Recorder> watched = recorder;
    {
        cf::ThreadPoolExecutor pool({.observer = std::move(recorder)});
        pool.submit(nothing).result();
        CHECK_FALSE(watched.expired());
    }
    CHECK(watched.expired());
}

// AddressSanitizer's search for leaks is part of it: what a posted call had made for the observer was lost.
TEST_CASE("a call that cannot be copied leaves nothing of its pool behind", "[observer]") {
    struct NotCopied {
        NotCopied() = default;
        NotCopied(const NotCopied&) { throw std::runtime_error("expected: thrown by a copy"); }
        NotCopied& operator=(const NotCopied&) = delete;
        void operator()() const {}
    };
    auto recorder = std::make_shared<Recorder>();
    const std::weak_ptr<Recorder> watched = recorder;
    {
        cf::ThreadPoolExecutor pool({.observer = std::move(recorder)});
        const std::array<NotCopied, 2> calls;
        CHECK_THROWS_AS(pool.submit(calls[0]), std::runtime_error);
        CHECK_THROWS_AS(pool.submit({.retries = 1}, calls[0]), std::runtime_error);
        CHECK_THROWS_AS(pool.submit_all(calls), std::runtime_error);
        CHECK_THROWS_AS(pool.post(calls[0]), std::runtime_error);
        CHECK_THROWS_AS(pool.post_all(calls), std::runtime_error);
    }
    CHECK(watched.expired());
}

}  // namespace
