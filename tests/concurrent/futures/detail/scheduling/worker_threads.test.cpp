// SPDX-License-Identifier: MIT
//
// Who runs what, in what order, and that nobody is forgotten.
#include <concurrent/futures/detail/scheduling/worker_threads.hpp>
#include <concurrent/futures/errors.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/wait.hpp>

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <mutex>
#include <set>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "support/deadline.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"

namespace {

namespace cf = concurrent::futures;
using Pool = cf::ThreadPoolExecutor;

TEST_CASE("calls of one submitter start in the order submitted, on one worker",
          "[worker_threads]") {
    Pool pool(1);
    std::vector<int> order;
    for (int n = 0; n < 10'000; ++n) pool.post([&order, n] { order.push_back(n); });
    pool.shutdown();
    REQUIRE(order.size() == 10'000);
    for (int n = 0; n < 10'000; ++n) REQUIRE(order[static_cast<std::size_t>(n)] == n);
}

TEST_CASE("with several workers none starts before one that was submitted a worker's count earlier",
          "[worker_threads]") {
    constexpr int workers = 4, calls = 20'000;
    Pool pool(workers);
    // How many have begun when a call begins. Those before it have all been taken; of these each other
    // worker may have one that has not counted itself yet.
    std::atomic<int> begun = 0, worst = 0;
    for (int n = 0; n < calls; ++n)
        pool.post([&, n] {
            const int before = begun++;
            for (int early = n - before, seen = worst; early > seen;)
                if (worst.compare_exchange_weak(seen, early)) break;
        });
    pool.shutdown();
    CHECK(begun == calls);
    CHECK(worst < workers);
}

TEST_CASE("a call that waits outside of futures for one it submitted gets another worker for it",
          "[worker_threads]") {
    Pool pool(2);
    for (int n = 0; n < 2'000; ++n) {
        pool.submit([&] {
            support::Gate done;
            const auto inner = pool.submit([&] { done.open(); });
            done.wait();
            inner.wait();
        }).result();
    }
}

TEST_CASE("of many calls that block each other every one gets a worker", "[worker_threads]") {
    const int workers = GENERATE(2, 5, 16);
    Pool pool(workers);
    for (int n = 0; n < (support::sanitized ? 50 : 300); ++n) {
        // All must run at the same time; submitted from outside, or by one of them.
        std::atomic<int> here = 0;
        support::Gate all;
        const auto meet = [&] {
            if (++here == workers) all.open();
            all.wait();
        };
        std::vector<cf::Future<void>> calls;
        if (n % 2 == 0) {
            for (int i = 0; i < workers; ++i) calls.push_back(pool.submit(meet));
        } else {
            calls.push_back(pool.submit([&] {
                std::vector<cf::Future<void>> others;
                for (int i = 1; i < workers; ++i) others.push_back(pool.submit(meet));
                meet();
                cf::wait(others);
            }));
        }
        for (const auto& call : calls) call.result();
        REQUIRE(here == workers);
    }
}

/// Counts how often the pool looks at one.
struct Watched final : cf::detail::Task {
    std::size_t& looks;
    bool spent = false;
    explicit Watched(std::size_t& counter) : looks(counter) {}
    cf::detail::TaskEnd run() override { return cf::detail::TaskEnd::claimed; }
    cf::detail::TaskEnd abandon(const std::exception_ptr&) noexcept override { return cf::detail::TaskEnd::claimed; }
    Standing standing() const noexcept override {
        ++looks;
        return spent ? Standing::cancelled : Standing::waiting;
    }
};

/// An engine of one worker that does nothing until the end.
struct BusyEngine {
    cf::detail::WorkerThreads& threads;
    support::Gate gate, entered;
    struct Stays final : cf::detail::Task {
        explicit Stays(BusyEngine& owner) : engine(owner) {}
        BusyEngine& engine;
        cf::detail::TaskEnd run() override {
            engine.entered.open();
            engine.gate.wait();
            return cf::detail::TaskEnd::completed;
        }
        cf::detail::TaskEnd abandon(const std::exception_ptr&) noexcept override {
            return cf::detail::TaskEnd::cancelled;
        }
        Standing standing() const noexcept override { return Standing::waiting; }
    } stays{*this};

    explicit BusyEngine(cf::ThreadPoolOptions options) : threads(*new cf::detail::WorkerThreads(std::move(options))) {
        CHECK(threads.submit(stays, cf::Priority::normal));
        entered.wait();
        threads.note_taken();  // as a task that begins does
    }
    ~BusyEngine() {
        gate.open();
        threads.begin_shutdown(false);
        threads.join(cf::detail::Deadline::never());
        threads.release();
    }
};

TEST_CASE("to count the tasks that wait, none of them is looked at", "[worker_threads]") {
    std::size_t looks = 0;
    std::deque<Watched> tasks;
    BusyEngine busy({.max_workers = 1});
    for (int n = 0; n < 1000; ++n) REQUIRE(busy.threads.submit(tasks.emplace_back(looks), cf::Priority::normal));
    CHECK(busy.threads.counts().pending >= 1000);
    CHECK(looks == 0);
}

TEST_CASE("at max_pending one task is cancelled and another one submitted, again and again, in a few steps each",
          "[worker_threads]") {
    constexpr std::size_t full = 1000;
    std::size_t looks = 0;
    std::deque<Watched> tasks;
    BusyEngine busy({.max_workers = 1, .max_pending = full, .on_full = cf::QueueFull::raise});
    const auto submit = [&] { CHECK(busy.threads.submit(tasks.emplace_back(looks), cf::Priority::normal)); };
    for (std::size_t n = 0; n < full; ++n) submit();
    for (std::size_t n = 0; n < 5 * full; ++n) {
        Watched refused(looks);
        REQUIRE_THROWS_AS(busy.threads.submit(refused, cf::Priority::normal), cf::QueueFullError);
        tasks[n].spent = true;  // as a call does that is cancelled
        if (busy.threads.tables().queues.note_spent()) busy.threads.tables().queues.take_out_spent();
        busy.threads.note_taken();
        submit();
    }
    CHECK(looks < 10 * full);
}

TEST_CASE("initializers may wait for those of the other workers", "[worker_threads]") {
    std::atomic<int> here = 0;
    support::Gate all;
    Pool pool({.max_workers = 3, .initializer = [&] {
                   if (++here == 3) all.open();
                   all.wait();
               }});
    std::vector<cf::Future<int>> calls;
    for (int n = 0; n < 3; ++n) calls.push_back(pool.submit([n] { return n; }));
    for (int n = 0; n < 3; ++n) CHECK(calls[static_cast<std::size_t>(n)].result() == n);
}

TEST_CASE("a call that keeps submitting itself does not keep others waiting", "[worker_threads]") {
    Pool pool(1);
    std::atomic<bool> enough = false;
    std::atomic<int> rounds = 0;
    struct Again {
        Pool& pool;
        std::atomic<bool>& enough;
        std::atomic<int>& rounds;
        void operator()() const {
            ++rounds;
            if (!enough) pool.post(*this);
        }
    };
    pool.post(Again{pool, enough, rounds});
    for (int n = 0; n < 100; ++n) CHECK(pool.submit([n] { return n; }).result() == n);
    enough = true;
    pool.shutdown();
    CHECK(rounds > 0);
}

TEST_CASE("a worker takes high priority first and low priority last, also before its own calls",
          "[worker_threads]") {
    Pool pool(1);
    std::vector<char> order;
    const auto note = [&order](char which) { order.push_back(which); };
    support::Gate submitted;
    const auto outer = pool.submit([&] {
        submitted.wait();
        pool.post(note, 'o');
    });
    pool.submit({.priority = cf::Priority::low}, note, 'l');
    pool.submit(note, 'n');
    pool.submit({.priority = cf::Priority::high}, note, 'h');
    submitted.open();
    outer.result();
    pool.shutdown();
    CHECK(order == std::vector<char>{'h', 'o', 'n', 'l'});
}

int fibonacci(Pool& pool, int n) {
    if (n < 2) return n;
    const auto a = pool.submit(fibonacci, std::ref(pool), n - 1);
    const auto b = pool.submit(fibonacci, std::ref(pool), n - 2);
    return a.result() + b.result();
}

TEST_CASE("a waiting worker runs only what its call waits for: never one that wants a lock it holds",
          "[worker_threads]") {
    Pool pool(3);
    std::mutex mutex;
    // Each holds the mutex while it waits for a tree of calls; none of the others may come on top of it.
    std::vector<cf::Future<int>> calls;
    for (int n = 0; n < 30; ++n)
        calls.push_back(pool.submit([&] {
            const std::lock_guard lock(mutex);
            return fibonacci(pool, 10);
        }));
    for (const auto& call : calls) CHECK(call.result() == 55);
}

TEST_CASE("a waiting worker leaves alone what the other one submits after the awaited call has ended",
          "[worker_threads]") {
    Pool pool(3);
    std::mutex mutex;
    // The calls that want the mutex lie in the workers' own deques, where a worker that waits for one of
    // them, with the mutex held, looks for what that one has submitted.
    std::vector<cf::Future<int>> calls;
    for (int n = 0; n < 8; ++n)
        calls.push_back(pool.submit([&] {
            int sum = 0;
            for (int round = 0; round < (support::sanitized ? 20 : 200); ++round) {
                std::vector<cf::Future<int>> inner;
                for (int i = 0; i < 4; ++i)
                    inner.push_back(pool.submit([&] {
                        const auto quick = pool.submit([] { return 1; });
                        const std::lock_guard lock(mutex);
                        return quick.result();
                    }));
                for (const auto& call : inner) sum += call.result();
            }
            return sum;
        }));
    for (const auto& call : calls) CHECK(call.result() == (support::sanitized ? 20 : 200) * 4);
}

TEST_CASE("many submitters and many workers lose nothing", "[worker_threads]") {
    const int workers = GENERATE(1, 2, 16, 64);
    constexpr int submitters = 16, each = support::sanitized ? 200 : 1'000;
    Pool pool(workers);
    std::atomic<int> ran = 0;
    std::vector<std::thread> threads;
    std::array<long, submitters> sums{};
    for (std::size_t s = 0; s < submitters; ++s)
        threads.emplace_back([&, s] {
            std::vector<cf::Future<int>> futures;
            for (int n = 0; n < each; ++n) {
                futures.push_back(pool.submit([&, n] {
                    ++ran;
                    return n;
                }));
                if (n % 16 == 0) futures.back().wait();
            }
            for (const auto& future : futures) sums[s] += future.result();
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(ran == submitters * each);
    for (const long sum : sums) CHECK(sum == long{each} * (each - 1) / 2);
    CHECK(pool.stats().completed == static_cast<std::size_t>(submitters * each));
}

TEST_CASE("each worker stays usable through pauses in which all of them sleep", "[worker_threads]") {
    Pool pool(4);
    for (int n = 0; n < 200; ++n) {
        std::vector<cf::Future<int>> calls;
        for (int i = 0; i < 1 + n % 7; ++i) calls.push_back(pool.submit([i] { return i; }));
        for (int i = 0; i < 1 + n % 7; ++i) REQUIRE(calls[static_cast<std::size_t>(i)].result() == i);
        REQUIRE(support::eventually([&] { return pool.stats().idle == pool.stats().workers; }));
    }
}

TEST_CASE("a task that its submitter runs counts as one that was submitted and has begun", "[worker_threads]") {
    support::Gate open;
    Pool pool({.max_workers = 1, .max_pending = 1, .on_full = cf::QueueFull::caller_runs});
    support::Gate started;
    const auto busy = pool.submit([&] { started.open(), open.wait(); });
    started.wait();
    const auto waits = pool.submit([] {});
    for (int n = 0; n < 3; ++n) CHECK(pool.submit([n] { return n; }).result() == n);
    CHECK(pool.stats().pending == 1);
    CHECK(pool.stats().running == 1);
    open.open();
    waits.result();
}

TEST_CASE("a paused pool that has no worker yet runs what waits when it is shut down", "[worker_threads]") {
    Pool pool(2);
    pool.pause();
    const auto waits = pool.submit([] { return 7; });
    CHECK(pool.stats().workers == 0);
    pool.shutdown({.wait = false});
    CHECK(waits.result() == 7);
}

/// `end_it` makes a paused pool idle, in which a task waits and another thread waits for that.
template <class EndIt>
void end_wait_for_paused_pool(EndIt end_it) {
    for (int round = 0; round < 20; ++round) {
        Pool pool(1);
        pool.pause();
        const auto waits = pool.submit([] {});
        support::Gate begins;
        std::thread waiter([&] { begins.open(), pool.wait_idle(); });
        begins.wait();
        for (int n = 0; n < 200; ++n) std::this_thread::yield();  // it is likely to sleep by now, and need not
        end_it(pool, waits);
        waiter.join();
        CHECK(waits.cancelled());
    }
}

TEST_CASE("who waits for a paused pool to be idle hears that what waits was cancelled", "[worker_threads]") {
    end_wait_for_paused_pool([](Pool& pool, const auto&) { pool.cancel_pending(); });
    end_wait_for_paused_pool([](Pool&, const cf::Future<void>& waits) { waits.cancel(); });
}

TEST_CASE("who waits for a pool to be idle hears of the end of its last worker after a shutdown", "[worker_threads]") {
    for (int round = 0; round < 20; ++round) {
        Pool pool(1);
        support::Gate started, open, begins;
        pool.post([&] { started.open(), open.wait(); });
        started.wait();
        pool.shutdown({.wait = false});
        std::thread waiter([&] { begins.open(), pool.wait_idle(); });
        begins.wait();
        for (int n = 0; n < 200; ++n) std::this_thread::yield();  // it is likely to sleep by now, and need not
        open.open();
        waiter.join();
        CHECK(pool.stats().running == 0);
    }
}

TEST_CASE("a stop callback of a task whose time is up cannot wait for an idle pool", "[worker_threads]") {
    Pool pool(1);
    std::atomic<bool> refused = false;
    pool.submit({.timeout = std::chrono::nanoseconds(1)}, [&](std::stop_token stop) {
        support::Gate called;
        const std::stop_callback callback(stop, [&] {
            try {
                pool.wait_idle();
            } catch (const std::system_error&) {
                refused = true;
            }
            called.open();
        });
        called.wait();
    }).wait();
    CHECK(refused);
}

TEST_CASE("a submitter that waits for room hears of the shutdown, though no task ends", "[worker_threads]") {
    for (int round = 0; round < 20; ++round) {
        Pool pool({.max_workers = 1, .max_pending = 1});
        support::Gate started, open, begins;
        pool.post([&] { started.open(), open.wait(); });
        started.wait();
        pool.post([] {});
        bool refused = false;
        std::thread submitter([&] {
            begins.open();
            try {
                pool.post([] {});
            } catch (const cf::ShutdownError&) {
                refused = true;
            }
        });
        begins.wait();
        for (int n = 0; n < 200; ++n) std::this_thread::yield();  // it is likely to sleep by now, and need not
        pool.shutdown({.wait = false});
        submitter.join();
        CHECK(refused);
        open.open();
    }
}

TEST_CASE("many tasks that a worker submits at once all run, and it may wait for them", "[worker_threads]") {
    const bool alone = GENERATE(true, false);
    Pool pool(alone ? 1 : 3);
    const auto sum = pool.submit([&] {
        std::vector<std::function<int()>> calls;
        for (int n = 0; n < 1000; ++n) calls.emplace_back([n] { return n; });
        int total = 0;
        for (const auto& each : pool.submit_all(calls)) total += each.result();
        return total;
    });
    CHECK(sum.result() == 999 * 500);
    std::atomic<int> run = 0;
    pool.submit([&] {
            std::vector<std::function<void()>> calls(1000, [&] { ++run; });
            pool.post_all(calls);
        }).result();
    pool.wait_idle();
    CHECK(run == 1000);
}

TEST_CASE("a worker that submits many after the shutdown is refused, and none of them runs", "[worker_threads]") {
    Pool pool(1);
    support::Gate closed;
    std::atomic<int> ran = 0;
    const auto refused = pool.submit([&] {
        closed.wait();
        const std::vector<std::function<void()>> calls(3, [&] { ++ran; });
        try {
            static_cast<void>(pool.submit_all(calls));
        } catch (const cf::ShutdownError&) {
            return true;
        }
        return false;
    });
    pool.shutdown({.wait = false});
    closed.open();
    CHECK(refused.result());
    pool.shutdown();
    CHECK(ran == 0);
}

TEST_CASE("a task that is submitted while an idle worker leaves is not left to the other one, which is at work", "[worker_threads]") {
    support::Gate leaves, may_leave, may_end;
    Pool pool({.max_workers = 2, .worker_exit = [&] {
        leaves.open();
        may_leave.wait();
    }, .idle_timeout = std::chrono::milliseconds(1)});
    pool.start_workers();
    const auto long_task = pool.submit([&] { may_end.wait(); });
    leaves.wait();  // the other one
    const auto task = pool.submit([] { return 7; });
    may_leave.open();
    const bool has_run = task.wait_for(support::deadline(std::chrono::seconds(20))) == std::future_status::ready;
    may_end.open();
    CHECK(has_run);
    CHECK(task.result() == 7);
    long_task.result();
}

TEST_CASE("with fewer workers allowed one stops behind its task, though others wait", "[worker_threads]") {
    Pool pool(2);
    std::array<support::Gate, 2> started;
    support::Gate open;
    for (support::Gate& each : started) pool.post([&] { each.open(), open.wait(); });
    for (support::Gate& each : started) each.wait();
    std::atomic<int> at_once = 0, most = 0;
    for (int n = 0; n < 500; ++n)
        pool.post([&] {
            const int now = ++at_once;
            if (now > most) most = now;
            for (int i = 0; i < 20; ++i) std::this_thread::yield();
            --at_once;
        });
    pool.set_max_workers(1);
    open.open();
    pool.shutdown();
    CHECK(most == 1);
}

}  // namespace
