// SPDX-License-Identifier: MIT
//
// launcher_variables.hpp: the variables by which an MPI launcher tells a process that it is a rank.
//
//     std::erase_if(variables, is_launcher_variable);   // "PMI_RANK=1": true; "OMPI_MCA_btl=tcp,self": false
//
// A worker of a process pool inherits the environment of its rank, but it is no rank. With these variables, MPI_Init in
// the worker, or an mpirun that it starts, takes the worker for the rank and hangs or fails. So workers do not get them.
// The user's settings (OMPI_MCA_*, PMIX_MCA_*, MPIR_CVAR_*, I_MPI_*, SLURM_* apart from the step) stay.
//
// Collected by printing the environment of ranks under mpirun of Open MPI 4.1.4 and MPICH 4.0.2, after MPI_Init, and
// in a step of srun 22.05. Those of Open MPI 5 (PRTE) and MVAPICH are from memory and were not seen here.
#pragma once

#include <array>
#include <string_view>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Names that begin so are the launcher's.
inline constexpr std::array<std::string_view, 12> launcher_prefixes{
    "OMPI_COMM_WORLD_",                                     // Open MPI: who this rank is
    "OMPI_MCA_ess", "OMPI_MCA_orte_", "OMPI_MCA_pmix",      // Open MPI 4: its runtime
    "OMPI_MCA_prte_",                                       // Open MPI 5
    "PMIX_",                                                // Open MPI, srun --mpi=pmix
    "PMI_", "HYDI_", "HYDRA_PROXY_", "MPI_LOCAL",           // MPICH, Intel MPI, srun --mpi=pmi2
    "MV2_COMM_WORLD_",                                      // MVAPICH
    "SLURM_STEP",                                           // srun: Open MPI takes a process with these for a rank
};
inline constexpr std::array<std::string_view, 12> launcher_names{
    "OMPI_APP_CTX_NUM_PROCS", "OMPI_UNIVERSE_SIZE", "OMPI_NUM_APP_CTX", "OMPI_ARGV", "OMPI_COMMAND",
    "OMPI_FILE_LOCATION", "OMPI_FIRST_RANKS", "OMPI_MCA_initial_wdir", "OMPI_MCA_mpi_oversubscribe",
    "PRTE_LAUNCHED", "MPIR_CVAR_CH3_INTERFACE_HOSTNAME", "SLURM_PMIX_MAPPING_SERV",
};

/// `variable` is "NAME=value".
inline bool is_launcher_variable(std::string_view variable) noexcept {
    const std::string_view name = variable.substr(0, variable.find('='));
    if (name.starts_with("PMIX_MCA_")) return false;  // settings, as OMPI_MCA_*
    for (const std::string_view prefix : launcher_prefixes)
        if (name.starts_with(prefix)) return true;
    for (const std::string_view launchers : launcher_names)
        if (name == launchers) return true;
    return false;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
