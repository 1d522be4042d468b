// SPDX-License-Identifier: MIT
//
// map.cpp: maps of a thread pool under the model checker.
#include <concurrent/futures/algorithm.hpp>
#include <concurrent/futures/detail/map/lanes.hpp>
#include <concurrent/futures/detail/map/map_outcome.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <pthread.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "model/checker/checker.hpp"

namespace cf = concurrent::futures;
namespace detail = cf::detail;
using model::expect;
using Value = model::Watched<int>;

MODEL("of a map whose item ends its thread every item ends") {
    cf::ThreadPoolExecutor pool(2);
    const std::vector<int> numbers{0, 1, 2};
    auto results = pool.map([](int n) { return n == 1 ? ::pthread_exit(nullptr), n : n; }, numbers);
    int items = 0;
    for (auto at = results.begin(); at != results.end(); ++at, ++items) {
        try {
            static_cast<void>(*at);
        } catch (const cf::BrokenPromiseError&) {
        }
    }
    expect(items == 3, "all items");
}

MODEL("a map is given up while it reads its input") {
    cf::ThreadPoolExecutor pool(1);
    std::thread other([&] { pool.cancel_pending(); });
    const std::vector<int> numbers{0, 1, 2};
    int items = 0;
    auto results = pool.map([](int n) { return n; }, numbers);
    for (auto at = results.begin(); at != results.end(); ++at, ++items) {
        try {
            expect(*at == items, "the result of this item");
        } catch (const cf::CancelledError&) {
        }
    }
    expect(items == 3, "all items");
    other.join();
}

MODEL("the results of a map are seen in order") {
    cf::ThreadPoolExecutor pool(2);
    const std::vector<int> numbers{0, 1, 2};
    int next = 0;
    for (Value value : pool.map([](int n) { return Value(n); }, numbers)) expect(value.get() == next++, "this result");
    expect(next == 3, "all results");
}

MODEL("the results of map_unordered are seen, each once") {
    cf::ThreadPoolExecutor pool(2);
    const std::vector<int> numbers{0, 1, 2};
    int sum = 0;
    for (Value value : pool.map_unordered([](int n) { return Value(1 << n); }, numbers)) sum += value.get();
    expect(sum == 7, "each result once");
}

MODEL("a map that is dropped in the middle cancels or runs the rest") {
    std::atomic<int> runs{0};
    {
        cf::ThreadPoolExecutor pool(2);
        const std::vector<int> numbers{0, 1, 2, 3};
        auto results = pool.map([&](int n) { return ++runs, n; }, numbers);
        expect(*results.begin() == 0, "the first result");
    }
    expect(runs >= 1 && runs <= 4, "no item runs twice");
}

MODEL("a map in a task of the only worker") {
    cf::ThreadPoolExecutor pool(1);
    const std::vector<int> numbers{1, 2};
    expect(pool.submit([&] {
                   int sum = 0;
                   for (int n : pool.map([](int m) { return m; }, numbers)) sum += n;
                   return sum;
               }).result() == 3,
           "the sum");
}

MODEL("a loop over an array") {
    cf::ThreadPoolExecutor pool(2);
    std::vector<Value> numbers(3);
    cf::for_each(pool, numbers, [](Value& value) { value.set(1); });
    for (const Value& value : numbers) expect(value.get() == 1, "each element");
}

MODEL("a map in chunks") {
    cf::ThreadPoolExecutor pool(2);
    const std::vector<int> numbers{0, 1, 2, 3};
    int next = 0;
    for (Value value : pool.map({.chunksize = 2}, [](int n) { return Value(n); }, numbers))
        expect(value.get() == next++, "this result");
    expect(next == 4, "all results");
}

MODEL("a map in chunks, in any order") {
    cf::ThreadPoolExecutor pool(2);
    const std::vector<int> numbers{0, 1, 2, 3};
    int sum = 0;
    for (Value value : pool.map_unordered({.chunksize = 2}, [](int n) { return Value(n); }, numbers)) sum += value.get();
    expect(sum == 6, "all results");
}

/// Items that two threads run out of one lane.
template <std::size_t Count>
struct Items {
    Items() {
        lanes.fill(0, 0, Count);
        for (auto& thread : threads)
            thread = std::thread([this] {
                auto run = [this](std::size_t item) {
                    outcomes[item].store_result_of(nullptr, [&] { return Value(static_cast<int>(item)); });
                };
                auto has_run = [this](std::size_t item) { return ran(item); };
                lanes.run_claimed(0, detail::Lanes::limit, run, has_run);
            });
    }
    ~Items() {
        for (auto& thread : threads) thread.join();
    }
    bool ran(std::size_t item) const { return outcomes[item].ran(); }
    std::size_t count() const {
        std::size_t now = 0;
        for (const auto& outcome : outcomes) now += outcome.ran() ? 1u : 0u;
        return now;
    }

    detail::Lanes lanes{2};
    std::array<detail::MapOutcome<Value>, Count> outcomes;
    std::array<std::thread, 2> threads;
};

MODEL("Lanes: the thread that waits for an item is woken when it has ended") {
    Items<3> items;
    for (std::uint32_t item = 0; item < 3; ++item) {
        while (!items.ran(item))
            items.lanes.wait(item, [&] { return items.ran(item); }, detail::Deadline::never());
        expect(items.outcomes[item].get().get() == static_cast<int>(item), "the result of this item");
    }
}

MODEL("Lanes: the thread that waits for any item is woken when one has ended") {
    Items<2> items;
    for (std::size_t seen = 0; seen < 2; seen = items.count())
        while (items.count() == seen)
            items.lanes.wait(detail::Lanes::any_item, [&] { return items.count() != seen; }, detail::Deadline::never());
}
