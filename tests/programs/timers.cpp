// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^all checks passed$
// expect-no-output: wrong|terminate
//
// timers.hpp. A program of its own, because the timer's threads stay until the program ends.
#include <concurrent/futures/coroutine.hpp>
#include <concurrent/futures/inline_executor.hpp>
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/timers.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace cf = concurrent::futures;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

static int failures = 0;

static void check(bool condition, const char* sentence) {
    if (condition) return;
    std::printf("wrong: %s\n", sentence);
    ++failures;
}
template <class Error, class Call>
static void check_throws(Call call, const char* sentence) {
    try {
        call();
        check(false, sentence);
    } catch (const Error&) {
    }
}

static void after() {
    const auto begin = Clock::now();
    cf::after(20ms).result();
    check(Clock::now() - begin >= 20ms, "after() is not done before its time");
    cf::after(0s).result();
    cf::after(-1h).result();
    auto late = cf::after(1h), never = cf::after(std::chrono::hours::max());
    cf::after(1ms).result();
    check(!late.done(), "timers end in the order of their times");
    check(late.cancel() && never.cancel(), "a timer can be cancelled");
    check_throws<cf::CancelledError>([&] { late.result(); }, "a cancelled timer has no result");
}

static void later() {
    cf::ThreadPoolExecutor pool(1);
    const auto begin = Clock::now();
    std::string text = "abc";
    const auto length = cf::submit_after(pool, 10ms, [](const std::string& s) { return s.size(); }, text);
    text.clear();
    check(length.result() == 3, "submit_after() copies its arguments");
    check(Clock::now() - begin >= 10ms, "submit_after() does not run before its time");
    const auto failed = cf::submit_after(pool, 1ms, []() -> int { throw std::logic_error("expected"); });
    check_throws<std::logic_error>([&] { failed.result(); }, "an exception of the task comes through");
    cf::InlineExecutor here;
    auto moved = cf::submit_after(here, 1ms, [](std::unique_ptr<int> p) { return p; }, std::make_unique<int>(4));
    check(*moved.result() == 4, "arguments that are only moved");
    std::atomic<bool> ran{false};
    check(cf::submit_after(pool, 1h, [&] { ran = true; }).cancel(), "a task can be cancelled before its time");
    pool.wait_idle();
    check(!ran, "it does not run then");
}

static void cancelled() {
    cf::ThreadPoolExecutor pool(1);
    const auto kept = std::make_shared<int>(0);
    auto once = cf::submit_after(pool, 1h, [kept] {});
    auto often = cf::submit_every(pool, 1h, [](const std::shared_ptr<int>&) {}, kept);
    auto chained = cf::after(1h);
    const auto next = chained.then([kept] {});
    check(kept.use_count() > 3, "function and arguments are copied");
    check(once.cancel() && often.cancel() && chained.cancel(), "timers can be cancelled");
    check(kept.use_count() == 1, "a timer that is cancelled frees what it holds at once");
    check(next.cancelled(), "what was to come after it is cancelled as well");
    check(!once.cancel() || once.cancelled(), "a timer may be cancelled again");

    // Some are due meanwhile. In the order of a list this took minutes.
    std::mt19937 random(1);
    std::vector<cf::Future<void>> many;
    for (int n = 0; n < 200'000; ++n) many.push_back(cf::after(std::chrono::microseconds(random() % 1'000'000'000)));
    std::shuffle(many.begin(), many.end(), random);
    std::size_t ended = 0;
    for (auto& timer : many) ended += static_cast<std::size_t>(timer.cancel() || timer.done());
    check(ended == many.size(), "each timer is cancelled or has ended");
    // Cancelled just when it is due: one of the two.
    for (int n = 0; n < 2000; ++n) {
        auto due = cf::after(std::chrono::microseconds(random() % 100));
        const auto follows = due.then([] { return 1; });
        const bool gone = due.cancel();
        check(gone ? follows.cancelled() : follows.result() == 1, "a timer is cancelled or ends, not both");
    }
}

static void pool_that_goes() {
    std::optional<cf::ThreadPoolExecutor> pool(std::in_place, 1);
    const auto late = cf::submit_after(*pool, 5ms, [] {});
    const auto often = cf::submit_every(*pool, 5ms, [] {});
    pool.reset();
    // It may have been submitted before.
    if (const auto error = late.exception())
        check_throws<cf::ShutdownError>([&] { std::rethrow_exception(error); }, "submit_after() of a pool that is gone");
    check_throws<cf::ShutdownError>([&] { often.result(); }, "submit_every() of a pool that is gone");
}

static void again_and_again() {
    cf::ThreadPoolExecutor pool(4);
    const auto runs = std::make_shared<std::atomic<int>>(0);
    auto often = cf::submit_every(
        pool, 1ms,
        [](const std::shared_ptr<std::atomic<int>>& n) {
            n->fetch_add(1);
            n->notify_all();
        },
        runs);
    for (int seen = 0; seen < 5; seen = runs->load()) runs->wait(seen);
    check(often.cancel(), "submit_every() goes on until it is cancelled");
    // Once everything is let go, there are no more runs.
    while (runs.use_count() != 1) cf::after(1ms).result();

    std::atomic<int> inside{0}, count{0}, overlaps{0};
    const auto slow = cf::submit_every(pool, 100us, [&] {
        if (inside.fetch_add(1) != 0) overlaps.fetch_add(1);
        cf::after(1ms).result();  // longer than the period
        inside.fetch_sub(1);
        if (count.fetch_add(1) == 3) throw std::runtime_error("expected");
    });
    check_throws<std::runtime_error>([&] { slow.result(); }, "submit_every() ends with what a run throws");
    check(count == 4, "there are no more runs then");
    check(overlaps == 0, "runs never overlap");
    check_throws<std::invalid_argument>([&] { static_cast<void>(cf::submit_every(pool, 0s, [] {})); },
                                        "a period is positive");
    check_throws<std::invalid_argument>(
        [&] { static_cast<void>(cf::submit_every(pool, std::chrono::duration<double>(NAN), [] {})); },
        "a period is a number");
    const auto begin = Clock::now();
    int run = 0;
    bool early = false;
    const auto in_time = cf::submit_every(pool, 2ms, [&] {
        early = early || Clock::now() - begin < ++run * 2ms;
        if (run == 5) throw std::runtime_error("expected");
    });
    check_throws<std::runtime_error>([&] { in_time.result(); }, "submit_every() goes on");
    check(!early, "no run of submit_every() begins before its time");
    cf::ThreadPoolExecutor paused(1);
    paused.pause();
    const auto given_up = cf::submit_every(paused, 1ms, [] {});
    while (paused.stats().pending == 0) std::this_thread::yield();
    paused.cancel_pending();
    check_throws<cf::CancelledError>([&] { given_up.result(); }, "a run that is cancelled ends submit_every()");
    auto never = cf::submit_every(pool, std::chrono::hours::max(), [&] { ++count; });
    check(never.cancel() && count == 4, "the longest period is no short one");
}

static cf::Future<int> pause_and(int value) {
    co_await cf::after(2ms);
    co_await cf::after(2ms);
    co_return value;
}
static cf::Future<int> await(cf::Future<void> pause) {
    co_await pause;
    co_return 1;
}

static void coroutines() {
    std::vector<cf::Future<int>> all;
    for (int n = 0; n < 100; ++n) all.push_back(pause_and(n));
    for (std::size_t n = 0; n < all.size(); ++n) check(all[n].result() == static_cast<int>(n), "a coroutine pauses");
    auto pause = cf::after(1h);
    const auto coroutine = await(pause);
    check(!coroutine.cancel(), "a coroutine runs from the start, so it is not cancelled from outside");
    check(pause.cancel() && coroutine.cancelled(), "cancelling what a coroutine awaits cancels the coroutine");
}

static cf::Future<int> twice_in_time(cf::Future<int> number, std::chrono::milliseconds limit) {
    co_return 2 * co_await cf::with_timeout(std::move(number), limit);
}

/// As of a task that takes no stop token, on a rank.
struct Unstoppable final : cf::detail::OutcomeState<int> {
    void request_stop() override { throw std::invalid_argument("it takes no std::stop_token"); }
};

static void time_limit_of_what_cannot_be_stopped() {
    auto* const call = new Unstoppable;
    const auto future = cf::detail::FutureAccess::adopt<int>(call);
    check_throws<cf::TimeoutError>([&] { cf::with_timeout(future, 1ms).result(); }, "what cannot be asked to stop gives TimeoutError, too");
    check(cf::with_timeout(future, 1h).cancel(), "and its limited future can be cancelled");
    check(!future.done() && call->claim(), "it goes on");
    call->finish_and_drop_producer(call->store_result_of([] { return 7; }));
    check(future.result() == 7, "and gives its value");
}

static void time_limits() {
    cf::ThreadPoolExecutor pool(2);
    check(cf::with_timeout(pool.submit([] { return 7; }), 1h).result() == 7, "what is done in time gives its value");
    check(cf::with_timeout(pool.submit([] { return std::make_unique<int>(8); }), 1h).result() != nullptr,
          "a value that can only be moved is moved");
    check_throws<std::runtime_error>(
        [&] { cf::with_timeout(pool.submit([] { throw std::runtime_error("no"); }), 1h).result(); },
        "what fails in time gives its exception");
    std::atomic<bool> started{false}, stopped{false};
    const auto until_stopped = [&](std::stop_token stop) {
        started = true;
        while (!stop.stop_requested()) std::this_thread::yield();
        stopped = true;
        return 1;
    };
    const auto slow = pool.submit(until_stopped);
    while (!started) std::this_thread::yield();
    check_throws<cf::TimeoutError>([&] { cf::with_timeout(slow, 1ms).result(); }, "what takes longer gives TimeoutError");
    slow.wait();
    check(stopped, "and is asked to stop");
    started = stopped = false;
    const auto unwanted = pool.submit(until_stopped);
    while (!started) std::this_thread::yield();
    auto limited = cf::with_timeout(unwanted, 1h);
    check(limited.cancel(), "the limited future can be cancelled");
    unwanted.wait();
    check(stopped, "which asks the task to stop");
    cf::Promise<int> never;
    auto cancelled = never.get_future();
    const auto limit_of_cancelled = cf::with_timeout(cancelled, 1h);
    cancelled.cancel();
    check_throws<cf::CancelledError>([&] { limit_of_cancelled.result(); }, "a cancelled future gives CancelledError");
    check_throws<cf::InvalidStateError>([] { static_cast<void>(cf::with_timeout(cf::Future<int>(), 1s)); },
                                        "an empty future is refused");
    check(twice_in_time(pool.submit([] { return 4; }), 1h).result() == 8, "a coroutine gets what is done in time");
    cf::Promise<int> late;
    check_throws<cf::TimeoutError>([&] { twice_in_time(late.get_future(), 1ms).result(); }, "or TimeoutError");
    check(late.get_future().cancelled(), "what had not started is cancelled");
}

int main() {
    after();
    time_limits();
    time_limit_of_what_cannot_be_stopped();
    later();
    cancelled();
    pool_that_goes();
    again_and_again();
    coroutines();
    if (failures == 0) std::printf("all checks passed\n");
    return failures;
}
