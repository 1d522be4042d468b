// SPDX-License-Identifier: MIT
//
// The number of the worker that runs this code; in tasks of each pool: tests/contract/control.test.cpp.
#include <concurrent/futures/this_worker.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <optional>
#include <thread>

namespace {

namespace cf = concurrent::futures;

TEST_CASE("a thread that is no worker has no number", "[this_worker]") {
    CHECK(!cf::this_worker::index());
    std::optional<std::size_t> index = 1;
    std::thread([&] { index = cf::this_worker::index(); }).join();
    CHECK(!index);
}

TEST_CASE("a worker of two pools one in the other has the number of its own pool", "[this_worker]") {
    cf::ThreadPoolExecutor outer(1);
    const auto both = [] {
        cf::ThreadPoolExecutor inner(1);
        return inner.submit([] { return cf::this_worker::index(); }).result() == std::size_t{0} &&
               cf::this_worker::index() == std::size_t{0};
    };
    CHECK(outer.submit(both).result());
}

TEST_CASE("worker_exit still has the number of its worker", "[this_worker]") {
    std::optional<std::size_t> index;
    {
        cf::ThreadPoolExecutor pool({.max_workers = 1, .worker_exit = [&] { index = cf::this_worker::index(); }});
        pool.submit([] {});
    }
    CHECK(index == std::size_t{0});
}

}  // namespace
