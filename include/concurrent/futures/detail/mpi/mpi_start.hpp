// SPDX-License-Identifier: MIT
//
// mpi_start.hpp: how the ranks of a program become one root and many that serve, and how that ends.
//
//     mpi_main            root: returns; at its exit, or in MPI_Finalize, it lets the ranks go
//                         others: serve, finalize MPI, exit
//     mpi_comm_executor   the same for as long as one call of it takes, on the communicator it is given
#pragma once

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/mpi/local_port.hpp"
#include "concurrent/futures/detail/mpi/mpi_hub.hpp"
#include "concurrent/futures/detail/mpi/mpi_program.hpp"
#include "concurrent/futures/detail/mpi/mpi_rank.hpp"
#include "concurrent/futures/detail/mpi/rank_crash.hpp"
#include "concurrent/futures/detail/mpi/remote_port.hpp"
#include "concurrent/futures/detail/mpi/spawned_ranks.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline std::shared_ptr<MpiHub> make_hub(MPI_Comm comm, int root, std::vector<RankCard> cards) {
    auto hub = std::make_shared<MpiHub>();
    if (cards.size() == 1)
        hub->open(std::make_unique<LocalPort>(cards.front(), [&self = *hub] { self.wake(); }));
    else
        hub->open(std::make_unique<RemotePort>(comm, root, std::move(cards)));
    return hub;
}

/// Where a pool can be made. Throws BrokenProcessPool that says what is missing.
inline std::shared_ptr<MpiHub> require_mpi_hub() {
    const MpiProgram& program = mpi_program();
    if (program.serves)
        throw BrokenProcessPool(
            "MPIPoolExecutor: this rank runs tasks of a pool, and only the root has pools; use a ThreadPoolExecutor or "
            "a ProcessPoolExecutor in a task");
    if (!program.hub)
        throw BrokenProcessPool(
            program.mpi_main_ran
                ? "MPIPoolExecutor: MPI is finalized, or about to be"
                : "MPIPoolExecutor: call concurrent::futures::mpi_main(argc, argv) as the first line of main; without it "
                  "every rank that mpirun starts runs main by itself. In a program that is SPMD already, use "
                  "mpi_comm_executor(comm, root, f)");
    return program.hub;
}

/// `count` new ranks for one pool. Throws BrokenProcessPool that says why not.
inline std::shared_ptr<SpawnedRanks> spawn_ranks(std::size_t count) {
    static_cast<void>(require_mpi_hub());
    MpiProgram& program = mpi_program();
    if (!program.mpi_main_ran)
        throw BrokenProcessPool(
            "MPIPoolExecutor: MPIPoolOptions::spawn needs mpi_main(argc, argv) as the first line of main: a rank that "
            "is started would run main by itself");
    auto ranks = std::make_shared<SpawnedRanks>(count);
    std::erase_if(program.spawned, [](const auto& each) { return each.expired(); });
    program.spawned.push_back(ranks);
    return ranks;
}

inline void initialize_mpi(int& argc, char**& argv) {
    int initialized = 0;
    MPI_Initialized(&initialized);
    if (initialized) return;
    int provided = 0;
    check_mpi(MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
    mpi_program().initialized_here = true;
}

inline void finalize_mpi() noexcept {
    int finalized = 0;
    MPI_Finalized(&finalized);
    if (!finalized) MPI_Finalize();
}

/// On the root: lets the ranks go, once.
inline void end_mpi_service() noexcept {
    const std::shared_ptr<MpiHub> hub = std::exchange(mpi_program().hub, nullptr);
    if (!hub) return;
    try {
        for (const auto& each : mpi_program().spawned)
            if (const std::shared_ptr<SpawnedRanks> ranks = each.lock()) ranks->end();
        hub->close();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "concurrent::futures: cannot end the ranks of MPI pools: %s\n", error.what());
    }
}

/// In MPI_Finalize, which deletes the attributes of MPI_COMM_SELF first.
inline int on_finalize(MPI_Comm, int, void*, void*) {
    end_mpi_service();
    return MPI_SUCCESS;
}

inline void start_mpi_program(int& argc, char**& argv) {
    MpiProgram& program = mpi_program();
    if (program.mpi_main_ran) return;
    initialize_mpi(argc, argv);
    // Kept: a rank that fails leaves it to MPI_Finalize.
    static PrivateComm* const comm = new PrivateComm(MPI_COMM_WORLD);
    if (program.initialized_here) std::atexit(finalize_mpi);
    require_thread_level(comm->get());
    if (SpawnedRanks::serve_if_spawned(argc, argv)) {
        finalize_mpi();
        std::exit(EXIT_SUCCESS);
    }
    std::vector<RankCard> cards = exchange_rank_cards(comm->get());
    program.mpi_main_ran = true;
    for (int i = 1; i < argc; ++i) program.arguments.emplace_back(argv[i]);
    const int rank = comm->rank();
    if (rank != 0) {
        program.serves = true;
        RankCrashReport::install(rank, cards[static_cast<std::size_t>(rank)].host_name());
        MpiRank(comm->get(), 0).run();
        finalize_mpi();
        std::exit(EXIT_SUCCESS);
    }
    program.hub = make_hub(comm->get(), 0, std::move(cards));
    int key = MPI_KEYVAL_INVALID;
    check_mpi(MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, on_finalize, &key, nullptr), "MPI_Comm_create_keyval");
    check_mpi(MPI_Comm_set_attr(MPI_COMM_SELF, key, nullptr), "MPI_Comm_set_attr");
}

/// For mpi_comm_executor. Collective: every rank makes one, and calls serve(), or end() or fail() on the root.
class CommService {
  public:
    CommService(MPI_Comm comm, int root) : comm_(checked(comm, root)), root_(root) {
        try {
            require_thread_level(comm_.get());
            cards_ = exchange_rank_cards(comm_.get());
        } catch (...) {
            comm_.free();
            throw;
        }
        if (!is_root()) return;
        hub_ = make_hub(comm_.get(), root, cards_);
        before_ = std::exchange(mpi_program().hub, hub_);
    }
    CommService(const CommService&) = delete;
    CommService& operator=(const CommService&) = delete;

    bool is_root() const { return comm_.rank() == root_; }
    /// Throws BrokenExecutor if the root failed.
    void serve() {
        const RankCard& root = cards_[static_cast<std::size_t>(root_)];
        RankCrashReport::install(comm_.rank(), cards_[static_cast<std::size_t>(comm_.rank())].host_name());
        std::string failure;
        {
            const bool served = std::exchange(mpi_program().serves, true);
            MpiRank rank(comm_.get(), root_);
            rank.run();
            failure = rank.root_failure();
            mpi_program().serves = served;
        }
        comm_.free();
        if (!failure.empty())
            throw BrokenExecutor("mpi_comm_executor: the function failed on root rank " + std::to_string(root_) +
                                 " (host " + root.host_name() + "): " + failure);
    }
    void end() { close({}); }
    void fail(const std::string& text) { close(text.empty() ? "an exception without text" : text); }

  private:
    static MPI_Comm checked(MPI_Comm comm, int root) {
        int initialized = 0, size = 0;
        MPI_Initialized(&initialized);
        if (!initialized)
            throw BrokenProcessPool("mpi_comm_executor: MPI is not initialized; call MPI_Init_thread(&argc, &argv, "
                                    "MPI_THREAD_MULTIPLE, &provided) before");
        check_mpi(MPI_Comm_size(comm, &size), "MPI_Comm_size");
        if (root < 0 || root >= size)
            throw std::invalid_argument("mpi_comm_executor: root = " + std::to_string(root) +
                                        " is none of the ranks 0 to " + std::to_string(size - 1));
        return comm;
    }
    void close(const std::string& failure) {
        mpi_program().hub = std::exchange(before_, nullptr);
        hub_->close(failure);
        hub_.reset();
        comm_.free();
    }

    PrivateComm comm_;
    const int root_;
    std::vector<RankCard> cards_;
    std::shared_ptr<MpiHub> hub_, before_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
