// SPDX-License-Identifier: MIT
//
// The limit of processor time of each call of a worker. A fork of the test is the worker, because the limit stays.
#include <concurrent/futures/detail/processes/call_limits.hpp>

#include <sys/resource.h>

#include <catch2/catch_test_macros.hpp>
#include <ctime>

#include "support/forked.hpp"

namespace {

using namespace concurrent::futures::detail;

rlim_t limit() {
    rlimit now{};
    ::getrlimit(RLIMIT_CPU, &now);
    return now.rlim_cur;
}
rlim_t whole_seconds_used() {
    std::timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<rlim_t>(used.tv_sec);
}

TEST_CASE("without a limit for each call, a call changes none", "[call_limits]") {
    const auto end = support::run_forked([] {
        if (limit_own_cpu(1000) != 0) return 1;
        const rlim_t before = limit();
        renew_call_limits();
        return limit() == before ? 0 : 2;
    });
    CHECK(end.exit_code() == 0);
}

TEST_CASE("each call has its processor time to itself, whatever the calls before it have left", "[call_limits]") {
    for (const int left_by_others : {1, 1000}) {
        const auto end = support::run_forked([left_by_others] {
            cpu_seconds_per_call = 50;
            if (limit_own_cpu(left_by_others) != 0) return 1;
            const rlim_t before = whole_seconds_used();
            renew_call_limits();
            const rlim_t after = whole_seconds_used() + 1;  // what is used of a second counts as a second
            return limit() >= before + 50 && limit() <= after + 50 ? 0 : 2;
        });
        CHECK(end.exit_code() == 0);
    }
}

}  // namespace
