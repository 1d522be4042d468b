// SPDX-License-Identifier: MIT
//
// Maps and loops of every size at the same time on one pool, some dropped in the middle, some read by
// workers: each result is right, nothing hangs. The seed is Catch2's: repeat with --rng-seed.
#include <concurrent/futures/algorithm.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <atomic>
#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/deadline.hpp"

namespace {

namespace cf = concurrent::futures;

constexpr int rounds = support::thread_sanitized || support::address_sanitized ? 60 : 200;

/// One random map; false when a result was wrong.
bool map_something(cf::ThreadPoolExecutor& pool, std::minstd_rand& random) {
    const int size = static_cast<int>(random() % 3 == 0 ? random() % 5'000 : random() % 130);
    const int stop = random() % 4 == 0 ? static_cast<int>(random() % 5'000) : size;
    const bool ordered = random() % 2 == 0;
    const int failing = random() % 3 == 0 ? static_cast<int>(random() % 5'000) : -1;
    const bool nested = random() % 16 == 0;
    std::vector<int> inputs(static_cast<std::size_t>(size));
    std::iota(inputs.begin(), inputs.end(), 0);
    const auto call = [&pool, failing, nested](int n) {
        if (n == failing) throw std::domain_error("as asked");
        if (nested && n % 50 == 0) {
            int sum = 0;
            for (int&& one : pool.map([](int i) { return i; }, std::vector{1, 2, 3})) sum += one;
            cf::for_each_index(pool, 0, 300, [](int) {});
            return std::make_unique<int>(n + sum - 6);
        }
        return std::make_unique<int>(n);
    };
    auto results = ordered ? pool.map(call, inputs) : pool.map_unordered(call, inputs);
    std::int64_t sum = 0, expected = 0;
    int count = 0;
    for (auto it = results.begin(); it != results.end() && count < stop; ++it, ++count) {
        try {
            const std::unique_ptr<int> box = *it;
            if (ordered && *box != count) return false;
            sum += *box;
        } catch (const std::domain_error&) {
            sum += failing;
        }
    }
    if (count < size) return true;  // dropped
    for (int n = 0; n < size; ++n) expected += n;
    return sum == expected;
}

TEST_CASE("maps of every size race on one pool", "[stress]") {
    INFO("seed " << Catch::getSeed());
    cf::ThreadPoolExecutor pool(3);
    std::atomic<int> wrong = 0;
    {
        const auto drive = [&](unsigned salt) {
            std::minstd_rand random(Catch::getSeed() * 31u + salt + 1u);
            for (int round = 0; round < rounds; ++round) {
                if (random() % 4 == 0)  // read by a worker
                    wrong += !pool.submit([&pool, seed = random()] {
                                      std::minstd_rand own(seed + 1u);
                                      return map_something(pool, own);
                                  }).result();
                else
                    wrong += !map_something(pool, random);
            }
        };
        const std::jthread first(drive, 0u), second(drive, 1u);
        drive(2u);
    }
    CHECK(wrong == 0);
}

TEST_CASE("shutdown races with maps", "[stress]") {
    INFO("seed " << Catch::getSeed());
    std::minstd_rand random(Catch::getSeed() + 1u);
    for (int round = 0; round < rounds; ++round) {
        cf::ThreadPoolExecutor pool(2);
        const bool cancel = random() % 2 == 0;
        const int size = static_cast<int>(random() % 2'000);
        std::vector<int> inputs(static_cast<std::size_t>(size));
        auto results = pool.map([](int) { return 1; }, inputs);
        const std::jthread closing([&] { pool.shutdown({.wait = false, .cancel_futures = cancel}); });
        int ended = 0;
        for (auto it = results.begin(); it != results.end(); ++it) {
            try {
                ended += *it;
            } catch (const cf::CancelledError&) {
                ended += cancel;
            }
        }
        CHECK(ended == size);
    }
}

}  // namespace
