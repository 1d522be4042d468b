// SPDX-License-Identifier: MIT
//
// What a process pool leaves alone in the process that has it, and what becomes of it in a forked one.
#include <concurrent/futures/process_pool_executor.hpp>
#include <dirent.h>
#include <fcntl.h>
#include <concurrent/futures/worker_limits.hpp>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "concurrent/futures/process_pool.hpp"
#include "support/processes.hpp"

namespace process_pools {
namespace {

std::map<int, std::string> own_descriptors() {
    std::map<int, std::string> found;
    DIR* const folder = ::opendir("/proc/self/fd");
    while (const dirent* const entry = ::readdir(folder)) {
        const int fd = std::atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd == ::dirfd(folder)) continue;
        std::array<char, 256> target{};
        const std::string path = "/proc/self/fd/" + std::string(entry->d_name);
        if (::readlink(path.c_str(), target.data(), target.size() - 1) > 0)
            found.emplace(fd, target.data());
    }
    ::closedir(folder);
    return found;
}

std::vector<std::string> environment() {
    std::vector<std::string> variables;
    for (char** variable = environ; *variable; ++variable) variables.emplace_back(*variable);
    return variables;
}

/// Handler and flags of every signal, and which are blocked.
std::vector<std::string> signals() {
    std::vector<std::string> found;
    sigset_t blocked;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    for (int number = 1; number < NSIG; ++number) {
        struct sigaction now {};
        if (::sigaction(number, nullptr, &now) != 0) continue;
        std::array<char, 64> text{};
        std::snprintf(text.data(), text.size(), "%d %p %x %d", number,
                      reinterpret_cast<void*>(now.sa_handler), static_cast<unsigned>(now.sa_flags),
                      sigismember(&blocked, number));
        found.emplace_back(text.data());
    }
    return found;
}

/// What this process may use, and how files it makes are protected.
std::vector<std::string> limits() {
    std::vector<std::string> found;
    for (int resource = 0; resource < RLIMIT_NLIMITS; ++resource) {
        rlimit now{};
        if (::getrlimit(static_cast<__rlimit_resource>(resource), &now) == 0)
            found.push_back(std::to_string(resource) + ": " + std::to_string(now.rlim_cur) + " of " +
                            std::to_string(now.rlim_max));
    }
    const mode_t mask = ::umask(0);
    ::umask(mask);
    found.push_back("umask " + std::to_string(mask));
    found.push_back("niceness " + std::to_string(::getpriority(PRIO_PROCESS, 0)));
    found.push_back("dumpable " + std::to_string(::prctl(PR_GET_DUMPABLE)));
    cpu_set_t processors;
    ::sched_getaffinity(0, sizeof processors, &processors);
    for (std::size_t i = 0; i < CPU_SETSIZE; ++i)
        if (CPU_ISSET(i, &processors)) found.push_back("processor " + std::to_string(i));
    stack_t stack{};
    ::sigaltstack(nullptr, &stack);
    found.push_back("signal stack " + std::to_string(reinterpret_cast<std::uintptr_t>(stack.ss_sp)));
    return found;
}

PROCESS_CASE("signal handlers, signal mask, limits, environment and directory stay as they were") {
    const auto signals_before = signals();
    const auto limits_before = limits();
    const auto terminate_before = std::get_terminate();
    const auto environment_before = environment();
    std::array<char, 4096> directory{};
    REQUIRE(::getcwd(directory.data(), directory.size()));
    {
        cf::ProcessPoolExecutor pool(TestType::with(
            {.max_workers = 2,
             .initializer = cf::bind_task(cf::WorkerLimits{.cpu_time = 60s, .niceness = 19}),
             .max_memory_bytes = support::sanitized ? 0 : std::size_t{1} << 30}));
        CHECK(signals() == signals_before);
        BusyWorker busy(pool);
        pool.submit(square, 2).result();
        CHECK(signals() == signals_before);
        CHECK(environment() == environment_before);
        ::kill(busy.pid(), SIGKILL);
        busy.call().wait();
    }
    CHECK(signals() == signals_before);
    CHECK(environment() == environment_before);
    CHECK(limits() == limits_before);
    CHECK(std::get_terminate() == terminate_before);
    std::array<char, 4096> after{};
    REQUIRE(::getcwd(after.data(), after.size()));
    CHECK(std::string(after.data()) == directory.data());
}

PROCESS_CASE("every descriptor of a pool is closed in programs that this one starts") {
    const auto before = own_descriptors();
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    BusyWorker one(pool);
    BusyWorker two(pool);
    std::size_t of_the_pool = 0;
    for (const auto& [fd, target] : own_descriptors()) {
        if (before.contains(fd)) continue;
        ++of_the_pool;
        INFO("descriptor " << fd << ": " << target);
        CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        CHECK(fd > 2);
    }
    CHECK(of_the_pool >= 7);  // two pipes and a pidfd for each worker, something to wake up by
}

// A forked one has those of the program as well, as every fork has.
TEST_CASE("a spawned worker has only the descriptors it needs", "[process_pool]") {
    cf::ProcessPoolExecutor pool(Spawn::with({.max_workers = 2}));
    BusyWorker busy(pool);
    const auto count = [] { return own_descriptors().size(); };
    CHECK(pool.submit(count).result() <= 3 + 2 + 1 + 1 + 1);  // streams, two pipes, /dev/null, large results, shared memory
}

PROCESS_CASE("fifty pools, one after the other, leave no descriptor open") {
    const auto before = own_descriptors();
    for (int i = 0; i < (support::sanitized ? 15 : 50); ++i) {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
        const auto one = pool.submit(square, i);
        const auto two = pool.submit(square, i + 1);
        CHECK(one.result() + two.result() == i * i + (i + 1) * (i + 1));
    }
    CHECK(own_descriptors() == before);
}

std::vector<std::string> names_of_shared_memory() {
    std::vector<std::string> names;
    std::error_code none;  // where there is no such folder there are no names
    for (const auto& entry : std::filesystem::directory_iterator("/dev/shm", none))
        if (entry.path().filename().string().starts_with("cf") ||
            entry.path().filename().string().find("concurrent") != std::string::npos)
            names.push_back(entry.path());
    return names;
}

/// Pools of other programs may give a name for a moment, where there is no memfd_create().
bool has_no_name_of_shared_memory() {
    return support::eventually([] { return names_of_shared_memory().empty(); });
}
PROCESS_CASE("nothing that a pool makes has a name that could be left behind") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    const std::vector<double> large(1 << 18, 1.0);
    CHECK(pool.submit([](const std::vector<double>& values) { return values; }, large).result() == large);
    BusyWorker busy(pool);
    CHECK(has_no_name_of_shared_memory());
    ::kill(busy.pid(), SIGKILL);
    busy.call().wait();
    CHECK(has_no_name_of_shared_memory());
}

PROCESS_CASE("several pools at once do not disturb each other") {
    std::vector<std::unique_ptr<cf::ProcessPoolExecutor>> pools;
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 5; ++i) {
        pools.push_back(
            std::make_unique<cf::ProcessPoolExecutor>(TestType::with({.max_workers = 1})));
        futures.push_back(pools.back()->submit(square, i));
    }
    // In the order of making, the opposite of what a stack would do.
    for (auto& pool : pools) pool.reset();
    for (int i = 0; i < 5; ++i) CHECK(futures[static_cast<std::size_t>(i)].result() == i * i);
}

// ---- workers ----

std::string read_input() {
    std::string text(10, '\0');
    const ssize_t size = ::read(STDIN_FILENO, text.data(), text.size());
    return std::to_string(size);
}
std::string disposition_of(int signal) {
    struct sigaction now {};
    ::sigaction(signal, nullptr, &now);
    return now.sa_handler == SIG_IGN ? "ignored" : now.sa_handler == SIG_DFL ? "default" : "handler";
}
bool has_order() { return std::getenv("CONCURRENT_FUTURES_WORKER") != nullptr; }
bool blocks_anything() {
    sigset_t blocked;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    for (int number = 1; number < NSIG; ++number)
        if (sigismember(&blocked, number) == 1) return true;
    return false;
}

PROCESS_CASE("a worker ignores Ctrl-C, withstands signals to all, blocks none, has no input and no trace in the "
             "environment") {
    sigset_t user;
    sigset_t before;
    ::sigemptyset(&user);
    ::sigaddset(&user, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &user, &before);
    const auto handler_before = ::signal(SIGUSR2, [](int) {});
    {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
        CHECK(pool.submit(disposition_of, SIGINT).result() == "ignored");
        CHECK(pool.submit(disposition_of, SIGTERM).result() == "handler");
        CHECK(pool.submit(disposition_of, SIGUSR2).result() == "handler");
        CHECK(pool.submit(disposition_of, SIGALRM).result() == "default");
        CHECK(pool.submit(disposition_of, SIGCHLD).result() == "default");
        CHECK(!pool.submit(blocks_anything).result());
        CHECK(pool.submit(read_input).result() == "0");
        CHECK(!pool.submit(has_order).result());
    }
    ::signal(SIGUSR2, handler_before);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

PROCESS_CASE("what the program ignores its workers ignore, but SIGTERM, by which the pool ends them") {
    const auto hangup = ::signal(SIGHUP, SIG_IGN);
    const auto term = ::signal(SIGTERM, SIG_IGN);
    const auto pipe = ::signal(SIGPIPE, SIG_IGN);
    {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
        CHECK(pool.submit(disposition_of, SIGHUP).result() == "ignored");
        CHECK(pool.submit(disposition_of, SIGPIPE).result() == "ignored");
        CHECK(pool.submit(disposition_of, SIGTERM).result() == "handler");
        BusyWorker busy(pool);
        pool.terminate_workers();
        CHECK(error_of<cf::WorkerDiedError>(busy.call()).signal() == SIGTERM);
    }
    ::signal(SIGHUP, hangup);
    ::signal(SIGTERM, term);
    ::signal(SIGPIPE, pipe);
}

PROCESS_CASE("signals that are sent to all processes of a program end neither workers nor the template") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    const int parent = pool.submit(::getppid).result();
    BusyWorker busy(pool);
    for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGRTMIN, SIGRTMAX}) {
        for (const int pid : pool.worker_pids()) CHECK(::kill(pid, signal) == 0);
        if (parent != ::getpid()) CHECK(::kill(parent, signal) == 0);
    }
    busy.open();
    CHECK(busy.call().result() == busy.pid());
    CHECK(pool.stats().worker_restarts == 0);
    CHECK(pool.submit(::getppid).result() == parent);
}

/// How a process that a task has forked ends by SIGTERM.
int signal_that_ends_a_child() {
    const pid_t child = ::fork();
    if (child == 0)
        for (;;) ::pause();
    ::kill(child, SIGTERM);
    int status = 0;
    support::wait_for_end(child, &status);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

PROCESS_CASE("a process that a task forks ends by SIGTERM as any other") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    CHECK(pool.submit(signal_that_ends_a_child).result() == SIGTERM);
}

std::string variable(const std::string& name) {
    const char* const value = std::getenv(name.c_str());
    return value ? value : "not set";
}

PROCESS_CASE("workers have the environment of when the pool was made, also those that start later") {
    ::setenv("CF_TEST_VARIABLE", "before", 1);
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .max_tasks_per_child = 1}));
    ::setenv("CF_TEST_VARIABLE", "after", 1);
    CHECK(pool.submit(variable, "CF_TEST_VARIABLE").result() == "before");
    // Workers start while the environment changes: the manager thread reads its copy.
    for (int round = 0; round < 20; ++round) {
        const auto call = pool.submit(variable, "CF_TEST_VARIABLE");
        for (int i = 0; i < 300; ++i) ::setenv(("CF_TEST_" + std::to_string(i)).c_str(), "x", 1);
        for (int i = 0; i < 300; ++i) ::unsetenv(("CF_TEST_" + std::to_string(i)).c_str());
        CHECK(call.result() == "before");
    }
    ::unsetenv("CF_TEST_VARIABLE");
}

// ---- pools in workers ----

int sum_in_a_pool(int end, cf::StartMethod method) {
    cf::ProcessPoolExecutor pool({.max_workers = 2, .start_method = method});
    int sum = 0;
    for (const int n : pool.map({.chunksize = 1}, square, numbers_below(end))) sum += n;
    return sum;
}
int depth_reached(int limit) {
    try {
        cf::ProcessPoolExecutor pool(1);
        return limit == 0 ? 1 : 1 + pool.submit(depth_reached, limit - 1).result();
    } catch (const cf::BrokenProcessPool&) {
        return 0;
    }
}

PROCESS_CASE("a call may have a pool of its own") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    // With other pools in this process, which are none of the worker's business.
    const cf::ProcessPoolExecutor other(TestType::with({.max_workers = 1}));
    cf::ProcessPoolExecutor last(TestType::with({.max_workers = 2}));
    const auto one = last.submit(sum_in_a_pool, 5, cf::StartMethod::automatic);
    const auto two = last.submit(sum_in_a_pool, 4, TestType::method);
    CHECK(one.result() == 30);
    CHECK(two.result() == 14);
}

int stay_in_a_pool(const std::string& log, const std::string& gate) {
    cf::ProcessPoolExecutor pool(1);
    return pool.submit(stay, log, gate).result();
}

PROCESS_CASE("a worker that is killed takes the workers of its own pools along") {
    support::ProcessLog log;
    const support::ProcessGate gate;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto call = pool.submit(stay_in_a_pool, log.path(), gate.path());
    log.wait_for(1);
    const pid_t inner = std::stoi(log.lines().front());
    REQUIRE(knows_workers(pool, 1));
    REQUIRE(::kill(pool.worker_pids().front(), SIGKILL) == 0);
    CHECK(error_of<cf::WorkerDiedError>(call).signal() == SIGKILL);
    CHECK(support::eventually([=] { return ::kill(inner, 0) != 0; }));
}

PROCESS_CASE("pools in workers of pools end at a depth") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const int reached = pool.submit(depth_reached, 50).result(support::deadline(40s));
    CHECK(reached >= 5);
    CHECK(reached < 50);
}

std::string pool_of(std::size_t workers) {
    try {
        const cf::ProcessPoolExecutor pool(workers);
        return std::to_string(pool.max_workers());
    } catch (const cf::BrokenProcessPool& error) {
        return error.what();
    }
}

PROCESS_CASE("pools in workers have room for so many processes in all, and say so when there is no more") {
    const std::size_t limit = cf::detail::process_tree_limit(cf::available_parallelism());
    const std::size_t workers = std::min<std::size_t>(limit / 4, 4096);
    const std::size_t each = (limit - workers) / workers;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = workers}));
    CHECK(pool.submit(pool_of, each).result() == std::to_string(each));
    CHECK(pool.submit(pool_of, each).result() == std::to_string(each));  // the first one is gone
    CHECK_THAT(pool.submit(pool_of, each + 1).result(),
               ContainsSubstring("may have " + std::to_string(each) + " more processes below itself") &&
                   ContainsSubstring("this pool asks for " + std::to_string(each + 1)) &&
                   ContainsSubstring("there may be " + std::to_string(limit) + " in all") &&
                   ContainsSubstring("fewer max_workers"));
    CHECK(pool.submit(pool_of, std::size_t{0}).result() ==
          std::to_string(std::min(each, cf::available_parallelism())));
}

// ---- forks of the program's own ----

/// Runs `call` in a fork of this process and gives its exit code.
template <class Call>
int in_fork(Call call) {
    const pid_t child = ::fork();
    if (child == 0) {
        int code = 99;
        try {
            code = call();
        } catch (...) {
        }
        ::_exit(code);
    }
    int status = 0;
    support::wait_for_end(child, &status);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#if !CONCURRENT_FUTURES_TSAN  // it does not follow a fork of a process with threads

PROCESS_CASE("in a fork of the program the pool refuses work, and its destructor does no harm") {
    auto pool = std::make_unique<cf::ProcessPoolExecutor>(TestType::with({.max_workers = 1}));
    BusyWorker busy(*pool);
    const auto waiting = pool->submit(square, 3);
    const int code = in_fork([&] {
        int failures = 0;
        try {
            pool->submit(square, 1);
            failures |= 1;
        } catch (const cf::BrokenProcessPool& error) {
            if (std::string(error.what()).find("fork") == std::string::npos) failures |= 2;
        }
        try {
            pool->post(square, 1);
            failures |= 4;
        } catch (const cf::BrokenProcessPool&) {
        }
        if (waiting.cancel()) failures |= 8;
        pool->kill_workers();
        if (!pool->worker_pids().empty()) failures |= 16;
        pool->shutdown();
        pool.reset();
        return failures;
    });
    CHECK(code == 0);
    CHECK(::kill(busy.pid(), 0) == 0);
    busy.open();
    CHECK(busy.call().result() == busy.pid());
    CHECK(waiting.result() == 9);
    CHECK(pool->submit(square, 4).result() == 16);
}

PROCESS_CASE("a fork of the program can make a pool of its own") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    CHECK(pool.submit(square, 2).result() == 4);
    const int code = in_fork([] {
        cf::ProcessPoolExecutor own(TestType::with({.max_workers = 1}));
        return own.submit(square, 6).result();
    });
    CHECK(code == 36);
    CHECK(pool.submit(square, 3).result() == 9);
}

PROCESS_CASE("a fork of the program that lives on does not keep the pool's workers alive") {
    support::ProcessGate gate;
    auto pool = std::make_unique<cf::ProcessPoolExecutor>(TestType::with({.max_workers = 1}));
    CHECK(pool->submit(square, 2).result() == 4);
    const pid_t child = ::fork();  // has all descriptors of the pool
    if (child == 0) {
        support::wait_at_gate(gate.path());
        ::_exit(0);
    }
    pool->shutdown_for(support::deadline(20s));
    pool.reset();
    gate.open();
    int status = 0;
    CHECK(support::wait_for_end(child, &status) == child);
}

#endif

}  // namespace
}  // namespace process_pools
