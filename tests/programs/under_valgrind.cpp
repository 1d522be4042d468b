// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^(fork: 2470, 300001 elements|skipped: .*)$
// expect-output: ^(spawn: 2470, 300001 elements|skipped: .*)$
// expect-no-output: Invalid|uninitialised|lost
// timeout-seconds: 400
//
// Process pools work under memcheck with its search for leaks, without false reports and without gigabytes of memory.
#include <sys/resource.h>
#include <unistd.h>

#include <concurrent/futures.hpp>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

namespace cf = concurrent::futures;

namespace {

int square(int n) { return n * n; }
std::vector<int> grow(std::vector<int> numbers) {
    numbers.push_back(1);
    return numbers;
}

void try_pool(const char* name, cf::StartMethod method) {
    cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = method});
    std::vector<int> numbers(20);
    std::iota(numbers.begin(), numbers.end(), 0);
    int sum = 0;
    for (const int n : pool.map(square, numbers)) sum += n;
    const auto large = pool.submit(grow, std::vector<int>(300'000, 1));
    std::printf("%s: %d, %zu elements\n", name, sum, large.result().size());
    std::fflush(stdout);
}

[[maybe_unused]] int start_valgrind() {
    std::string self(4096, '\0');
    const ssize_t size = ::readlink("/proc/self/exe", self.data(), self.size());
    self.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    const rlim_t bytes = rlim_t{8000} * 1'000'000;
    const rlimit memory{bytes, bytes};
    ::setrlimit(RLIMIT_AS, &memory);
    ::execlp("valgrind", "valgrind", "-q", "--error-exitcode=9", "--leak-check=full", "--child-silent-after-fork=yes",
             self.c_str(), "under valgrind", static_cast<char*>(nullptr));
    std::printf("skipped: valgrind is not installed\n");
    return 77;
}

}  // namespace

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    if (argc < 2 || std::strcmp(argv[1], "under valgrind") != 0) {
#if CONCURRENT_FUTURES_SANITIZED || CONCURRENT_FUTURES_TSAN || !defined(__x86_64__)
        std::printf("skipped: valgrind does not run this build\n");
        return 77;
#else
        return start_valgrind();
#endif
    }
    try_pool("fork", cf::StartMethod::fork);
    try_pool("spawn", cf::StartMethod::spawn);
    return 0;
}
