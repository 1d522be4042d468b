// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/shared_page.hpp>
#include <concurrent/futures/detail/processes/control_page.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <new>
#include <thread>

#include "support/processes.hpp"

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("a task goes from queued to running to done", "[control_page]") {
    ControlPage page;
    CHECK(page.state(0, 7) == SlotState::free);
    page.put(0, 7);
    CHECK(page.state(0, 7) == SlotState::sent);
    const std::int64_t before = monotonic_nanoseconds();
    CHECK(page.start(0, 7));
    CHECK(page.state(0, 7) == SlotState::running);
    CHECK(page.started(0) >= before);
    CHECK(page.started(0) <= monotonic_nanoseconds());
    page.end(0, 7);
    CHECK(page.state(0, 7) == SlotState::done);
}

TEST_CASE("a revoked task cannot start, a started one cannot be revoked", "[control_page]") {
    ControlPage page;
    page.put(3, 1);
    CHECK(page.try_revoke(3, 1));
    CHECK(page.state(3, 1) == SlotState::revoked);
    CHECK(!page.start(3, 1));
    CHECK(!page.try_revoke(3, 1));
    page.put(4, 2);
    CHECK(page.start(4, 2));
    CHECK(!page.try_revoke(4, 2));
    page.end(4, 2);
    CHECK(!page.try_revoke(4, 2));
    CHECK(!page.start(4, 2));
}

TEST_CASE("a slot that speaks of another task answers free, and cannot be moved", "[control_page]") {
    ControlPage page;
    page.put(63, 10);
    CHECK(page.state(63, 9) == SlotState::free);
    CHECK(!page.start(63, 9));
    CHECK(!page.try_revoke(63, 11));
    CHECK(page.state(63, 10) == SlotState::sent);
    page.put(63, 12);
    CHECK(page.state(63, 10) == SlotState::free);
    CHECK(page.state(63, 12) == SlotState::sent);
}

TEST_CASE("a request to stop is for one task, and is counted", "[control_page]") {
    ControlPage page;
    const std::uint32_t before = page.stop_request().stop_signal().count();
    CHECK(!page.stop_request().stop_asked(7));
    page.ask_to_stop(7);
    CHECK(page.stop_request().stop_signal().count() == before + 1);
    CHECK(page.stop_request().stop_asked(7));
    CHECK(!page.stop_request().stop_asked(8));
    page.ask_to_stop(8);
    CHECK(!page.stop_request().stop_asked(7));
    CHECK(page.stop_request().stop_asked(8));
}

TEST_CASE("a worker knows its number, and notes when tasks end if somebody asks for it", "[control_page]") {
    ControlPage page;
    page.set_worker_number(3);
    CHECK(page.worker_number() == 3);
    for (const bool asked : {false, true}) {
        if (asked) page.record_end_times();
        page.put(0, 7);
        CHECK(page.start(0, 7));
        const std::int64_t before = monotonic_nanoseconds();
        page.end(0, 7);
        CHECK((page.ended(0) >= before) == asked);
    }
}

TEST_CASE("what a worker tells of itself is there for its pool", "[control_page]") {
    ControlPage page;
    CHECK(page.hook_started() == 0);
    page.note_hook(12);
    CHECK(page.hook_started() == 12);
    page.note_hook(0);
    CHECK(page.hook_started() == 0);
    page.note_first_peak(4096);
    CHECK(page.first_peak() == 4096);
    CHECK(page.end_request().load() == 0);
    page.ask_to_end();
    CHECK(page.end_request().load() == 1);
}

TEST_CASE("of start() and try_revoke() at the same moment exactly one wins", "[control_page]") {
    const auto page = std::make_unique<ControlPage>();
    constexpr std::uint64_t count = 5'000;
    std::vector<char> revoked(count);
    std::vector<char> started(count);
    std::atomic<std::uint64_t> next{0};
    std::atomic<std::uint64_t> done{0};
    std::thread worker([&] {
        for (std::uint64_t i = 0; i < count; ++i) {
            while (next.load() <= i) std::this_thread::yield();
            started[i] = page->start(i % ControlPage::slot_count, i + 1);
            done.store(i + 1);
        }
    });
    for (std::uint64_t i = 0; i < count; ++i) {
        page->put(i % ControlPage::slot_count, i + 1);
        next.store(i + 1);
        revoked[i] = page->try_revoke(i % ControlPage::slot_count, i + 1);
        while (done.load() <= i) std::this_thread::yield();
    }
    worker.join();
    std::uint64_t wrong = 0;
    for (std::uint64_t i = 0; i < count; ++i) wrong += revoked[i] == started[i];
    CHECK(wrong == 0);
}

TEST_CASE("what a worker noted can be read after its death", "[control_page]") {
    SharedPage memory(sizeof(ControlPage));
    auto& page = *::new (memory.memory()) ControlPage;
    for (std::uint64_t slot = 0; slot < 4; ++slot) page.put(slot, 100 + slot);
    CHECK(page.try_revoke(3, 103));
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        // In memory that is mapped anew, as a spawned worker has it.
        SharedPage mapped(FileDescriptor(::dup(memory.fd())), sizeof(ControlPage));
        auto& same = *static_cast<ControlPage*>(mapped.memory());
        const bool right = same.start(0, 100) && same.start(1, 101) && !same.start(3, 103);
        same.end(0, 100);
        ::_exit(right ? 7 : 1);
    }
    int status = 0;
    REQUIRE(support::wait_for_end(child, &status) == child);
    CHECK(WEXITSTATUS(status) == 7);
    CHECK(page.state(0, 100) == SlotState::done);
    CHECK(page.state(1, 101) == SlotState::running);
    CHECK(page.state(2, 102) == SlotState::sent);
    CHECK(page.state(3, 103) == SlotState::revoked);
    CHECK(page.started(1) > 0);
    CHECK(page.try_revoke(2, 102));
}

}  // namespace
