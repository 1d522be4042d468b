// SPDX-License-Identifier: MIT
//
// Which items are claimed and by whom: the worker and the reader are threads of the test.
#include <concurrent/futures/detail/map/map_schedule.hpp>
#include <concurrent/futures/detail/platform/asymmetric_barrier.hpp>

#include <pthread.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>

#include "support/gate.hpp"

namespace {

using namespace concurrent::futures::detail;

/// Items that do nothing. The first block that a worker owns stands still at its first item until `may_end` is open. Then
/// that item ends the thread.
class Schedule final : public MapSchedule {
  public:
    Schedule() : MapSchedule(1, 0) {}

    static constexpr std::uint32_t count = 1'000'000;

    /// A worker's ticket.
    void work() {
        run_ticket(Items{*this});
    }
    bool ran(std::size_t index) const noexcept override { return ended_[index].load(std::memory_order_acquire); }
    void mark_unstarted(std::uint32_t begin, std::uint32_t end) noexcept override { unstarted += end - begin; }

    std::uint32_t unstarted = 0;
    support::Gate owns_a_block, may_end;
    std::uint32_t first_of_block = count;  // before the gate opens

  private:
    struct Items {
        Schedule& schedule;

        void operator()(std::uint32_t item) noexcept { schedule.ended_[item].store(true, std::memory_order_release); }
        void some(std::uint32_t& item, std::uint32_t, const OwnedBlocks::Calls&, std::uint32_t) {
            schedule.first_of_block = item;
            schedule.owns_a_block.open();
            schedule.may_end.wait();
            struct Ending {
                Items& items;
                std::uint32_t item;
                ~Ending() { items(item); }
            };
            const Ending ending{*this, item};
            ::pthread_exit(nullptr);
        }
    };

    std::unique_ptr<std::atomic<bool>[]> ended_ = std::make_unique<std::atomic<bool>[]>(count);
};

TEST_CASE("more items than a map can number are refused", "[map_schedule]") {
    Schedule schedule;
    CHECK_THROWS_AS(schedule.publish(std::size_t{Strips::limit} + 1, 0), std::length_error);
}

TEST_CASE("items that are published after a map was closed never start, nor do those before", "[map_schedule]") {
    Schedule schedule;
    schedule.publish(10, 30);
    schedule.close(nullptr);
    CHECK(schedule.unstarted == 10);
    CHECK(schedule.publish(30, 30) == 0);
    CHECK(schedule.unstarted == 30);
    CHECK(schedule.is_closed());
}

#if defined(__GLIBCXX__)
TEST_CASE("a reader is woken when the item that it waits for ends its thread in a block that a worker owns", "[map_schedule]") {
    Schedule schedule;
    schedule.publish(Schedule::count, Schedule::count);
    std::thread worker([&] {
        schedule.work();
        schedule.owns_a_block.open();  // no block was owned
    });
    schedule.owns_a_block.wait();
    const std::uint32_t item = schedule.first_of_block;
    if (item == Schedule::count) {
        worker.join();
        SKIP("no block has an owner here: there is no barrier for it, or the items took too long");
    }
    bool is_announced = false;
    while (!schedule.ran(item))
        schedule.wait(
            item,
            [&] {
                if (std::exchange(is_announced, true)) return schedule.ran(item);
                schedule.may_end.open();
                return false;  // what the item tells from now on must wake this thread, even if it is not asleep yet
            },
            Deadline::never());
    worker.join();
    CHECK(schedule.ran(item));
}
#endif

/// Items that count how often they ran. `in_strip` and `in_block` are called in an item, before it ends; they may end the
/// thread. `in_block`: in a block that a worker owns, with the end of the block.
class HookedItems final : public MapSchedule {
  public:
    using MapSchedule::MapSchedule;
    using MapSchedule::take_ticket;

    static constexpr std::uint32_t count = 200'000;

    /// A worker's ticket.
    void work() { run_ticket(Items{*this}); }
    bool ran(std::size_t index) const noexcept override { return items_[index].times.load(std::memory_order_acquire) != 0; }
    void mark_unstarted(std::uint32_t begin, std::uint32_t end) noexcept override { unstarted += end - begin; }

    /// In how many items this is so; -1: an item ran twice.
    int ran_once() const {
        int ran = 0;
        for (std::uint32_t item = 0; item < count; ++item) {
            if (items_[item].times > 1) return -1;
            ran += items_[item].times;
        }
        return ran;
    }
    std::thread::id thread_of(std::uint32_t item) const { return items_[item].thread; }

    std::function<void(std::uint32_t item)> in_strip;
    std::function<void(std::uint32_t item, std::uint32_t end)> in_block;
    std::uint32_t unstarted = 0;

  private:
    struct Item {
        std::atomic<int> times{0};
        std::thread::id thread;
    };
    struct AtEnd {
        Item& item;
        ~AtEnd() {
            item.thread = std::this_thread::get_id();
            item.times.fetch_add(1, std::memory_order_release);
        }
    };
    struct Items {
        HookedItems& schedule;

        void operator()(std::uint32_t item) {
            const AtEnd end{schedule.items_[item]};
            if (schedule.in_strip) schedule.in_strip(item);
        }
        /// As the items of a map: the owner looks behind each item whether it was called.
        void some(std::uint32_t& item, std::uint32_t stop, const OwnedBlocks::Calls& calls, std::uint32_t seen) {
            do {
                {
                    const AtEnd end{schedule.items_[item]};
                    if (schedule.in_block) schedule.in_block(item, stop);
                }
                light_barrier();
            } while (++item != stop && calls.number() == seen);
        }
    };

    std::unique_ptr<Item[]> items_ = std::make_unique<Item[]>(count);
};

TEST_CASE("nothing of a map starts once it is closed, while a worker is in an item", "[map_schedule]") {
    HookedItems items(1, GENERATE(0u, 4u));
    items.publish(HookedItems::count, HookedItems::count);
    support::Gate is_in_item, may_end;
    items.in_strip = [&](std::uint32_t item) {
        if (item != 0) return;
        is_in_item.open();
        may_end.wait();
    };
    std::thread worker([&] { items.work(); });
    is_in_item.wait();
    items.close(nullptr);
    may_end.open();
    worker.join();
    CHECK(items.ran_once() == static_cast<int>(items.chunksize()));
    CHECK(items.unstarted == HookedItems::count - items.chunksize());
}

TEST_CASE("nothing of a block starts once its map is closed, beside the item in which its owner is", "[map_schedule]") {
    HookedItems items(1, 0);
    items.publish(HookedItems::count, HookedItems::count);
    support::Gate is_in_item, may_end;
    std::uint32_t first = HookedItems::count;
    items.in_block = [&](std::uint32_t item, std::uint32_t) {
        if (first != HookedItems::count) return;
        first = item;
        is_in_item.open();
        may_end.wait();
    };
    std::thread worker([&] {
        items.work();
        is_in_item.open();  // no block was owned
    });
    is_in_item.wait();
    items.close(nullptr);
    may_end.open();
    worker.join();
    if (first == HookedItems::count) SKIP("no block has an owner here");
    CHECK(items.ran_once() == static_cast<int>(first) + 1);
    CHECK(items.unstarted == HookedItems::count - (first + 1));
}

#if defined(__GLIBCXX__)
TEST_CASE("a thread that ends in an item first runs the rest of the chunk, and others run what is left", "[map_schedule]") {
    const bool in_block = GENERATE(false, true);
    HookedItems items(1, 4);
    items.publish(HookedItems::count, HookedItems::count);
    std::atomic<std::uint32_t> ended = HookedItems::count;
    const auto end_once = [&](std::uint32_t item) {
        if (ended != HookedItems::count) return;
        ended = item;
        ::pthread_exit(nullptr);
    };
    if (in_block) items.in_block = [&](std::uint32_t item, std::uint32_t) { end_once(item); };
    else items.in_strip = end_once;
    std::thread first([&] { items.work(); });
    const std::thread::id its_id = first.get_id();
    first.join();
    const std::uint32_t item = ended;
    if (item == HookedItems::count) SKIP("no block has an owner here");
    const std::uint32_t chunk = item - item % 4;
    for (std::uint32_t other = chunk; other != chunk + 4; ++other) CHECK(items.thread_of(other) == its_id);
    CHECK(!items.ran(chunk + 4));
    std::thread([&] { items.work(); }).join();
    CHECK(items.ran_once() == static_cast<int>(HookedItems::count));
}

TEST_CASE("a worker that has ended its thread in its block takes no place among the owners", "[map_schedule]") {
    HookedItems items(2, 0);  // two workers own blocks, not more
    items.publish(HookedItems::count, HookedItems::count);
    bool has_ended = false;
    items.in_block = [&](std::uint32_t, std::uint32_t) {
        has_ended = true;
        ::pthread_exit(nullptr);
    };
    std::thread([&] { items.work(); }).join();
    if (!has_ended) SKIP("no block has an owner here");
    support::Gate is_in_item, may_end;
    std::atomic<bool> second_is_in_item = false, third_is_owner = false;
    const auto stands_still = [&] {
        if (second_is_in_item.exchange(true)) return false;
        is_in_item.open();
        may_end.wait();
        return true;
    };
    items.in_strip = [&](std::uint32_t) { static_cast<void>(stands_still()); };
    items.in_block = [&](std::uint32_t, std::uint32_t) {
        if (!stands_still()) third_is_owner = true;
    };
    std::thread second([&] { items.work(); });
    is_in_item.wait();
    std::thread([&] { items.work(); }).join();
    CHECK(third_is_owner);
    may_end.open();
    second.join();
    CHECK(items.ran_once() == static_cast<int>(HookedItems::count));
}

TEST_CASE("the rest of a block whose owner has ended its thread is taken once, also while its last items run", "[map_schedule]") {
    HookedItems items(3, 0);
    items.publish(HookedItems::count, HookedItems::count);
    std::uint32_t end = 0;
    items.in_block = [&](std::uint32_t, std::uint32_t end_of_block) {
        if (end != 0) return;
        end = end_of_block;
        ::pthread_exit(nullptr);
    };
    std::thread([&] { items.work(); }).join();
    if (end == 0) SKIP("no block has an owner here");
    support::Gate is_in_last, is_in_one_before, may_end;
    items.in_strip = [&](std::uint32_t item) {
        if (item == end - 1) is_in_last.open();
        else if (item == end - 2) is_in_one_before.open();
        else return;
        may_end.wait();
    };
    // One ticket for a worker that runs all up to the last two. It does not give way to others.
    items.take_ticket();
    items.take_ticket();
    std::thread second([&] { items.work(); });
    is_in_one_before.wait();
    std::thread third([&] { items.work(); });
    is_in_last.wait();
    items.work();  // finds nothing
    may_end.open();
    second.join();
    third.join();
    CHECK(items.ran_once() == static_cast<int>(HookedItems::count));
}
#endif

}  // namespace
