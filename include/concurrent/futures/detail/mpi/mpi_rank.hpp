// SPDX-License-Identifier: MIT
//
// mpi_rank.hpp: a rank that serves, with its channel to the root and the memory of their node.
//
//     MpiRank rank(comm, root);  rank.run();        // returns when the root wants no more
#pragma once

#include <string>

#include "concurrent/futures/detail/mpi/mpi_channel.hpp"
#include "concurrent/futures/detail/mpi/node_memory.hpp"
#include "concurrent/futures/detail/mpi/rank_loop.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class MpiRank {
  public:
    /// Collective: the root makes a RemotePort meanwhile.
    MpiRank(MPI_Comm comm, int root)
        : channel_(comm, MpiChannel::gibibyte, lock_.rule),
          node_(comm, root, channel_),
          loop_(channel_, lock_, root, node_.bell(), node_.arena()) {}

    void run() { loop_.run(); }
    /// Why the root has failed; empty: it has not.
    const std::string& root_failure() const noexcept { return loop_.root_failure(); }

  private:
    ChannelLock lock_;
    MpiChannel channel_;
    const NodeMemory node_;
    RankLoop<MpiChannel> loop_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
