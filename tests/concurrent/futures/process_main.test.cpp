// SPDX-License-Identifier: MIT
//
// More about process_main() is in tests/programs: each case needs a main of its own.
#include <concurrent/futures/process_main.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <vector>

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

TEST_CASE("an order that another version of the library gave is left to that version", "[process_main]") {
    const std::string order = std::to_string(::getppid()) + ":3:17";
    ::setenv(detail::worker_variable, (order + "@another").c_str(), 1);
    CHECK(!detail::take_worker_order());
    CHECK(detail::has_worker_order());
    ::setenv(detail::worker_variable, (order + std::string(detail::order_version)).c_str(), 1);
    CHECK(detail::take_worker_order());
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
                                  std::to_string(::getpid()) + ":1:17" +
                                  (detail::executes_own_file() ? std::string(detail::order_version) : ""));
}

TEST_CASE("a worker in an MPI rank gets the user's variables, and none by which a launcher says who the rank is",
          "[process_main]") {
    const std::vector<std::string> launchers{
        "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE", "OMPI_APP_CTX_NUM_PROCS", "OMPI_UNIVERSE_SIZE",
        "OMPI_MCA_ess", "OMPI_MCA_ess_base_vpid", "OMPI_MCA_orte_hnp_uri", "OMPI_MCA_pmix", "PMIX_RANK",
        "PMIX_SERVER_URI41", "PMI_FD", "PMI_RANK", "PMI_SIZE", "HYDI_CONTROL_FD", "MPI_LOCALRANKID", "MPI_LOCALNRANKS",
        "SLURM_STEP_ID"};
    const std::vector<std::string> users{"OMPI_MCA_btl", "OMPI_MCA_mpi_yield_when_idle", "PMIX_MCA_gds",
                                         "OMPI_ALLOW_RUN_AS_ROOT", "MPIR_CVAR_ENABLE_GPU", "SLURM_JOB_ID", "PMI"};
    for (const auto* names : {&launchers, &users})
        for (const std::string& name : *names) ::setenv(name.c_str(), "1", 1);
    const auto variables = detail::worker_environment(1);
    for (const auto* names : {&launchers, &users})
        for (const std::string& name : *names) ::unsetenv(name.c_str());
    const auto has = [&](const std::string& name) {
        return std::find(variables.begin(), variables.end(), name + "=1") != variables.end();
    };
    for (const std::string& name : launchers) {
        INFO(name);
        CHECK(!has(name));
    }
    for (const std::string& name : users) {
        INFO(name);
        CHECK(has(name));
    }
}

}  // namespace
}  // namespace process_pools
