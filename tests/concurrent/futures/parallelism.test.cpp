// SPDX-License-Identifier: MIT
#include <concurrent/futures/parallelism.hpp>
#include <sched.h>

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <thread>

namespace {

namespace cf = concurrent::futures;

TEST_CASE("there is at least one processor, and no more than the affinity allows", "[parallelism]") {
    cpu_set_t allowed;
    REQUIRE(::sched_getaffinity(0, sizeof allowed, &allowed) == 0);
    CHECK(cf::available_parallelism() >= 1);
    CHECK(cf::available_parallelism() <= static_cast<std::size_t>(CPU_COUNT(&allowed)));
}

TEST_CASE("a thread pinned to one processor may use one", "[parallelism]") {
    std::size_t pinned = 0;
    bool could_pin = false;
    std::thread([&] {
        cpu_set_t allowed, one;
        if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
        CPU_ZERO(&one);
        for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(cpu, &allowed)) {
                CPU_SET(cpu, &one);
                break;
            }
        }
        could_pin = ::sched_setaffinity(0, sizeof one, &one) == 0;
        pinned = cf::available_parallelism();
    }).join();
    REQUIRE(could_pin);
    CHECK(pinned == 1);
}

}  // namespace
