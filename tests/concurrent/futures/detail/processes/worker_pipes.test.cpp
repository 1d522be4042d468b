// SPDX-License-Identifier: MIT
//
// How pool and worker wake each other. The test plays the worker.
#include <concurrent/futures/detail/processes/worker_pipes.hpp>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <mutex>
#include <utility>

namespace {

using namespace concurrent::futures::detail;

struct TwoPipes {
    TwoPipes() {
        PoolDescriptors& descriptors = PoolDescriptors::instance();
        const std::lock_guard lock(descriptors.mutex);
        Pipe task_pipe = make_pipe(), result_pipe = make_pipe();
        for (const FileDescriptor* const end :
             {&task_pipe.read_end, &task_pipe.write_end, &result_pipe.read_end, &result_pipe.write_end})
            set_nonblocking(*end);
        PoolDescriptor tasks_end(std::move(task_pipe.write_end));
        pipes.open(std::move(tasks_end), PoolDescriptor(std::move(result_pipe.read_end)));
        tasks = std::move(task_pipe.read_end);
        results = std::move(result_pipe.write_end);
    }
    /// How many wake-ups the worker has got.
    int wake_ups() const {
        char bytes[8];
        const ssize_t size = ::read(tasks.get(), bytes, sizeof bytes);
        return size > 0 ? static_cast<int>(size) : 0;
    }

    Bell worker_bell, pool_bell;
    WorkerPipes pipes{worker_bell, pool_bell};
    FileDescriptor tasks, results;  // the worker's ends
};

TEST_CASE("a worker is woken only for what it sleeps for, and once", "[worker_pipes]") {
    TwoPipes both;
    both.pipes.note_bytes_written();
    both.pipes.ring();
    CHECK(both.wake_ups() == 0);  // it is awake
    both.worker_bell.expect(Bell::room);
    both.pipes.note_bytes_written();
    both.pipes.ring();
    CHECK(both.wake_ups() == 0);  // it sleeps for room
    both.pipes.note_room_made();
    CHECK(both.pipes.must_ring());
    both.pipes.ring();
    CHECK(both.wake_ups() == 1);
    both.pipes.note_room_made();
    both.pipes.ring();
    CHECK(both.wake_ups() == 0);
    CHECK(!both.pipes.has_to_ring());
}

TEST_CASE("without news a worker is not woken, even if it sleeps", "[worker_pipes]") {
    TwoPipes both;
    both.worker_bell.expect(Bell::bytes | Bell::room);
    both.pipes.ring();
    CHECK(both.wake_ups() == 0);
}

TEST_CASE("a wake-up that finds the pipe full is written later", "[worker_pipes]") {
    TwoPipes both;
    const auto ring = [&] {
        both.worker_bell.expect(Bell::bytes);
        both.pipes.note_bytes_written();
        both.pipes.ring();
    };
    CHECK(both.pipes.task_fd() == -1);
    for (int i = 0; i < 10'000'000 && !both.pipes.has_to_ring(); ++i) ring();
    REQUIRE(both.pipes.has_to_ring());
    CHECK(both.pipes.task_fd() >= 0);
    while (both.wake_ups() > 0) {
    }
    both.pipes.ring();
    CHECK(both.wake_ups() == 1);
    CHECK((!both.pipes.has_to_ring() && both.pipes.task_fd() == -1));
}

TEST_CASE("a worker whose end is closed is not written to any more", "[worker_pipes]") {
    TwoPipes both;
    const auto before = std::signal(SIGPIPE, SIG_IGN);  // as the manager thread does
    both.tasks.reset();
    both.worker_bell.expect(Bell::bytes);
    both.pipes.note_bytes_written();
    both.pipes.ring();
    std::signal(SIGPIPE, before);
    CHECK(!both.pipes.tasks_open());
    CHECK(!both.pipes.has_to_ring());
    CHECK(both.pipes.results_open());
}

TEST_CASE("any number of wake-ups of the pool are taken at once, and its end is told", "[worker_pipes]") {
    TwoPipes both;
    both.pipes.expect(Bell::bytes);
    CHECK(both.pool_bell.must_ring(Bell::bytes));
    CHECK(both.pipes.take_wake_ups());  // there are none
    for (const int count : {1, 64, 200}) {
        for (int i = 0; i < count; ++i) REQUIRE(::write(both.results.get(), "", 1) == 1);
        CHECK(both.pipes.take_wake_ups());
        char byte;
        CHECK(::read(both.pipes.result_fd(), &byte, 1) == -1);
    }
    both.pipes.expect(Bell::bytes);
    both.pipes.expect_nothing();
    CHECK(!both.pool_bell.must_ring(Bell::bytes));
    both.results.reset();
    CHECK(!both.pipes.take_wake_ups());
    both.pipes.close_results();
    CHECK((both.pipes.result_fd() < 0 && both.pipes.take_wake_ups()));
}

}  // namespace
