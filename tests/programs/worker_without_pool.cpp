// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^orphan: 1$
// expect-output: ^stranger: 42$
//
// A worker whose pool has died before it came to process_main must not go on as a second copy of the
// program. An order that was meant for another process does not make a worker of this one.
#include <concurrent/futures/process_main.hpp>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

namespace cf = concurrent::futures;

static int run_with_order(const std::string& order) {
    std::string variable = std::string(cf::detail::worker_variable) + "=" + order;
    std::string name = "copy";
    std::string word = "again";
    std::vector<char*> arguments{name.data(), word.data(), nullptr};
    std::vector<char*> environment{variable.data(), nullptr};
    pid_t pid = -1;
    if (::posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, arguments.data(),
                      environment.data()) != 0)
        return -1;
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    if (argc > 1) return 42;  // the copy, as a program
    const pid_t ended = ::fork();
    if (ended == 0) ::_exit(0);
    ::waitpid(ended, nullptr, 0);
    std::printf("orphan: %d\n", run_with_order(std::to_string(ended) + ":1"));
    // It exists and is not the parent of the copy.
    std::printf("stranger: %d\n", run_with_order(std::to_string(::getppid()) + ":1"));
}
