// SPDX-License-Identifier: MIT
//
// More about process_main() is in tests/programs: each case needs a main of its own.
#include <concurrent/futures/process_main.hpp>

#include <array>
#include <cstdlib>
#include <string>

#include "concurrent/futures/process_pool.hpp"

namespace process_pools {
namespace {

namespace detail = cf::detail;

TEST_CASE("process_main() may be called again, with whatever arguments", "[process_main]") {
    const auto arguments = detail::program_start().arguments;
    REQUIRE(!arguments.empty());
    std::string other = "other";
    std::array<char*, 2> argv{other.data(), nullptr};
    cf::process_main(1, argv.data());
    CHECK(detail::program_start().process_main_ran);
    CHECK(detail::program_start().arguments == arguments);
}

TEST_CASE("an order for a worker is taken out of the environment, whether it is believed or not",
          "[process_main]") {
    CHECK(!detail::take_worker_order());
    const std::string parent = std::to_string(::getppid());
    for (const std::string& wrong :
         {std::string("nonsense"), parent, parent + ":0", parent + ":-1", parent + ":1000",
          parent + ":1:-1", std::to_string(::getpid()) + ":1", std::string(":1"), std::string()}) {
        INFO("order " << wrong);
        ::setenv(detail::worker_variable, wrong.c_str(), 1);
        CHECK(detail::has_worker_order());
        CHECK(!detail::take_worker_order());
        CHECK(!detail::has_worker_order());
    }
    ::setenv(detail::worker_variable, (parent + ":3:17").c_str(), 1);
    const auto order = detail::take_worker_order();
    REQUIRE(order);
    CHECK(order->parent == ::getppid());
    CHECK(order->depth == 3);
    CHECK(order->allowance == 17);
    CHECK(!detail::has_worker_order());
}

TEST_CASE("the environment of a worker is that of the program and one order", "[process_main]") {
    ::setenv(detail::worker_variable, "a left-over", 1);
    const auto variables = detail::worker_environment(17);
    ::unsetenv(detail::worker_variable);
    std::size_t orders = 0;
    bool has_path = false;
    for (const std::string& variable : variables) {
        orders += variable.starts_with(std::string(detail::worker_variable) + "=");
        has_path = has_path || variable.starts_with("PATH=");
    }
    CHECK(orders == 1);
    CHECK(has_path == (std::getenv("PATH") != nullptr));
    CHECK(variables.back() == std::string(detail::worker_variable) + "=" +
                                  std::to_string(::getpid()) + ":1:17");
}

}  // namespace
}  // namespace process_pools
