// SPDX-License-Identifier: MIT
//
// mpi_pair.hpp: a program of the process benchmarks as two ranks of MPI.
//
//     static const MpiPair pair([] { while (Message message; receive(message)) send(message); });
//
// Before main() it starts itself again with mpirun: rank 0 is the benchmark, rank 1 answers it and ends with
// it. MPI waits spinning, so each has a processor of its own as long as there are two.
#pragma once

#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "support/workload.hpp"

namespace benchmarks {

class MpiPair {
  public:
    using Partner = void (*)();

    explicit MpiPair(Partner partner) {
        if (!std::getenv(mark)) start_both();
        MPI_Init(nullptr, nullptr);
        int rank = 0;
        MPI_Comm_rank(MPI_COMM_WORLD, &rank);
        if (rank == 0) return;
        partner();
        MPI_Finalize();
        std::exit(EXIT_SUCCESS);
    }
    MpiPair(const MpiPair&) = delete;
    MpiPair& operator=(const MpiPair&) = delete;
    ~MpiPair() {
        int rank = 0;
        MPI_Comm_rank(MPI_COMM_WORLD, &rank);
        if (rank != 0) return;  // on its way out
        MPI_Send(nullptr, 0, MPI_BYTE, 1, end_tag, MPI_COMM_WORLD);
        MPI_Finalize();
    }

    static void send(int other, const void* data, std::size_t size) {
        require("MPI_Send", MPI_Send(data, static_cast<int>(size), MPI_BYTE, other, data_tag, MPI_COMM_WORLD) ==
                                MPI_SUCCESS);
    }
    static void receive(int other, void* data, std::size_t size) {
        require("MPI_Recv", MPI_Recv(data, static_cast<int>(size), MPI_BYTE, other, data_tag, MPI_COMM_WORLD,
                                     MPI_STATUS_IGNORE) == MPI_SUCCESS);
    }
    /// Rank 1: the size of the next message; false when there will be none.
    static bool next_size(std::size_t& size) {
        MPI_Status status;
        MPI_Probe(0, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
        int count = 0;
        MPI_Get_count(&status, MPI_BYTE, &count);
        size = static_cast<std::size_t>(count);
        if (status.MPI_TAG != end_tag) return true;
        MPI_Recv(nullptr, 0, MPI_BYTE, 0, end_tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        return false;
    }

  private:
    static constexpr const char* mark = "CONCURRENT_FUTURES_BENCHMARK_IS_MPI";
    static constexpr int data_tag = 0;
    static constexpr int end_tag = 1;

    [[noreturn]] static void start_both() {
        std::ifstream file("/proc/self/cmdline", std::ios::binary);
        const std::string line{std::istreambuf_iterator<char>(file), {}};
        std::vector<char> path(4096);
        const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
        require("readlink", length > 0);
        std::vector<std::string> words{"mpirun", "-n", "2", {path.data(), static_cast<std::size_t>(length)}};
        for (std::size_t begin = line.find('\0') + 1; begin != 0 && begin < line.size();
             begin = line.find('\0', begin) + 1)
            words.emplace_back(line.c_str() + begin);
        std::vector<char*> arguments;
        for (std::string& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        ::setenv(mark, "1", 1);
        // Open MPI's: a container's user is root, and one with a single processor is enough for --quick.
        ::setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 0);
        ::setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 0);
        ::setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 0);
        ::execvp("mpirun", arguments.data());
        std::perror("mpirun");
        ::_exit(127);
    }
};

}  // namespace benchmarks
