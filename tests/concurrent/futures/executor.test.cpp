// SPDX-License-Identifier: MIT
#include <concurrent/futures/executor.hpp>
#include <concurrent/futures/inline_executor.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <vector>

namespace {

namespace cf = concurrent::futures;

struct NoExecutor {
    cf::Future<int> submit(int (&)(int), int);
};

TEST_CASE("the concept accepts executors and nothing else", "[executor]") {
    STATIC_REQUIRE(cf::Executor<cf::ThreadPoolExecutor>);
    STATIC_REQUIRE(cf::Executor<cf::InlineExecutor>);
    STATIC_REQUIRE_FALSE(cf::Executor<NoExecutor>);
    STATIC_REQUIRE_FALSE(cf::Executor<int>);
}

int twice(int n) { return 2 * n; }

int sum_of_doubles(cf::Executor auto& pool, const std::vector<int>& numbers) {
    int sum = 0;
    for (int n : pool.map(twice, numbers)) sum += n;
    return sum;
}

TEST_CASE("code for any executor takes each of them", "[executor]") {
    cf::ThreadPoolExecutor threads(2);
    cf::InlineExecutor here;
    CHECK(sum_of_doubles(threads, {1, 2, 3}) == 12);
    CHECK(sum_of_doubles(here, {1, 2, 3}) == 12);
}

}  // namespace
