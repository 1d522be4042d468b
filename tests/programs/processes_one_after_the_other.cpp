// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^spawn: 60 processes, 0 wrong, 0 descriptors more$
// expect-output: ^fork: 60 processes, 0 wrong, 0 descriptors more$
// expect-output: ^1 MiB through a channel: whole$
// expect-output: unhandled exception in process [0-9]+ "thrower": std::runtime_error: no such shard$
// arguments: 60 1
//
// Processes one after the other, each with a channel; then one large value. Arguments: how many, and MiB.
// The long form: scripts/long_tests.sh processes
#include <concurrent/futures/process.hpp>
#include <dirent.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace cf = concurrent::futures;

static void answer(int n, cf::Sender<int> sender) {
    sender.send(n);
    if (n % 3 == 1) ::_exit(n % 100);
}
static void send_large(std::size_t size, cf::Sender<std::vector<char>> sender) {
    sender.send(std::vector<char>(size, 'x'));
}
static void throw_error() { throw std::runtime_error("no such shard"); }

static int open_descriptors() {
    int count = 0;
    DIR* const folder = ::opendir("/proc/self/fd");
    while (folder && ::readdir(folder)) ++count;
    if (folder) ::closedir(folder);
    return count;
}

static int run(const char* name, cf::StartMethod method, int number) {
    int wrong = 0;
    const int before = open_descriptors();
    for (int n = 0; n < number; ++n) {
        auto [sender, receiver] = cf::make_channel<int>();
        cf::Process process({.start_method = method}, answer, n, std::move(sender));
        wrong += receiver.receive() != n || receiver.receive().has_value();
        process.join();
        wrong += process.exit_code() != (n % 3 == 1 ? n % 100 : 0);
    }
    std::printf("%s: %d processes, %d wrong, %d descriptors more\n", name, number, wrong, open_descriptors() - before);
    return wrong;
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    const int number = argc > 1 ? std::atoi(argv[1]) : 60;
    const std::size_t mebibytes = argc > 2 ? static_cast<std::size_t>(std::atoi(argv[2])) : 1;
    int wrong = run("fork", cf::StartMethod::fork, number) + run("spawn", cf::StartMethod::spawn, number);

    auto [sender, receiver] = cf::make_channel<std::vector<char>>();
    cf::Process large(send_large, mebibytes << 20, std::move(sender));
    const auto received = receiver.receive();
    const bool whole = received && received->size() == mebibytes << 20 &&
                       *received == std::vector<char>(received->size(), 'x');
    std::printf("%zu MiB through a channel: %s\n", mebibytes, whole ? "whole" : "not whole");

    cf::Process throwing({.name = "thrower"}, throw_error);
    throwing.join();
    wrong += throwing.exit_code() != 1;
    return wrong == 0 && whole ? EXIT_SUCCESS : EXIT_FAILURE;
}
