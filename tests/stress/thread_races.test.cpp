// SPDX-License-Identifier: MIT
//
// Many threads do all that may be done to the same calls at the same time. The sanitizers see the
// races; here it is checked that every call ends once, and everybody hears of the same end.
// The seed is Catch2's, printed on top of the output: repeat with --rng-seed.
#include <concurrent/futures/as_completed.hpp>
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/wait.hpp>

#include <array>
#include <atomic>
#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include "support/deadline.hpp"
#include "support/gate.hpp"

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

constexpr int iterations = support::sanitized ? 3'000 : 10'000;

/// How a call ended, as one of its observers sees it.
enum class End { value, exception, cancelled };

End end_of(const cf::Future<int>& future) {
    try {
        return future.result() == 1 ? End::value : End::exception;
    } catch (const cf::CancelledError&) {
        return End::cancelled;
    } catch (const std::runtime_error&) {
        return End::exception;
    }
}

/// The same numbers in every thread of one run, different ones in every run.
std::minstd_rand generator(unsigned salt) {
    return std::minstd_rand(Catch::getSeed() * 31u + salt + 1u);
}

TEST_CASE("run, cancel, add_done_callback and result of one call race", "[stress]") {
    INFO("seed " << Catch::getSeed());
    cf::ThreadPoolExecutor pool(2);
    std::atomic<int> added = 0, told = 0;
    struct Round {
        cf::Future<int> future;
        std::atomic<int> ran = 0;
        std::array<End, 3> seen{};
    };
    std::vector<Round> rounds(iterations);
    std::atomic<int> published = 0;
    {
        // Each of the three goes through the calls while the main thread submits them.
        const auto observe = [&](unsigned which) {
            auto random = generator(which);
            for (int i = 0; i < iterations; ++i) {
                while (published.load(std::memory_order_acquire) <= i) std::this_thread::yield();
                Round& round = rounds[static_cast<std::size_t>(i)];
                if (which == 0 && random() % 2 == 0) round.future.cancel();
                if (which == 1 || random() % 4 == 0) {
                    ++added;
                    round.future.add_done_callback(
                        [&](const cf::Future<int>& f) { told += f.done(); });
                }
                round.seen[which] = end_of(round.future);
            }
        };
        const std::jthread first(observe, 0u), second(observe, 1u), third(observe, 2u);
        auto random = generator(9);
        for (Round& round : rounds) {
            const bool fails = random() % 4 == 0;
            round.future = pool.submit([&round, fails] {
                ++round.ran;
                if (fails) throw std::runtime_error("on purpose");
                return 1;
            });
            published.fetch_add(1, std::memory_order_release);
        }
    }
    pool.shutdown();
    CHECK(told == added);
    std::size_t ran = 0, cancelled = 0;
    for (const Round& round : rounds) {
        REQUIRE(round.future.done());
        REQUIRE(round.seen[0] == round.seen[1]);
        REQUIRE(round.seen[1] == round.seen[2]);
        REQUIRE(round.ran == (round.seen[0] == End::cancelled ? 0 : 1));
        ran += static_cast<std::size_t>(round.ran.load());
        cancelled += round.seen[0] == End::cancelled;
    }
    const cf::ExecutorStats stats = pool.stats();
    CHECK(stats.completed + stats.failed == ran);
    CHECK(stats.cancelled == cancelled);
}

TEST_CASE("every callback runs once, whenever it is added", "[stress]") {
    INFO("seed " << Catch::getSeed());
    for (int round = 0; round < iterations / 10; ++round) {
        cf::Promise<int> promise;
        // Those added in time run in this thread, late ones in that of the adder: maybe at once.
        std::array<std::atomic<int>, 3> told{};
        {
            std::vector<std::jthread> threads;
            for (std::size_t t = 0; t < told.size(); ++t)
                threads.emplace_back([&, t, future = promise.get_future()] {
                    for (int i = 0; i < 5; ++i) future.add_done_callback([&, t](const auto&) { ++told[t]; });
                    future.wait();
                });
            promise.set_value(round);
        }
        for (const auto& count : told) REQUIRE(count == 5);
    }
}

TEST_CASE("submit, shutdown and the destructor race", "[stress]") {
    INFO("seed " << Catch::getSeed());
    auto random = generator(3);
    for (int round = 0; round < iterations / 20; ++round) {
        std::vector<cf::Future<int>> accepted[2];
        const bool cancels = random() % 2 == 0, waits = random() % 2 == 0;
        {
            cf::ThreadPoolExecutor pool(2);
            const auto submit = [&](std::size_t which) {
                try {
                    for (int i = 0; i < 50; ++i)
                        accepted[which].push_back(pool.submit([] { return 1; }));
                } catch (const cf::ShutdownError&) {
                }
            };
            const std::jthread first(submit, 0u), second(submit, 1u);
            pool.shutdown({.wait = waits, .cancel_futures = cancels});
        }
        for (const auto& futures : accepted)
            for (const auto& future : futures) {
                REQUIRE(future.done());
                REQUIRE((cancels || !future.cancelled()));
            }
    }
}

TEST_CASE("wait() and as_completed() in several threads while calls end and are cancelled",
          "[stress]") {
    INFO("seed " << Catch::getSeed());
    auto random = generator(4);
    cf::ThreadPoolExecutor pool(2);
    for (int round = 0; round < iterations / 50; ++round) {
        std::vector<cf::Future<int>> futures;
        for (int i = 0; i < 30; ++i) futures.push_back(pool.submit([i] { return i; }));
        const std::size_t victim = random() % futures.size();
        std::array<std::size_t, 3> counts{};
        {
            const std::jthread waiter([&] { counts[0] = cf::wait(futures).done.size(); });
            const std::jthread iterator([&] {
                for (const auto& future : cf::as_completed(futures)) counts[1] += future.done();
            });
            const std::jthread impatient([&] {
                while (counts[2] < futures.size())
                    counts[2] = cf::wait(futures, {.timeout = 1us}).done.size();
            });
            futures[victim].cancel();
        }
        for (const std::size_t count : counts) REQUIRE(count == futures.size());
    }
}

TEST_CASE("many workers submit to and wait for their own pool", "[stress]") {
    struct Tree {
        cf::ThreadPoolExecutor& pool;
        int count(int level) const {
            if (level == 0) return 1;
            std::vector<cf::Future<int>> below;
            for (int i = 0; i < 3; ++i)
                below.push_back(pool.submit([*this, level] { return count(level - 1); }));
            int total = 1;
            switch (level % 3) {
                case 0:
                    for (const auto& future : below) total += future.result();
                    break;
                case 1:
                    for (const auto& future : cf::as_completed(below)) total += future.result();
                    break;
                default:
                    for (const auto& future : cf::wait(below).done) total += future.result();
            }
            return total;
        }
    };
    for (const int workers : {1, 2, 5}) {
        cf::ThreadPoolExecutor pool(workers);
        const Tree tree{pool};
        CHECK(pool.submit([&] { return tree.count(7); }).result() == 3280);
        pool.shutdown();
        CHECK(pool.stats().completed == 3280);
    }
}

TEST_CASE("the first to end is heard although others are still to be started", "[stress]") {
    for (int round = 0; round < iterations / 10; ++round) {
        cf::ThreadPoolExecutor pool(2);
        support::Gate never;
        support::Gate runs;
        const auto first = pool.submit([&] { runs.open(); });
        runs.wait();
        const bool heard = pool.submit([&] {
            const auto stays = pool.submit([&] { never.wait(); });
            const auto done = cf::wait(std::array{first, stays},
                                       {.return_when = cf::ReturnWhen::first_completed}).done;
            never.open();
            return done.at(0) == first;
        }).result();
        REQUIRE(heard);
    }
}

TEST_CASE("pools come and go while workers idle out", "[stress]") {
    for (int round = 0; round < iterations / 50; ++round) {
        cf::ThreadPoolExecutor pool({.max_workers = 3, .worker_exit = [] {}, .idle_timeout = 1us});
        std::array<int, 2> sums{};
        {
            const auto use = [&](std::size_t which) {
                for (int i = 0; i < 20; ++i) sums[which] += pool.submit([] { return 1; }).result();
            };
            const std::jthread first(use, 0u), second(use, 1u);
        }
        REQUIRE(sums == std::array{20, 20});
    }
}

}  // namespace
