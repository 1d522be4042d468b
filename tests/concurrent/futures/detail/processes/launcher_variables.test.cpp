// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/launcher_variables.hpp>

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace {

using concurrent::futures::detail::is_launcher_variable;

TEST_CASE("what makes a process a rank is the launcher's", "[launcher_variables]") {
    for (const char* const variable :
         {"OMPI_COMM_WORLD_RANK=3", "PMIX_RANK=0", "PMI_FD=7", "PMI_RANK=1", "HYDI_CONTROL_FD=5", "SLURM_STEP_ID=0",
          "OMPI_UNIVERSE_SIZE=4", "PRTE_LAUNCHED=1", "MV2_COMM_WORLD_RANK=1", "OMPI_MCA_ess_base_jobid=1",
          "OMPI_MCA_pmix=^s1,s2", "OMPI_COMM_WORLD_RANK="}) {
        INFO(variable);
        CHECK(is_launcher_variable(variable));
    }
}

TEST_CASE("what the user sets for MPI, and all else, stays", "[launcher_variables]") {
    for (const char* const variable :
         {"OMPI_MCA_btl=tcp,self", "PMIX_MCA_gds=hash", "SLURM_JOB_ID=17", "SLURM_NTASKS=4", "MPIR_CVAR_ENABLE_GPU=0",
          "I_MPI_DEBUG=5", "PATH=/usr/bin", "PMI=1", "OMPI_UNIVERSE=4", "OMPI_UNIVERSE_SIZE_OF_MINE=4", "=", ""}) {
        INFO(variable);
        CHECK(!is_launcher_variable(variable));
    }
}

TEST_CASE("the value of a variable does not count", "[launcher_variables]") {
    CHECK(!is_launcher_variable("NOTE=OMPI_COMM_WORLD_RANK=3"));
    CHECK(!is_launcher_variable("NAME=PMI_RANK"));
    CHECK(is_launcher_variable("PMI_RANK"));
}

}  // namespace
