// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/module_list.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <thread>

#include "support/processes.hpp"

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("the program is among the loaded modules, with its code", "[module_list]") {
    const auto address = reinterpret_cast<std::uintptr_t>(&read_loaded_modules);
    std::size_t found = 0;
    for (const LoadedModule& module : read_loaded_modules())
        if (contains(module, address, true)) ++found;
    CHECK(found == 1);
    CHECK(missing_library().empty());
}

/// Ends with 0 when it could read the list, by SIGALRM when it could not.
void fork_that_reads(bool& read) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::alarm(20);
        ::_exit(read_loaded_modules().empty() ? 1 : 0);
    }
    int status = 0;
    REQUIRE(support::wait_for_end(child, &status) == child);
    read = WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// F60: glibc leaves its own lock held in the child.
TEST_CASE("a child that was forked while another thread read the modules can read them, too", "[module_list]") {
    std::atomic<bool> ended{false};
    std::atomic<int> reads{0};
    std::thread reader([&] {
        while (!ended.load()) {
            static_cast<void>(read_loaded_modules());
            ++reads;
        }
    });
    bool read = true;
    for (int forks = 0; read && forks < 200; ++forks) fork_that_reads(read);
    CHECK(read);
    ended = true;
    reader.join();
    CHECK(reads > 0);
}

#if CONCURRENT_FUTURES_HAS_PROCESSES

TEST_CASE("a fork waits for a thread that reads the modules, but not for ever", "[module_list]") {
    {
        const ModuleVisit visit;        // as if another thread could not go on before the fork
        ModuleVisit::before_fork();     // returns
        ModuleVisit::after_fork_in_parent();  // does not end the visit of somebody else
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            ::alarm(20);
            const ModuleVisit of_child;  // nobody in the child is in a visit
            ::_exit(0);
        }
        int status = 0;
        REQUIRE(support::wait_for_end(child, &status) == child);
        CHECK(WIFEXITED(status));
    }
    ModuleVisit::before_fork();
    ModuleVisit::before_fork();  // registered twice
    ModuleVisit::after_fork_in_parent();
    ModuleVisit::after_fork_in_parent();
    const ModuleVisit visit;  // free again
}

#endif

}  // namespace
