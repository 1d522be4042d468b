// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/dispatch_policy.hpp>

#include <catch2/catch_test_macros.hpp>

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("a fair share is one task at least, and no more than a worker may have", "[dispatch_policy]") {
    CHECK(DispatchPolicy::fair_share(0, 4) == 1);
    CHECK(DispatchPolicy::fair_share(7, 2) == 3);
    CHECK(DispatchPolicy::fair_share(1'000'000, 2) == WorkerPace::most);
    CHECK(DispatchPolicy::fair_share(5, 0) == 1);
}

TEST_CASE("a worker takes more while it has less than its share and its credits", "[dispatch_policy]") {
    const DispatchPolicy policy{.max_workers = 4};
    CHECK(policy.may_take_more({.in_flight = 2, .credits = 5}, 3));
    CHECK(!policy.may_take_more({.in_flight = 3, .credits = 5}, 3));
    CHECK(!policy.may_take_more({.in_flight = 5, .credits = 5}, 30));
    CHECK(!policy.may_take_more({.is_ready = false}, 3));
    CHECK(!policy.may_take_more({.is_dying = true}, 3));
}

TEST_CASE("a worker that has done all it may do is worn out when the last task is over", "[dispatch_policy]") {
    const DispatchPolicy policy{.max_workers = 4, .max_tasks_per_child = 10};
    CHECK(policy.may_take_more({.given = 9}, 3));
    CHECK(!policy.may_take_more({.given = 10}, 3));
    CHECK(policy.is_worn_out({.given = 10}, 3));
    CHECK(!policy.is_worn_out({.in_flight = 1, .wanted = 1, .given = 10}, 3));
    CHECK(!policy.is_worn_out({.given = 9}, 3));
    CHECK(!policy.is_worn_out({.is_ready = false, .given = 0}, 3));
    CHECK(!policy.is_worn_out({.is_dying = true, .given = 10}, 3));
}

TEST_CASE("a worker is started for each task that waits, beyond those that will take one, up to the limit", "[dispatch_policy]") {
    const DispatchPolicy policy{.max_workers = 4};
    CHECK(policy.workers_to_start(0, 0, 0) == 0);
    CHECK(policy.workers_to_start(1, 0, 0) == 1);
    CHECK(policy.workers_to_start(9, 0, 0) == 4);
    CHECK(policy.workers_to_start(9, 3, 1) == 1);
    CHECK(policy.workers_to_start(2, 2, 2) == 0);
    CHECK(policy.workers_to_start(3, 2, 2) == 1);
    CHECK(policy.workers_to_start(9, 4, 0) == 0);
}

TEST_CASE("a worker whose tasks were all cancelled will take one, and one that dies will not", "[dispatch_policy]") {
    CHECK(DispatchPolicy::will_take({.in_flight = 3, .wanted = 0}));
    CHECK(!DispatchPolicy::will_take({.in_flight = 3, .wanted = 1}));
    CHECK(!DispatchPolicy::will_take({.is_dying = true}));
}

}  // namespace
