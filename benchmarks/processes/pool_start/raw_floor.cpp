// SPDX-License-Identifier: MIT
//
// What no pool can do without. fork: a child that stays as it was, to fork workers later, and a child of it,
// which sends a byte. spawn: posix_spawn() of this program, which sends a byte before main(). Their ends are not
// included.
#include <fcntl.h>
#include <spawn.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "processes/pool_start/workload.hpp"
#include "support/forked_child.hpp"

using namespace benchmarks;

static constexpr const char* order = "BENCHMARK_SENDS_A_BYTE";

/// The spawned copy gets no further.
static const struct SendsByte {
    SendsByte() {
        if (!std::getenv(order)) return;
        ::_exit(write_all(STDIN_FILENO, "r", 1) ? 0 : 1);
    }
} sends_byte;

static void receive_byte(int fd) {
    char byte = 0;
    require("read", read_all(fd, &byte, 1));
}

static void start_by_fork(benchmark::State& state) {
    time_start(
        state,
        [] {
            return std::make_unique<ForkedChild>([](int input, int output) {
                ForkedChild worker([=](int, int) { require("write", write_all(output, "r", 1)); });
                char byte = 0;
                read_all(input, &byte, 1);  // until the pool is over
            });
        },
        [](const auto& child, int n) {
            receive_byte(child->output());
            return call(n);
        });
}

class SpawnedChild {
  public:
    SpawnedChild() {
        int ends[2];
        require("pipe", ::pipe2(ends, O_CLOEXEC) == 0);
        output_ = Descriptor(ends[0]);
        const Descriptor theirs(ends[1]);
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDIN_FILENO);
        std::string name = "copy";
        std::string variable = std::string(order) + "=1";
        char* arguments[] = {name.data(), nullptr};
        char* environment[] = {variable.data(), nullptr};
        require("posix_spawn",
                ::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, arguments, environment) == 0);
        ::posix_spawn_file_actions_destroy(&actions);
    }
    SpawnedChild(const SpawnedChild&) = delete;
    ~SpawnedChild() { require("waitpid", ::waitpid(pid_, nullptr, 0) > 0); }
    int output() const { return output_.get(); }

  private:
    pid_t pid_ = -1;
    Descriptor output_;
};

static void start_by_spawn(benchmark::State& state) {
    time_start(
        state, [] { return std::make_unique<SpawnedChild>(); },
        [](const auto& child, int n) {
            receive_byte(child->output());
            return call(n);
        });
}
static void fork_from_large(benchmark::State& state) {
    be_large();
    start_by_fork(state);
}
static void spawn_from_large(benchmark::State& state) {
    be_large();
    start_by_spawn(state);
}
BENCHMARK(start_by_fork)->Name(title_fork)->UseRealTime();
BENCHMARK(start_by_spawn)->Name(title_spawn)->UseRealTime();
BENCHMARK(fork_from_large)->Name(title_fork_from_large)->UseRealTime();
BENCHMARK(spawn_from_large)->Name(title_spawn_from_large)->UseRealTime();
