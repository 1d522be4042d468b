// SPDX-License-Identifier: MIT
//
// MpiPool and MpiPools.
#include <concurrent/futures/detail/mpi/mpi_pools.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <memory>
#include <set>

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;

std::shared_ptr<MpiPool> make_pool() { return std::make_shared<MpiPool>(nullptr, LockRule::none(), MpiSettings{}); }

TEST_CASE("the number of an MPI pool is none that is in use, also after 4 billion pools", "[mpi_pools]") {
    const std::set<std::uint32_t> used{1, 2, 4};
    const auto is_used = [&](std::uint32_t number) { return used.contains(number); };
    CHECK(next_pool_number(0, is_used) == 3);
    CHECK(next_pool_number(3, is_used) == 5);
    CHECK(next_pool_number(0xffff'ffff, is_used) == 3);
}

TEST_CASE("pools are found by their numbers until they are removed", "[mpi_pools]") {
    MpiPools pools(LockRule::none());
    CHECK(pools.empty());
    const auto one = make_pool(), two = make_pool();
    pools.add(one);
    pools.add(two);
    CHECK(pools.find(one->number) == one);
    CHECK(pools.find(*two) == two);
    pools.remove(one);
    CHECK(pools.find(one->number) == nullptr);
    CHECK(!pools.empty());
}

TEST_CASE("a pool that is closed takes no tasks and says why", "[mpi_pools]") {
    MpiPools pools(LockRule::none());
    const auto pool = make_pool();
    pools.add(pool);
    CHECK(!pools.any_closed());
    CHECK_NOTHROW(pool->throw_if_closed());
    pool->close();
    CHECK(pools.any_closed());
    CHECK_THROWS_AS(pool->throw_if_closed(), cf::ShutdownError);
    pool->broken = "why";
    CHECK_THROWS_AS(pool->throw_if_closed(), cf::BrokenProcessPool);
}

TEST_CASE("a pool that has been closed leaves, and ends", "[mpi_pools]") {
    const auto pool = make_pool();
    pool->close();
    pool->begin_to_leave();
    pool->close();  // again: it is on its way
    CHECK(pool->stage() == MpiPool::Stage::leaving);
    pool->end();
    CHECK((pool->stage() == MpiPool::Stage::ended && pool->is_closed()));
}

}  // namespace
