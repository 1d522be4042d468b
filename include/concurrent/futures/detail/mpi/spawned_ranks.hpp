// SPDX-License-Identifier: MIT
//
// spawned_ranks.hpp: ranks that a pool starts itself, with MPI_Comm_spawn (MPIPoolOptions::spawn).
//
//     root                                          each new rank: the same program with the same arguments and one more
//     SpawnedRanks ranks(4);                        mpi_main() ─▶ SpawnedRanks::serve_if_spawned(): serves, and says that the
//     pool of ranks.hub() …                         program is to end
//     ranks.end();
//
// Both sides merge into one communicator, in which the root is rank 0. Then all is as with ranks of the launcher.
#pragma once

#include <cstddef>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/mpi/mpi_hub.hpp"
#include "concurrent/futures/detail/mpi/mpi_program.hpp"
#include "concurrent/futures/detail/mpi/mpi_rank.hpp"
#include "concurrent/futures/detail/mpi/rank_crash.hpp"
#include "concurrent/futures/detail/mpi/remote_port.hpp"
#include "concurrent/futures/detail/platform/child_process.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class SpawnedRanks {
  public:
    /// Throws BrokenProcessPool with MPI's reason if MPI cannot start so many.
    explicit SpawnedRanks(std::size_t count) {
        std::vector<std::string> arguments = mpi_program().arguments;
        arguments.emplace_back(marker);
        std::vector<char*> argv;
        for (std::string& argument : arguments) argv.push_back(argument.data());
        argv.push_back(nullptr);
        // A communicator of our own, so that an error comes back, and the program's settings stay.
        MPI_Comm self = MPI_COMM_NULL;
        check_mpi(MPI_Comm_dup(MPI_COMM_SELF, &self), "MPI_Comm_dup");
        MPI_Comm_set_errhandler(self, MPI_ERRORS_RETURN);
        const int code = MPI_Comm_spawn(own_executable(nullptr).c_str(), argv.data(), static_cast<int>(count), MPI_INFO_NULL,
                                        0, self, &children_, MPI_ERRCODES_IGNORE);
        MPI_Comm_free(&self);
        if (code != MPI_SUCCESS)
            throw BrokenProcessPool("MPIPoolExecutor: MPI_Comm_spawn cannot start " + std::to_string(count) + " ranks: " +
                                    mpi_error_text(code) +
                                    "; allow more processes than processors (mpirun --oversubscribe), or leave out "
                                    "MPIPoolOptions::spawn and start the ranks by the launcher");
        check_mpi(MPI_Intercomm_merge(children_, 0, &comm_), "MPI_Intercomm_merge");
        std::vector<RankCard> cards = exchange_rank_cards(comm_);
        hub_ = std::make_shared<MpiHub>();
        hub_->open(std::make_unique<RemotePort>(comm_, 0, std::move(cards)));
    }
    SpawnedRanks(const SpawnedRanks&) = delete;
    SpawnedRanks& operator=(const SpawnedRanks&) = delete;
    ~SpawnedRanks() {
        try {
            end();
        } catch (const std::exception& error) {
            std::fprintf(stderr, "concurrent::futures: cannot end the ranks that a pool has started: %s\n", error.what());
        }
    }

    const std::shared_ptr<MpiHub>& hub() const noexcept { return hub_; }
    /// Ends the pools on them, and lets the ranks go. Before MPI_Finalize.
    void end() {
        if (children_ == MPI_COMM_NULL) return;
        hub_->close();
        disconnect(comm_, children_);
    }

    /// In mpi_main(), with the arguments that MPI has left: true if this process was started by a pool. Then it has served,
    /// and the program is to end.
    static bool serve_if_spawned(int argc, char** argv) {
        if (argc < 2 || argv[argc - 1] != std::string_view(marker)) return false;
        MPI_Comm root = MPI_COMM_NULL;
        MPI_Comm_get_parent(&root);
        if (root == MPI_COMM_NULL) return false;
        MPI_Comm comm = MPI_COMM_NULL;
        check_mpi(MPI_Intercomm_merge(root, 1, &comm), "MPI_Intercomm_merge");
        const std::vector<RankCard> cards = exchange_rank_cards(comm);
        int rank = 0;
        MPI_Comm_rank(comm, &rank);
        mpi_program().serves = true;
        RankCrashReport::install(rank, cards[static_cast<std::size_t>(rank)].host_name());
        MpiRank(comm, 0).run();
        disconnect(comm, root);
        return true;
    }

  private:
    static constexpr const char* marker = "--concurrent-futures-spawned-rank";

    static void disconnect(MPI_Comm& merged, MPI_Comm& between) noexcept {
        MPI_Comm_free(&merged);
        MPI_Comm_disconnect(&between);
    }

    MPI_Comm children_ = MPI_COMM_NULL;  // between the root and them
    MPI_Comm comm_ = MPI_COMM_NULL;      // of the root and them
    std::shared_ptr<MpiHub> hub_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
