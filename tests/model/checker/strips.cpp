// SPDX-License-Identifier: MIT
//
// strips.cpp: the blocks of items of a map under the model checker, those that threads share and those that one owns: each
// item runs once, sees its input, and wakes the thread that waits for it.
#include <concurrent/futures/detail/map/map_outcome.hpp>
#include <concurrent/futures/detail/map/owned_blocks.hpp>
#include <concurrent/futures/detail/map/strips.hpp>
#include <concurrent/futures/detail/platform/asymmetric_barrier.hpp>
#include <concurrent/futures/detail/platform/forced_unwind.hpp>
#include <concurrent/futures/detail/scheduling/parker.hpp>
#include <concurrent/futures/detail/state/ended_thread.hpp>
#include <pthread.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "model/checker/checker.hpp"

namespace detail = concurrent::futures::detail;
using model::expect;
using Value = model::Watched<int>;

namespace {

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

/// Items that threads run out of one strip.
template <std::size_t Count, std::size_t Threads>
struct Items {
    /// `before(item)` is called in a thread that runs it; it may end the thread. Each thread claims `its_most` items.
    explicit Items(std::function<void(std::size_t)> its_before = {}, std::uint32_t its_most = detail::Strips::limit)
        : before(std::move(its_before)), most(its_most) {
        strips.fill(0, 0, Count);
        for (auto& thread : threads) thread = std::thread([this] { run(); });
    }
    ~Items() {
        for (auto& thread : threads) thread.join();
    }
    void run() {
        auto run_one = [this](std::size_t item) {
            try {
                if (before) before(item);
                outcomes.run(item);
            } catch (detail::ForcedUnwind&) {  // as MapJob
                outcomes.at(item).store_error(detail::ended_thread_error());
                throw;
            }
        };
        auto has_run = [this](std::size_t item) { return ran(item); };
        strips.run_claimed(0, most, run_one, has_run);
    }
    bool ran(std::size_t item) { return outcomes.ran(item); }
    std::size_t count() {
        std::size_t now = 0;
        for (std::size_t item = 0; item < Count; ++item) now += ran(item) ? 1u : 0u;
        return now;
    }
    void wait(std::uint32_t item) {
        while (!ran(item)) strips.wait(item, [&] { return ran(item); }, detail::Deadline::never());
        try {
            expect(outcomes.at(item).get().get() == static_cast<int>(item), "the result of this item");
        } catch (const concurrent::futures::BrokenPromiseError&) {  // it ended its thread
        }
    }

    const std::function<void(std::size_t)> before;
    const std::uint32_t most;
    detail::Strips strips{2};
    Outcomes<Count> outcomes;
    std::array<std::thread, Threads> threads;
};

/// A block of an owner, whose rest other threads take.
template <std::uint32_t Count>
struct OwnedItems {
    OwnedItems() { blocks.own(0, 0, Count); }

    /// As MapSchedule::run_owned().
    void run_as_owner() {
        std::unique_lock lock(mutex);
        auto has_run = [this](std::size_t item) { return outcomes.ran(item); };
        for (std::uint32_t item = 0; item < blocks.end(0);) {
            const std::uint32_t awaited = strips.awaited();
            const std::uint32_t stop = awaited >= item && awaited < blocks.end(0) ? awaited + 1 : blocks.end(0);
            const std::uint32_t seen = blocks.calls_of(0).number();
            lock.unlock();
            do {
                run(item);
                detail::light_barrier();
            } while (++item != stop && blocks.calls_of(0).number() == seen);
            lock.lock();
            strips.tell_waiter_if(has_run);
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
            strips.wait(
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
    detail::Strips strips{1};
    std::mutex mutex;
    Outcomes<Count> outcomes;
    std::array<detail::Atomic<int>, Count> runs{};
    std::uint32_t blocks_at = Count;  // this item waits until the gate is open
    std::mutex mutex_of_gate;
    std::condition_variable gate;
    bool is_open = false;
};

/// Runs no item, and claims all that there are. Gives how many.
template <class Seen>
std::uint32_t run_all(detail::Strips& strips, Seen seen) {
    auto run = [&](std::size_t) { seen(); };
    auto ran = [](std::size_t) { return true; };
    return strips.run_claimed(0, detail::Strips::limit, run, ran);
}

}  // namespace

MODEL("Strips: the thread that waits for an item is woken when it has ended") {
    Items<3, 2> items;
    for (std::uint32_t item = 0; item < 3; ++item) items.wait(item);
}

MODEL("Strips: the thread that waits for one item after the other of one thread is woken for each") {
    Items<3, 1> items;
    for (std::uint32_t item = 0; item < 3; ++item) items.wait(item);
}

MODEL("Strips: the thread that waits for any item is woken when one has ended") {
    Items<2, 2> items;
    for (std::size_t seen = 0; seen < 2; seen = items.count())
        while (items.count() == seen)
            items.strips.wait(detail::Strips::any_item, [&] { return items.count() != seen; }, detail::Deadline::never());
}

MODEL("Strips: the thread that waits for an item is woken before the next one has ended, which takes for ever") {
    detail::Parker seen;
    seen.reset();
    Items<2, 1> items([&](std::size_t item) {
        if (item == 1) seen.park(detail::Deadline::never());
    });
    items.wait(0);
    seen.wake();
}

MODEL("Strips: the thread that waits for the second item is woken while the first one takes for ever") {
    detail::Parker seen;
    seen.reset();
    Items<2, 2> items([&](std::size_t item) {
        if (item == 0) seen.park(detail::Deadline::never());
    });
    items.wait(1);
    seen.wake();
}

MODEL("Strips: the thread that waits for an item is woken when the item ends its thread") {
    Items<1, 1> items([](std::size_t) { ::pthread_exit(nullptr); });
    items.wait(0);
}

MODEL("Strips: the thread that waits for an item is woken when its thread claims no other one") {
    Items<2, 1> items({}, 1);
    items.wait(0);
}

MODEL("Strips: whoever claims an item sees its input") {
    detail::Strips strips(1);
    Value input(0);
    std::thread other([&] {
        input.set(1);
        strips.fill(0, 0, 1);
    });
    run_all(strips, [&] { expect(input.get() == 1, "the input"); });
    other.join();
}

MODEL("Strips: the reader that claims an item sees its input") {
    detail::Strips strips(1);
    Value input(0);
    std::thread other([&] {
        input.set(1);
        strips.fill(0, 0, 1);
    });
    if (strips.try_claim(0) == 1) expect(input.get() == 1, "the input");
    other.join();
}

MODEL("Strips: whoever claims behind the reader sees the input") {
    detail::Strips strips(1);
    Value input(0);
    std::thread other([&] {
        input.set(1);
        strips.fill(0, 0, 2);
    });
    std::thread reader([&] { strips.try_claim(0); });
    run_all(strips, [&] { expect(input.get() == 1, "the input"); });
    reader.join();
    other.join();
}

MODEL("Strips: each item is claimed once, or taken away") {
    detail::Strips strips(1);
    strips.fill(0, 0, 2);
    std::uint32_t there = 0, by_reader = 0, away = 0;
    std::thread other([&] { there = run_all(strips, [] {}); });
    std::thread third([&] { by_reader = strips.try_claim(1); });
    strips.empty_all([&](std::uint32_t begin, std::uint32_t end) { away += end - begin; });
    other.join();
    third.join();
    expect(there + by_reader + away == 2, "each once");
}

MODEL("Strips: whoever waits is told when the items are taken away") {
    detail::Strips strips(1);  // of several, the next one's word would order it, too
    Outcomes<1> outcomes;
    strips.fill(0, 0, 1);
    std::thread other([&] {
        strips.empty_all([&](std::uint32_t, std::uint32_t) { outcomes.at(0).mark_unstarted(); });
        strips.tell_waiter();
    });
    const auto over = [&] { return outcomes.at(0).state() != detail::MapState::waiting; };
    while (!over()) strips.wait(0, over, detail::Deadline::never());
    other.join();
}

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
