// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^orphan: 1$
// expect-output: ^orphan of a pool that was not waited for: 1$
// expect-output: ^stranger: 42$
// expect-output: ^child of its parent, without a socket: 42$
// expect-output: ^(of another user: 1|of another user: skipped, this is not root)$
//
// A worker whose pool has died before it came to process_main must not go on as a second copy of the
// program, whether that pool's process was waited for or not. An order that was meant for another process does not
// make a worker of this one, nor does an order without proof, or from another user.
#include <concurrent/futures/process_main.hpp>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace cf = concurrent::futures;

/// The copy waits for the end of this pipe before it calls process_main().
static constexpr int gate = cf::detail::proving_descriptor + 1;

static pid_t start_with_order(const std::string& order) {
    std::string variable = std::string(cf::detail::worker_variable) + "=" + order;
    std::string name = "copy";
    std::string word = "again";
    std::vector<char*> arguments{name.data(), word.data(), nullptr};
    std::vector<char*> environment{variable.data(), nullptr};
    pid_t pid = -1;
    const int error = ::posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, arguments.data(), environment.data());
    return error == 0 ? pid : -1;
}
static int exit_code_of(pid_t pid) {
    int status = 0;
    if (::waitpid(pid, &status, 0) != pid) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
static int run_with_order(const std::string& order) { return exit_code_of(start_with_order(order)); }
static std::string order_of(pid_t pid) { return std::to_string(pid) + ":1:0"; }

/// Where a worker looks for the proof of its order.
static void place_socket_of_this_process() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) std::exit(2);
    ::dup2(ends[0], cf::detail::proving_descriptor);
}

/// The process that gives the order ends, and is not waited for, while the worker has not come to process_main().
static int run_as_orphan_of_unreaped() {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    int ends[2];
    int news[2];
    if (::pipe(ends) != 0 || ::pipe(news) != 0) std::exit(2);
    const pid_t pool = ::fork();
    if (pool == 0) {
        ::dup2(ends[0], gate);
        ::close(ends[0]);
        ::close(ends[1]);
        place_socket_of_this_process();
        const pid_t worker = start_with_order(order_of(::getpid()));
        ::_exit(::write(news[1], &worker, sizeof worker) == sizeof worker ? 0 : 2);
    }
    pid_t worker = -1;
    if (::read(news[0], &worker, sizeof worker) != sizeof worker) std::exit(2);
    siginfo_t ended{};
    ::waitid(P_PID, static_cast<id_t>(pool), &ended, WEXITED | WNOWAIT);
    ::close(ends[1]);  // the worker goes on
    const int code = exit_code_of(worker);
    ::waitpid(pool, nullptr, 0);
    return code;
}

static int run_as_another_user() {
    place_socket_of_this_process();
    const pid_t child = ::fork();
    if (child == 0) {
        constexpr uid_t nobody = 65534;  // the socket is root's, the copy is not
        if (::setresgid(nobody, nobody, nobody) != 0 || ::setresuid(nobody, nobody, nobody) != 0) ::_exit(2);
        ::setenv(cf::detail::worker_variable, order_of(::getppid()).c_str(), 1);
        ::execl("/proc/self/exe", "copy", "again", nullptr);
        ::_exit(2);
    }
    return exit_code_of(child);
}

int main(int argc, char** argv) {
    if (argc > 1) {
        char nothing;
        while (::read(gate, &nothing, 1) > 0) {
        }
    }
    cf::process_main(argc, argv);
    if (argc > 1) return 42;  // the copy, as a program
    const pid_t ended = ::fork();
    if (ended == 0) ::_exit(0);
    ::waitpid(ended, nullptr, 0);
    std::printf("orphan: %d\n", run_with_order(std::to_string(ended) + ":1"));
    // It exists and is not the parent of the copy.
    std::printf("stranger: %d\n", run_with_order(std::to_string(::getppid()) + ":1"));
    std::printf("child of its parent, without a socket: %d\n", run_with_order(order_of(::getpid())));
    std::printf("orphan of a pool that was not waited for: %d\n", run_as_orphan_of_unreaped());
    if (::geteuid() == 0)
        std::printf("of another user: %d\n", run_as_another_user());
    else
        std::puts("of another user: skipped, this is not root");
}
