// SPDX-License-Identifier: MIT
//
// Programs that start, fail and end in different ways under mpirun; run_cases.py says what each must print.
#include <concurrent/futures/detail/wire/frame.hpp>
#include <concurrent/futures/mpi_pool_executor.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace cf = concurrent::futures;

namespace {

// What goes wrong, once: below, in place of MPI's own functions.
std::atomic<bool> spoils_answer{false};  // in a rank: its next message answers a task that nobody gave it
std::atomic<bool> mpi_fails{false};      // at the root: the next look for a message is an error

int square(int n) { return n * n; }
int die(int) {
    std::raise(SIGSEGV);
    return 0;
}

[[noreturn]] void end_thread_of_pool() { ::pthread_exit(nullptr); }
int end_thread(int) { end_thread_of_pool(); }

// What a worker of a process pool in a rank does.

/// The names of variables by which a launcher says that this process is a rank.
std::string variables_of_the_launcher() {
    std::string names;
    for (char** variable = environ; *variable; ++variable) {
        const std::string_view text = *variable;
        for (const std::string_view prefix :
             {"OMPI_COMM_WORLD_", "OMPI_UNIVERSE_SIZE", "OMPI_APP_CTX", "OMPI_MCA_ess", "OMPI_MCA_orte_",
              "OMPI_MCA_pmix", "PMIX_RANK", "PMIX_NAMESPACE", "PMIX_SERVER", "PMI_", "HYDI_", "MPI_LOCAL"})
            if (text.starts_with(prefix)) names.append(text.substr(0, text.find('='))).append(" ");
    }
    return names;
}
/// A setting of the user.
std::string yields_when_idle() {
    const char* const setting = std::getenv("OMPI_MCA_mpi_yield_when_idle");
    return setting ? setting : "";
}
/// MPI_Init in a process that no launcher has started.
int ranks_of_this_process() {
    int provided = 0, size = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Finalize();
    return size;
}
int run_command(const std::string& command) { return std::system(command.c_str()); }

/// In a rank.
std::string a_pool_of_processes(const std::string& program_of_two_ranks) {
    std::string seen = variables_of_the_launcher();
    std::string said = seen.empty() ? "this is no rank" : "this is a rank";
    cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
    said += ", its worker sees '" + pool.submit(variables_of_the_launcher).result() + "' and '" +
            pool.submit(yields_when_idle).result() + "'";
    said += ", started: " + std::to_string(pool.submit(run_command, program_of_two_ranks).result());
    said += ", alone: " + std::to_string(pool.submit(ranks_of_this_process).result());
    return said;
}
/// What a ThreadPoolExecutor of this rank has by default.
std::size_t threads_of_rank() {
    cf::ThreadPoolExecutor pool;
    return pool.max_workers();
}

int rank() {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}
template <class... Values>
void say(const char* format, Values... values) {
    std::array<char, 2000> line;
    const int written = std::snprintf(line.data(), line.size() - 1, format, values...);
    std::size_t size = std::min(static_cast<std::size_t>(written), line.size() - 2);
    line[size++] = '\n';
    // One system call: ranks share the output.
    if (::write(STDOUT_FILENO, line.data(), size) < 0) std::abort();
}

void forgotten(int, char**) {
    try {
        cf::MPIPoolExecutor pool;
    } catch (const cf::BrokenProcessPool& error) {
        say("refused: %s", error.what());
    }
}
void level(int argc, char** argv) {
    int provided = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    try {
        cf::mpi_main(argc, argv);
    } catch (const std::invalid_argument& error) {
        say("refused: %s", error.what());
    }
    MPI_Finalize();
}
void identity(int argc, char** argv) {
    try {
        cf::mpi_main(argc, argv);
    } catch (const cf::BrokenProcessPool& error) {
        say("refused: %s", error.what());
    }
}
void comm(int argc, char** argv) {
    int provided = 0, size = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    for (int root = 0; root < size; ++root)
        cf::mpi_comm_executor(MPI_COMM_WORLD, root, [&](cf::MPIPoolExecutor& pool) {
            int sum = 0;
            for (const int y : pool.map(square, std::vector{1, 2, 3})) sum += y;
            say("root %d of %d: %d", root, size, sum);
            cf::MPIPoolExecutor another({.max_workers = 1});
            say("another: %d", another.submit(square, 5).result());
        });
    MPI_Comm half = MPI_COMM_NULL;
    MPI_Comm_split(MPI_COMM_WORLD, rank() % 2, 0, &half);
    cf::mpi_comm_executor(half, 0, [&](cf::MPIPoolExecutor& pool) {
        say("half %d: %d", rank() % 2, pool.submit(square, 4).result());
    });
    MPI_Comm_free(&half);
    MPI_Finalize();
}
void comm_fails(int argc, char** argv) {
    int provided = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    try {
        cf::mpi_comm_executor(MPI_COMM_WORLD, 0, [](cf::MPIPoolExecutor& pool) {
            pool.submit(square, 3).result();
            throw std::runtime_error("the root has had enough");
        });
    } catch (const cf::BrokenExecutor& error) {
        say("rank other: %s", error.what());
    } catch (const std::runtime_error& error) {
        say("rank root: %s", error.what());
    }
    MPI_Finalize();
}
void dies(int argc, char** argv) {
    cf::mpi_main(argc, argv);
    cf::MPIPoolExecutor pool;
    pool.submit({.name = "the fatal one"}, die, 1).result();
}
void throws(int argc, char** argv) {
    cf::mpi_main(argc, argv);
    cf::MPIPoolExecutor pool;
    pool.submit(square, 1).result();
    throw std::runtime_error("leaves main");
}
void exits(int argc, char** argv) {
    cf::mpi_main(argc, argv);
    auto* const pool = new cf::MPIPoolExecutor;
    say("%d", pool->submit(square, 6).result());
    std::exit(7);
}
void finalizes(int argc, char** argv) {
    int provided = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    cf::mpi_main(argc, argv);
    cf::mpi_main(argc, argv);
    {
        cf::MPIPoolExecutor pool;
        say("%d", pool.submit(square, 7).result());
    }
    MPI_Finalize();
    try {
        cf::MPIPoolExecutor pool;
    } catch (const cf::BrokenProcessPool& error) {
        say("refused: %s", error.what());
    }
}
void processes(int argc, char** argv) {
    cf::mpi_main(argc, argv);
    cf::MPIPoolExecutor pool;
    const std::string two_ranks = std::string(argv[2]) + " -n 2 '" + argv[0] + "' child";
    say("%s", pool.submit(a_pool_of_processes, two_ranks).result().c_str());
}
void child(int argc, char** argv) {
    int provided = 0, size = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    say("child %d of %d", rank(), size);
    MPI_Finalize();
}
void threads(int argc, char** argv) {
    cf::mpi_main(argc, argv);
    cf::MPIPoolExecutor pool;
    say("root %zu, rank %zu", threads_of_rank(), pool.submit(threads_of_rank).result());
}

/// Ranks that the pool has started itself. Each sees the program's arguments.
void spawns(int argc, char** argv) {
    cf::mpi_main(argc, argv);
    try {
        cf::MPIPoolExecutor pool({.spawn = 2});
        int sum = 0;
        for (const int y : pool.map(square, std::vector{1, 2, 3})) sum += y;
        say("spawned %zu: %d", pool.max_workers(), sum);
        cf::MPIPoolExecutor more({.spawn = 1});
        say("one more: %d", more.submit(square, 5).result());
        cf::MPIPoolExecutor of_launcher;
        say("of the launcher: %d", of_launcher.submit(square, 6).result());
    } catch (const cf::BrokenProcessPool& error) {
        say("refused: %s", error.what());
    }
    say("the root goes on");
}
void spawns_and_exits(int argc, char** argv) {
    cf::mpi_main(argc, argv);
    auto* const pool = new cf::MPIPoolExecutor({.spawn = 1});
    say("%d", pool->submit(square, 6).result());
    std::exit(7);
}
/// SPMD without mpi_main: a new rank would run all of this.
void spawns_in_comm(int argc, char** argv) {
    int provided = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    cf::mpi_comm_executor(MPI_COMM_WORLD, 0, [&](cf::MPIPoolExecutor&) {
        try {
            cf::MPIPoolExecutor pool({.spawn = 1});
        } catch (const cf::BrokenProcessPool& error) {
            say("refused: %s", error.what());
        }
    });
    MPI_Finalize();
}

void wrong_root(int argc, char** argv) {
    int provided = 0, size = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    for (const int root : {-1, size}) {
        try {
            cf::mpi_comm_executor(MPI_COMM_WORLD, root, [](cf::MPIPoolExecutor&) { say("runs nevertheless"); });
        } catch (const std::invalid_argument& error) {
            say("refused: %s", error.what());
        }
    }
    cf::mpi_comm_executor(MPI_COMM_WORLD, 0, [](cf::MPIPoolExecutor& pool) { say("%d", pool.submit(square, 4).result()); });
    MPI_Finalize();
}
// Nobody can answer for a thread that has ended: the job ends, instead of waiting for ever.
void task_ends_thread(int argc, char** argv) {
    cf::mpi_main(argc, argv);
    cf::MPIPoolExecutor pool;
    pool.submit({.name = "the last one"}, end_thread, 1).result();
    say("the root goes on");
}
void initializer_ends_thread(int argc, char** argv) {
    cf::mpi_main(argc, argv);
    cf::MPIPoolExecutor pool({.initializer = cf::bind_task(end_thread_of_pool)});
    pool.submit(square, 1).result();
    say("the root goes on");
}
void worker_exit_ends_thread(int argc, char** argv) {
    cf::mpi_main(argc, argv);
    {
        cf::MPIPoolExecutor pool({.worker_exit = cf::bind_task(end_thread_of_pool)});
        say("%d", pool.submit(square, 5).result());
    }
    say("the root goes on");
}

/// Only MPI between root and ranks, as between nodes.
void start_without_shared_memory(int argc, char** argv) {
    ::setenv("CONCURRENT_FUTURES_MPI_SHARE_NODE", "0", 1);
    cf::mpi_main(argc, argv);
}
std::vector<char> many_bytes(int) { return std::vector<char>(8'000'000, 'x'); }
int spoil_answer(int n) {
    spoils_answer = true;
    return n;
}
/// The root's pools break while results of megabytes are on their way. MPI works: the ranks end, and the job.
void root_refuses_answer(int argc, char** argv) {
    start_without_shared_memory(argc, argv);
    cf::MPIPoolExecutor pool({.max_workers = 6});
    std::vector<cf::Future<std::vector<char>>> large;
    for (int n = 0; n < 12; ++n) large.push_back(pool.submit(many_bytes, n));
    for (int n = 0;; ++n) {
        try {
            pool.submit(spoil_answer, n).result();
        } catch (const cf::BrokenProcessPool& error) {
            return say("broken: %s", error.what());
        }
    }
}
/// The thread that runs callbacks cannot wait for the pool, from which results of megabytes come meanwhile.
void exits_in_callback(int argc, char** argv) {
    start_without_shared_memory(argc, argv);
    cf::MPIPoolExecutor pool({.max_workers = 6});
    const auto small = pool.submit(square, 6);
    std::vector<cf::Future<std::vector<char>>> large;
    for (int n = 0; n < 24; ++n) large.push_back(pool.submit(many_bytes, n));
    small.add_done_callback([](const cf::Future<int>& result) {
        say("%d", result.result());
        std::exit(7);
    });
    for (;;) ::pause();
}
/// As root_refuses_answer(), when MPI itself fails at the root: nobody can tell the ranks to end.
void root_loses_mpi(int argc, char** argv) {
    start_without_shared_memory(argc, argv);
    cf::MPIPoolExecutor pool;
    pool.submit(square, 2).result();
    mpi_fails = true;
    try {
        pool.submit(square, 3).result();
    } catch (const cf::BrokenProcessPool& error) {
        say("broken: %s", error.what());
    }
}

struct Case {
    std::string_view name;
    void (*run)(int, char**);
};
constexpr std::array cases{Case{"forgotten", forgotten}, Case{"level", level},         Case{"identity", identity},
                           Case{"comm", comm},           Case{"comm_fails", comm_fails}, Case{"dies", dies},
                           Case{"throws", throws},       Case{"exits", exits},         Case{"finalizes", finalizes},
                           Case{"processes", processes}, Case{"child", child},         Case{"threads", threads},
                           Case{"spawns", spawns},       Case{"spawns_and_exits", spawns_and_exits},
                           Case{"spawns_in_comm", spawns_in_comm}, Case{"wrong_root", wrong_root},
                           Case{"task_ends_thread", task_ends_thread},
                           Case{"initializer_ends_thread", initializer_ends_thread},
                           Case{"worker_exit_ends_thread", worker_exit_ends_thread},
                           Case{"root_refuses_answer", root_refuses_answer}, Case{"root_loses_mpi", root_loses_mpi},
                           Case{"exits_in_callback", exits_in_callback}};

}  // namespace

// MPI lets a program have these functions itself.
extern "C" int MPI_Isend(const void* buffer, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm,
                         MPI_Request* request) {
    using Header = cf::detail::FrameHeader;
    constexpr int of_batches = 1;
    if (tag != of_batches || static_cast<std::size_t>(count) < sizeof(Header) || !spoils_answer.exchange(false))
        return PMPI_Isend(buffer, count, type, to, tag, comm, request);
    const auto* const bytes = static_cast<const char*>(buffer);
    static std::deque<std::vector<char>> kept;  // only one thread at a time sends
    std::vector<char>& spoiled = kept.emplace_back(bytes, bytes + count);
    Header header;
    std::memcpy(&header, spoiled.data(), sizeof header);
    header.type = cf::detail::FrameType::result;
    header.task = 4711;
    header.check = header.computed_check();
    std::memcpy(spoiled.data(), &header, sizeof header);
    return PMPI_Isend(spoiled.data(), count, type, to, tag, comm, request);
}
extern "C" int MPI_Improbe(int from, int tag, MPI_Comm comm, int* found, MPI_Message* message, MPI_Status* status) {
    return mpi_fails.exchange(false) ? MPI_ERR_OTHER : PMPI_Improbe(from, tag, comm, found, message, status);
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    for (const Case& each : cases)
        if (argc > 1 && each.name == argv[1]) {
            each.run(argc, argv);
            return 0;
        }
    std::puts("which case?");
    return 2;
}
