// SPDX-License-Identifier: MIT
//
// mpi_program.hpp: what a process needs to know of MPI before it has pools: is it initialized and by whom, may
// threads call it, do all ranks run the same program, who are they.
//
// Everything here is collective: it happens on all ranks in the same order, and an error of one is an error of all,
// so that no rank waits for another one that has given up.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "concurrent/futures/detail/mpi/mpi_channel.hpp"
#include "concurrent/futures/detail/mpi/rank_card.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class MpiHub;
class SpawnedRanks;

struct MpiProgram {
    bool mpi_main_ran = false;
    bool initialized_here = false;  // MPI_Init_thread was called by the library
    bool serves = false;            // this rank runs tasks; it must not make pools
    std::shared_ptr<MpiHub> hub;    // where pools are made; null: not possible
    std::vector<std::string> arguments;  // of main, without the program's name
    std::vector<std::weak_ptr<SpawnedRanks>> spawned;  // to be ended before MPI_Finalize
};

inline MpiProgram& mpi_program() {
    static MpiProgram* const program = new MpiProgram;  // outlives all static objects
    return *program;
}

/// Of all ranks. Throws BrokenProcessPool on every rank if they do not run the same program.
inline std::vector<RankCard> exchange_rank_cards(MPI_Comm comm) {
    int size = 0;
    check_mpi(MPI_Comm_size(comm, &size), "MPI_Comm_size");
    std::vector<RankCard> cards(static_cast<std::size_t>(size));
    const RankCard own = own_rank_card();
    check_mpi(MPI_Allgather(&own, sizeof own, MPI_BYTE, cards.data(), sizeof own, MPI_BYTE, comm), "MPI_Allgather");
    for (const RankCard& card : cards)
        if (!same_program(card, cards.front()))
            throw BrokenProcessPool(
                "MPI pools need the same program on all ranks, and these are different builds: " +
                list_of_ranks(cards, cards.front()) + "; " + list_of_ranks(cards, card) +
                ". Start one binary on all of them, and copy it to every host again after a build");
    return cards;
}

/// Throws std::invalid_argument on every rank if MPI allows too little on one of them.
inline void require_thread_level(MPI_Comm comm) {
    int provided = MPI_THREAD_SINGLE;
    check_mpi(MPI_Query_thread(&provided), "MPI_Query_thread");
    int lowest = provided;
    check_mpi(MPI_Allreduce(&provided, &lowest, 1, MPI_INT, MPI_MIN, comm), "MPI_Allreduce");
    if (lowest >= MPI_THREAD_MULTIPLE) return;
    const char* const name = lowest == MPI_THREAD_SINGLE     ? "MPI_THREAD_SINGLE"
                             : lowest == MPI_THREAD_FUNNELED ? "MPI_THREAD_FUNNELED"
                                                             : "MPI_THREAD_SERIALIZED";
    throw std::invalid_argument(
        std::string("MPI pools need MPI_THREAD_MULTIPLE, because they call MPI from a thread of their own, and the "
                    "program has initialized MPI with ") +
        name +
        ": call MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided), or leave it to "
        "concurrent::futures::mpi_main(argc, argv)");
}

/// A communicator of the library's own, like `comm`. MPI errors in it end the job with MPI's message.
class PrivateComm {
  public:
    explicit PrivateComm(MPI_Comm comm) { check_mpi(MPI_Comm_dup(comm, &comm_), "MPI_Comm_dup"); }
    PrivateComm(const PrivateComm&) = delete;
    PrivateComm& operator=(const PrivateComm&) = delete;
    /// Collective.
    void free() {
        if (comm_ != MPI_COMM_NULL) MPI_Comm_free(&comm_);
    }
    MPI_Comm get() const noexcept { return comm_; }
    int rank() const {
        int rank = 0;
        MPI_Comm_rank(comm_, &rank);
        return rank;
    }

  private:
    MPI_Comm comm_ = MPI_COMM_NULL;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
