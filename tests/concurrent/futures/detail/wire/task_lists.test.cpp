// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/wire/task_lists.hpp>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

namespace {

using namespace concurrent::futures::detail;

class SomeTask final : public RemoteTask {
  public:
    explicit SomeTask(ByteBuffer call = {}) : RemoteTask(std::move(call)) {}
    void succeed(concurrent::futures::Decoder&) noexcept override {}
    bool try_succeed_untold(concurrent::futures::Decoder&) noexcept override { return true; }
    void finish_stored() noexcept override {}
    void fail(std::exception_ptr) noexcept override {}
    void end_cancelled() noexcept override {}
    void retain() noexcept override {}
    void release() noexcept override {}
};

TEST_CASE("a revoked task may stay in the queue, and be in an EndingList as well", "[task_lists]") {
    std::array<SomeTask, 2> tasks;
    RemoteTaskQueue queue;
    RevokedTasks revoked;
    EndingList endings;
    for (SomeTask& task : tasks) queue.push_back(task);
    for (SomeTask* const task : {&tasks[1], &tasks[0]}) {
        revoked.push_back(*task);
        endings.release(*task);
    }
    CHECK(&queue.pop_front() == &tasks[0]);
    CHECK(&revoked.pop_front() == &tasks[1]);
    CHECK(&endings.pop_front() == &tasks[1]);
    CHECK(&queue.pop_front() == &tasks[1]);
    CHECK(&revoked.pop_front() == &tasks[0]);
    CHECK(&endings.pop_front() == &tasks[0]);
    CHECK((queue.empty() && revoked.empty() && endings.empty()));
}

TEST_CASE("a task is the only one of an EndingList, or not", "[task_lists]") {
    std::array<SomeTask, 2> tasks;
    EndingList endings;
    CHECK(!endings.is_only(tasks[0]));
    endings.add(tasks[0], Ending::Kind::result);
    CHECK((endings.is_only(tasks[0]) && !endings.is_only(tasks[1])));
    endings.release(tasks[0]);
    CHECK(endings.is_only(tasks[0]));
    endings.release(tasks[1]);
    CHECK((!endings.is_only(tasks[0]) && !endings.is_only(tasks[1])));
}

ByteBuffer thousand_bytes() {
    ByteBuffer bytes;
    bytes.extend(1000);
    return bytes;
}

TEST_CASE("a call that has ended or was cancelled gives up its bytes, unless they are on their way", "[task_lists]") {
    SomeTask ended(thousand_bytes()), cancelled(thousand_bytes()), on_its_way(thousand_bytes());
    ByteBuffer result;
    ended.drop_call(result);
    CHECK(ended.call().size() == 0);
    CHECK(cancelled.take_unsent_call().size() == 1000);
    CHECK(cancelled.call().size() == 0);
    on_its_way.outputs = 1;
    on_its_way.drop_call(result);
    CHECK(on_its_way.take_unsent_call().size() == 0);
    CHECK(on_its_way.call().size() == 1000);
    on_its_way.outputs = 0;
    on_its_way.drop_call(result);
    CHECK(on_its_way.call().size() == 0);
}

TEST_CASE("a call that is to be told twice is in the list once", "[task_lists]") {
    std::array<SomeTask, 2> tasks;
    EndingList endings;
    endings.release(tasks[0]);
    endings.add(tasks[1], Ending::Kind::cancelled);
    endings.add(tasks[0], Ending::Kind::failure);
    CHECK(&endings.pop_front() == &tasks[0]);
    const Ending first = std::exchange(tasks[0].ending, {});
    CHECK(first.kind == Ending::Kind::failure);
    CHECK(first.references == 2);
    endings.release(tasks[0]);  // again, after it was taken out
    CHECK(&endings.pop_front() == &tasks[1]);
    CHECK(tasks[1].ending.references == 1);
    CHECK(&endings.pop_front() == &tasks[0]);
    CHECK(tasks[0].ending.kind == Ending::Kind::none);
    CHECK(endings.empty());
}

TEST_CASE("deliveries are taken a few at a time and in order, and then may be listed again", "[task_lists]") {
    std::array<SomeTask, 40> tasks;
    EndingList endings;
    for (SomeTask& task : tasks) endings.add(task, Ending::Kind::result);
    Deliveries deliveries;
    CHECK(deliveries.empty());
    std::size_t delivered = 0;
    while (!endings.empty()) {
        deliveries.take_from(endings);
        REQUIRE(!deliveries.empty());
        while (!deliveries.empty()) {
            const Deliveries::Delivery next = deliveries.pop_front();
            REQUIRE(delivered < tasks.size());
            CHECK(next.task == &tasks[delivered++]);
            CHECK(next.ending.kind == Ending::Kind::result);
            CHECK(next.ending.references == 1);
            CHECK(!next.task->ending.listed);
        }
    }
    CHECK(delivered == tasks.size());
    deliveries.take_from(endings);
    CHECK(deliveries.empty());
}

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST_CASE("an answer lies where the call's bytes lay if it fits there, else in memory of its own", "[task_lists]") {
    std::array<std::byte, 8> block{};
    std::array<char, 16> received{};
    const auto answer = [&](std::string_view text) {
        std::copy(text.begin(), text.end(), received.begin());
        return ByteBuffer::of_lent(std::as_writable_bytes(std::span(received)).first(text.size()));
    };
    for (const std::string_view text : {"", "result", "a long result"}) {
        SomeTask with_block(ByteBuffer::of_lent(block));
        with_block.keep_answer(answer(text));
        SomeTask without(ByteBuffer{});
        without.keep_answer(answer(text));
        received.fill('x');
        for (const SomeTask* const task : {&with_block, &without}) {
            const auto kept = task->ending.body.bytes();
            CHECK(std::equal(kept.begin(), kept.end(), bytes_of(text).begin(), bytes_of(text).end()));
        }
        CHECK(with_block.ending.body.is_lent() == (text.size() <= block.size()));
        CHECK(!without.ending.body.is_lent());
    }
}

}  // namespace
