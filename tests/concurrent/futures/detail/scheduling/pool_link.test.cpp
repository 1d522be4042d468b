// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/scheduling/pool_link.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <memory>

#include "support/forked.hpp"

namespace {

namespace cf = concurrent::futures;
using cf::detail::PoolLink;
using cf::detail::WorkerThreads;

/// Tells when the pool, which keeps it, has gone.
std::weak_ptr<cf::Observer> make_pool(WorkerThreads*& pool) {
    const auto observer = std::make_shared<cf::Observer>();
    pool = new WorkerThreads({.max_workers = 1, .observer = observer});
    return observer;
}

TEST_CASE("a link of a pool without an observer is the pool's address, and watches nothing", "[pool_link]") {
    const bool keep = GENERATE(false, true);
    auto* const pool = new WorkerThreads({.max_workers = 1});
    PoolLink link(*pool, keep, "name");
    CHECK(&link.pool() == pool);
    CHECK(link.keeps_pool() == keep);
    CHECK(link.watch() == nullptr);
    link.let_go();
    pool->release();
}

TEST_CASE("a link of a pool with an observer has what it is told of the task", "[pool_link]") {
    const bool keep = GENERATE(false, true);
    WorkerThreads* pool = nullptr;
    const auto observer = make_pool(pool);
    PoolLink one(*pool, keep, "one"), other(*pool, keep, {});
    CHECK(&one.pool() == pool);
    CHECK(one.keeps_pool() == keep);
    REQUIRE(one.watch() != nullptr);
    REQUIRE(other.watch() != nullptr);
    CHECK(one.watch()->id() != other.watch()->id());
    one.let_go();
    other.let_go();
    CHECK(!observer.expired());
    pool->release();
    CHECK(observer.expired());
}

TEST_CASE("a link that keeps the pool is the last to let it go", "[pool_link]") {
    WorkerThreads* pool = nullptr;
    const auto observer = make_pool(pool);
    PoolLink link(*pool, true, {});
    pool->release();
    CHECK(!observer.expired());
    CHECK(&link.pool() == pool);
    link.let_go();
    CHECK(observer.expired());
}

TEST_CASE("in a forked child a link of the parent's pool says so, and one of the child's own pool does not", "[pool_link]") {
    const bool observed = GENERATE(false, true);
    const auto observer = observed ? std::make_shared<cf::Observer>() : nullptr;
    auto* const pool = new WorkerThreads({.max_workers = 1, .observer = observer});
    PoolLink link(*pool, true, {});
    CHECK(!link.pool_is_in_parent());
    const auto in_child = [&] {
        auto* const own = new WorkerThreads({.max_workers = 1, .observer = observer});
        PoolLink here(*own, false, {});
        const bool right = link.pool_is_in_parent() && !here.pool_is_in_parent() && &link.pool() == pool && &here.pool() == own;
        here.let_go();
        own->release();
        return right;
    };
    const auto end = support::run_forked([&] {
        if (!in_child()) return 1;
        return support::run_forked([&] { return in_child() ? 0 : 2; }).exit_code();
    });
    CHECK(end.exit_code() == 0);
    CHECK(!link.pool_is_in_parent());
    link.let_go();
    pool->release();
}

}  // namespace
