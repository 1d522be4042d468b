// SPDX-License-Identifier: MIT
//
// map.cpp: maps of a thread pool under the model checker.
#include <concurrent/futures/algorithm.hpp>
#include <concurrent/futures/detail/map/lanes.hpp>
#include <concurrent/futures/detail/map/map_outcome.hpp>
#include <concurrent/futures/detail/map/owned_blocks.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <pthread.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
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

/// The outcomes of some items.
template <std::size_t Count>
struct Outcomes {
    Outcomes() {
        for (auto& state : states) state.store(detail::MapState::waiting, std::memory_order_relaxed);
    }
    ~Outcomes() {
        for (std::size_t item = 0; item < Count; ++item) at(item).destroy();
    }
    detail::MapOutcome<Value> at(std::size_t item) { return {&slots[item], &states[item]}; }
    bool ran(std::size_t item) { return at(item).ran(); }
    void run(std::size_t item) {
        at(item).store_result_of([&] { return Value(static_cast<int>(item)); });
    }

    std::array<detail::MapSlot<Value>, Count> slots;
    std::array<detail::Atomic<detail::MapState>, Count> states;
};

/// Items that two threads run out of one lane.
template <std::size_t Count>
struct Items {
    Items() {
        lanes.fill(0, 0, Count);
        for (auto& thread : threads)
            thread = std::thread([this] {
                auto run = [this](std::size_t item) { outcomes.run(item); };
                auto has_run = [this](std::size_t item) { return ran(item); };
                lanes.run_claimed(0, detail::Lanes::limit, run, has_run);
            });
    }
    ~Items() {
        for (auto& thread : threads) thread.join();
    }
    bool ran(std::size_t item) { return outcomes.ran(item); }
    std::size_t count() {
        std::size_t now = 0;
        for (std::size_t item = 0; item < Count; ++item) now += ran(item) ? 1u : 0u;
        return now;
    }

    detail::Lanes lanes{2};
    Outcomes<Count> outcomes;
    std::array<std::thread, 2> threads;
};

MODEL("Lanes: the thread that waits for an item is woken when it has ended") {
    Items<3> items;
    for (std::uint32_t item = 0; item < 3; ++item) {
        while (!items.ran(item))
            items.lanes.wait(item, [&] { return items.ran(item); }, detail::Deadline::never());
        expect(items.outcomes.at(item).get().get() == static_cast<int>(item), "the result of this item");
    }
}

MODEL("Lanes: the thread that waits for any item is woken when one has ended") {
    Items<2> items;
    for (std::size_t seen = 0; seen < 2; seen = items.count())
        while (items.count() == seen)
            items.lanes.wait(detail::Lanes::any_item, [&] { return items.count() != seen; }, detail::Deadline::never());
}

/// A block of an owner, whose rest other threads take.
template <std::uint32_t Count>
struct OwnedItems {
    OwnedItems() { blocks.own(0, 0, Count); }

    /// As MapSchedule::run_owned().
    void run_as_owner() {
        std::unique_lock lock(mutex);
        auto has_run = [this](std::size_t item) { return outcomes.ran(item); };
        for (std::uint32_t item = 0; item < blocks.end(0);) {
            const std::uint32_t awaited = lanes.awaited();
            const std::uint32_t stop = awaited >= item && awaited < blocks.end(0) ? awaited + 1 : blocks.end(0);
            const std::uint32_t seen = blocks.calls_of(0).number();
            lock.unlock();
            do {
                run(item);
                detail::light_barrier();
            } while (++item != stop && blocks.calls_of(0).number() == seen);
            lock.lock();
            lanes.tell_waiter_if(has_run);
        }
        blocks.disown(0);
    }
    /// Takes all that can be had, and runs it.
    void take_rest() {
        std::uint32_t begin = 0, end = 0;
        {
            const std::lock_guard lock(mutex);
            if (blocks.is_empty(0)) return;
            blocks.call(0);
            detail::heavy_barrier();
            begin = blocks.first_free(0, [this](std::size_t item) { return outcomes.ran(item); });
            end = blocks.end(0);
            blocks.end_at(0, begin);
        }
        for (; begin < end; ++begin) run(begin);
    }
    void run(std::uint32_t item) {
        if (item == blocks_at) {
            std::unique_lock lock(mutex_of_gate);
            gate.wait(lock, [this] { return is_open; });
        }
        runs[item].fetch_add(1, std::memory_order_relaxed);
        outcomes.run(item);
    }
    /// The reader: as MapSchedule::wait().
    void wait_for(std::uint32_t item) {
        while (!outcomes.ran(item))
            lanes.wait(
                item,
                [&] {
                    bool called = false;
                    {
                        const std::lock_guard lock(mutex);
                        if (blocks.has(0, item)) blocks.call(0), called = true;
                    }
                    if (called) detail::heavy_barrier();
                    return outcomes.ran(item);
                },
                detail::Deadline::never());
    }

    detail::OwnedBlocks blocks{1, 1};
    detail::Lanes lanes{1};
    std::mutex mutex;
    Outcomes<Count> outcomes;
    std::array<detail::Atomic<int>, Count> runs{};
    std::uint32_t blocks_at = Count;  // this item waits until the gate is open
    std::mutex mutex_of_gate;
    std::condition_variable gate;
    bool is_open = false;
};

MODEL("OwnedBlocks: each item runs once, by its owner or by who takes the rest") {
    OwnedItems<4> items;
    std::thread owner([&] { items.run_as_owner(); });
    std::thread other([&] { items.take_rest(); });
    items.take_rest();
    owner.join();
    other.join();
    for (std::size_t item = 0; item < 4; ++item) {
        expect(items.runs[item].load(std::memory_order_relaxed) == 1, "it runs once");
        expect(items.outcomes.at(item).get().get() == static_cast<int>(item), "the result of this item");
    }
}

MODEL("OwnedBlocks: the thread that waits for an item is woken when it has ended, though the next one blocks") {
    OwnedItems<3> items;
    items.blocks_at = 1;
    std::thread owner([&] { items.run_as_owner(); });
    items.wait_for(0);
    expect(items.outcomes.at(0).get().get() == 0, "the result of the first item");
    {
        const std::lock_guard lock(items.mutex_of_gate);
        items.is_open = true;
    }
    items.gate.notify_one();
    items.wait_for(2);
    expect(items.outcomes.at(2).get().get() == 2, "the result of the last item");
    owner.join();
}
