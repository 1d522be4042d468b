// SPDX-License-Identifier: MIT
//
// Which items are claimed and by whom: the worker and the reader are threads of the test.
#include <concurrent/futures/detail/map/map_schedule.hpp>

#include <pthread.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
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

}  // namespace
