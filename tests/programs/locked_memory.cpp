// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^(threads|spawn|fork): right, grew by [0-9]+ MiB$
// expect-no-output: ^wrong
//
// A real-time program locks all memory it has and will get: mlockall(MCL_CURRENT | MCL_FUTURE). A pool that is made
// then takes stacks for its threads, not the address space that it reserves for arguments and results, which is as
// large as the machine's memory. Each pool is made in a process of its own, which may have 1 GiB of address space
// more, so a mistake cannot take more than that. Left out, with the reason, where memory cannot be locked.
#include <concurrent/futures.hpp>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "support/deadline.hpp"

namespace cf = concurrent::futures;

static constexpr rlim_t may_be_taken = rlim_t{1} << 30;
static constexpr long bound = 160;  // MiB: the stacks of a pool's threads are 8 MiB each
static constexpr int left_out = 77;

static int square(int n) { return n * n; }

static long mebibytes(const std::string& key) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(key + ":")) return std::stol(line.substr(key.size() + 1)) / 1024;
    return -1;
}
static int threads() {
    cf::ThreadPoolExecutor pool({.max_workers = 2});
    return pool.submit(square, 12).result();
}
template <cf::StartMethod method>
int processes() {
    cf::ProcessPoolExecutor pool({.max_workers = 2, .start_method = method});
    return pool.submit(square, 12).result();
}

/// The exit code of the process.
static int run(const char* name, int (*use_pool)()) {
    const rlim_t most = (static_cast<rlim_t>(mebibytes("VmSize")) << 20) + may_be_taken;
    const rlimit limit{most, most};
    if (::setrlimit(RLIMIT_AS, &limit) != 0 || ::mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
        std::printf("%s: left out: memory cannot be locked here: %s\n", name, std::strerror(errno));
        return left_out;
    }
    const long before = mebibytes("VmRSS");
    long after = 0;
    {
        const int answer = use_pool();
        if (answer != 144) std::printf("wrong: %s: the answer is %d\n", name, answer);
        after = mebibytes("VmHWM");  // the most that was resident
    }
    const bool right = before >= 0 && after - before < bound;
    std::printf("%s: %s, grew by %ld MiB\n", right ? name : "wrong", right ? "right" : name, after - before);
    return right ? 0 : 1;
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    std::setvbuf(stdout, nullptr, _IONBF, 0);
    if (support::sanitized) {
        std::printf("skipped: the memory that a sanitizer reserves cannot be locked\n");
        return left_out;
    }
    const struct {
        const char* name;
        int (*use_pool)();
    } pools[]{{"threads", threads},
              {"spawn", processes<cf::StartMethod::spawn>},
              {"fork", processes<cf::StartMethod::fork>}};
    int wrong = 0;
    int left = 0;
    for (const auto& [name, use_pool] : pools) {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(run(name, use_pool));
        int status = 0;
        ::waitpid(child, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == left_out) {
            ++left;
        } else if (status != 0) {
            std::printf("wrong: %s ended with status %d\n", name, status);
            ++wrong;
        }
    }
    if (left == 3) std::printf("skipped: memory cannot be locked here\n");
    return left == 3 ? left_out : wrong;
}
