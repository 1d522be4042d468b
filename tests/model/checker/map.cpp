// SPDX-License-Identifier: MIT
//
// map.cpp: maps of a thread pool under the model checker.
//
// Loops measure their pieces by the time stamp counter; with cycles.hpp a piece is one item.
#include "model/checker/cycles.hpp"

#include <concurrent/futures/algorithm.hpp>
#include <concurrent/futures/detail/map/map_schedule.hpp>
#include <concurrent/futures/detail/platform/asymmetric_barrier.hpp>
#include <concurrent/futures/detail/platform/tuning.hpp>
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/scan.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

#include "model/checker/checker.hpp"

namespace cf = concurrent::futures;
using model::expect;
using Value = model::Watched<int>;

MODEL("of a map whose item ends its thread every item ends") {
    model::uses_shared_pointers();
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
    model::uses_shared_pointers();
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
    model::uses_shared_pointers();
    cf::ThreadPoolExecutor pool(2);
    const std::vector<int> numbers{0, 1, 2};
    int next = 0;
    for (Value value : pool.map([](int n) { return Value(n); }, numbers)) expect(value.get() == next++, "this result");
    expect(next == 3, "all results");
}

MODEL("the results of map_unordered are seen, each once") {
    model::uses_shared_pointers();
    cf::ThreadPoolExecutor pool(2);
    const std::vector<int> numbers{0, 1, 2};
    int sum = 0;
    for (Value value : pool.map_unordered([](int n) { return Value(1 << n); }, numbers)) sum += value.get();
    expect(sum == 7, "each result once");
}

MODEL("a map that is dropped in the middle cancels or runs the rest") {
    model::uses_shared_pointers();
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
    model::uses_shared_pointers();
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
    model::uses_shared_pointers();
    cf::ThreadPoolExecutor pool(2);
    std::vector<Value> numbers(3);
    cf::for_each(pool, numbers, [](Value& value) { value.set(1); });
    for (const Value& value : numbers) expect(value.get() == 1, "each element");
}

namespace {

/// An executor of few steps: each task has a thread.
class ThreadForEach {
  public:
    std::size_t max_workers() const noexcept { return 2; }
    template <class Task>
    cf::Future<void> submit(Task task) {
        cf::Promise<void> promise;
        cf::Future<void> ended = promise.get_future();
        threads_.emplace_back([task, end = std::move(promise)]() mutable {
            if (!end.set_running_or_notify_cancel()) return;
            task();
            end.set_value();
        });
        return ended;
    }
    ~ThreadForEach() {
        for (std::thread& thread : threads_) thread.join();
    }

  private:
    std::vector<std::thread> threads_;
};

}  // namespace

MODEL("a scan whose threads end their parts at the same time finds out what is before each") {
    ThreadForEach pool;
    const std::vector<Value> ones(cf::detail::tuning::first_scan_piece + 3, Value(1));  // three parts for two threads
    std::vector<Value> sums(ones.size());
    const auto add = [](const Value& a, const Value& b) {
        static_cast<void>(model::cycles());  // so that the rest is worth a second thread
        return Value(a.get() + b.get());
    };
    cf::inclusive_scan(pool, ones, sums.begin(), add, Value(0));
    for (std::size_t at = 0; at != sums.size(); ++at) expect(sums[at].get() == static_cast<int>(at) + 1, "each sum");
}

MODEL("a map in chunks") {
    model::uses_shared_pointers();
    cf::ThreadPoolExecutor pool(2);
    const std::vector<int> numbers{0, 1, 2, 3};
    int next = 0;
    for (Value value : pool.map({.chunksize = 2}, [](int n) { return Value(n); }, numbers))
        expect(value.get() == next++, "this result");
    expect(next == 4, "all results");
}

MODEL("a map in chunks, in any order") {
    model::uses_shared_pointers();
    cf::ThreadPoolExecutor pool(2);
    const std::vector<int> numbers{0, 1, 2, 3};
    int sum = 0;
    for (Value value : pool.map_unordered({.chunksize = 2}, [](int n) { return Value(n); }, numbers)) sum += value.get();
    expect(sum == 6, "all results");
}

// ---- MapSchedule by itself ------------------------------------------------------------------------

namespace {

namespace detail = concurrent::futures::detail;

/// Items that take no time, of which the first one in a block that a worker owns ends its thread.
class Schedule final : public detail::MapSchedule {
  public:
    /// So many workers, though only some are there, that items count as short also in virtual time.
    Schedule() : MapSchedule(32, 0) {}

    static constexpr std::size_t count = 70;  // more than have a ticket each

    void work() { run_ticket(Items{*this}); }
    bool ran(std::size_t index) const noexcept override { return ended_[index].load(std::memory_order_acquire); }
    void mark_unstarted(std::uint32_t begin, std::uint32_t end) noexcept override { unstarted += end - begin; }

    std::uint32_t unstarted = 0;

  private:
    struct Items {
        Schedule& schedule;

        void operator()(std::uint32_t item) noexcept { schedule.ended_[item].store(true, std::memory_order_release); }
        void some(std::uint32_t& item, std::uint32_t, const detail::OwnedBlocks::Calls&, std::uint32_t) {
            struct Ending {
                Items& items;
                std::uint32_t item;
                ~Ending() { items(item); }
            };
            const Ending ending{*this, item};
            ::pthread_exit(nullptr);
        }
    };

    std::array<detail::Atomic<bool>, count> ended_{};
};

}  // namespace

MODEL("MapSchedule: items that come after a map was closed never start, nor do those before") {
    Schedule schedule;
    schedule.publish(2, 4);
    std::thread other([&] { schedule.close(nullptr); });
    schedule.publish(4, 4);
    other.join();
    expect(schedule.unstarted == 4, "each item once");
}

MODEL("MapSchedule: a reader is woken when its item ends its thread in a block that a worker owns") {
    constexpr std::uint32_t first_of_block = 1;  // the first item is a block by itself, since nothing is known before
    Schedule schedule;
    schedule.publish(Schedule::count, Schedule::count);
    std::thread worker([&] { schedule.work(); });
    const auto over = [&] { return schedule.ran(first_of_block); };
    while (!over()) schedule.wait(first_of_block, over, detail::Deadline::never());
    worker.join();
}

namespace {

/// Items that note how often they ran or were given up.
class CountedItems final : public detail::MapSchedule {
  public:
    CountedItems() : MapSchedule(32, 0) {}  // as Schedule

    static constexpr std::size_t count = 70;  // as Schedule

    void work() { run_ticket(Items{*this}); }
    bool ran(std::size_t index) const noexcept override { return ended_[index].load(std::memory_order_acquire) != 0; }
    void mark_unstarted(std::uint32_t begin, std::uint32_t end) noexcept override {
        for (std::uint32_t item = begin; item < end; ++item) end_item(item);
    }
    bool each_ended_once() const noexcept {
        return std::all_of(ended_.begin(), ended_.end(), [](const auto& times) { return times.load() == 1; });
    }

  private:
    struct Items {
        CountedItems& schedule;

        void operator()(std::uint32_t item) noexcept { schedule.end_item(item); }
        /// As the items of a map: the owner looks behind each item whether it was called.
        void some(std::uint32_t& item, std::uint32_t stop, const detail::OwnedBlocks::Calls& calls, std::uint32_t seen) {
            do {
                schedule.end_item(item);
                detail::light_barrier();
            } while (++item != stop && calls.number() == seen);
        }
    };
    void end_item(std::uint32_t item) noexcept { ended_[item].fetch_add(1, std::memory_order_acq_rel); }

    std::array<detail::Atomic<int>, count> ended_{};
};

}  // namespace

MODEL("MapSchedule: each item runs or is given up, once, though a map is closed while a worker owns a block") {
    CountedItems items;
    items.publish(CountedItems::count, CountedItems::count);
    std::thread worker([&] { items.work(); });
    items.close(nullptr);
    worker.join();
    expect(items.each_ended_once(), "each item once");
}

MODEL("MapSchedule: a reader is woken when the item that it waits for has run in a block that a worker owns") {
    constexpr std::uint32_t item = 2;  // the block begins before
    CountedItems items;
    items.publish(CountedItems::count, CountedItems::count);
    std::thread worker([&] { items.work(); });
    const auto over = [&] { return items.ran(item); };
    while (!over()) items.wait(item, over, detail::Deadline::never());
    worker.join();
    expect(items.each_ended_once(), "each item once");
}

MODEL("MapSchedule: a reader that any item would do for is woken before a worker has run the block that it owns") {
    CountedItems items;
    items.publish(CountedItems::count, CountedItems::count);
    std::thread worker([&] { items.work(); });
    const auto over = [&] { return items.ran(1) || items.ran(2); };  // the block begins with the first of them
    while (!over()) items.wait(detail::Strips::any_item, over, detail::Deadline::never());
    worker.join();
}

MODEL("MapSchedule: each item runs once though another worker takes the rest of a block that a worker owns") {
    CountedItems items;
    items.publish(CountedItems::count, CountedItems::count);
    std::thread worker([&] { items.work(); });
    items.work();
    worker.join();
    expect(items.each_ended_once(), "each item once");
}
