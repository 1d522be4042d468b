// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/shared_page.hpp>
#include <concurrent/futures/detail/platform/shared_signal.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <new>

#include "support/eventually.hpp"
#include "support/processes.hpp"

namespace {

using namespace concurrent::futures::detail;

struct Shared {
    SharedSignal signal;
    Atomic<int> word{0};
};

TEST_CASE("a wait for a count that has been passed returns at once", "[shared_signal]") {
    SharedSignal signal;
    const std::uint32_t seen = signal.count();
    signal.raise();
    CHECK(signal.count() == seen + 1);
    signal.wait_beyond(seen);
}

TEST_CASE("a process that sleeps on the signal is woken by another one", "[shared_signal]") {
    SharedPage memory(sizeof(Shared));
    auto& shared = *::new (memory.memory()) Shared;
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        // In memory that is mapped anew, as a spawned worker has it.
        SharedPage mapped(FileDescriptor(::dup(memory.fd())), sizeof(Shared));
        auto& same = *static_cast<Shared*>(mapped.memory());
        for (;;) {
            const std::uint32_t seen = same.signal.count();
            if (same.word.load(std::memory_order_relaxed) == 42) ::_exit(7);
            same.signal.wait_beyond(seen);
        }
    }
    CHECK(support::eventually([&] {
        for (const auto& process : support::children_of(::getpid()))
            if (process.pid == child) return process.state == 'S';
        return false;
    }));
    shared.word.store(42, std::memory_order_relaxed);
    shared.signal.raise();
    int status = 0;
    REQUIRE(support::wait_for_end(child, &status) == child);
    CHECK(WEXITSTATUS(status) == 7);
}

}  // namespace
