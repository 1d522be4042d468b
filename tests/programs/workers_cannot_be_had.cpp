// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^(threads: ThreadPoolExecutor::start_workers: [1-7] of 8 workers could be started|skipped: .*)
// expect-output: ^(processes: ProcessPoolExecutor::start_workers: [1-7] of 8 workers could be started|skipped: .*)
// expect-output: ^(both pools go on: 9 9, broken: 0 0|skipped: .*)
//
// start_workers() where the system gives too little address space for the threads, or too few descriptors for the
// processes: it says how many there are, and the pools work with these.
#include <concurrent/futures.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace cf = concurrent::futures;

namespace {

int square(int n) { return n * n; }

std::size_t address_space() {
    unsigned long pages = 0;
    std::FILE* const file = std::fopen("/proc/self/statm", "r");
    if (file == nullptr || std::fscanf(file, "%lu", &pages) != 1) std::abort();
    std::fclose(file);
    return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Of this process, until the end of the scope.
class Limit {
  public:
    Limit(decltype(RLIMIT_AS) resource, std::size_t most) : resource_(resource) {
        if (::getrlimit(resource_, &before_) != 0) std::abort();
        rlimit little = before_;
        little.rlim_cur = most;
        if (::setrlimit(resource_, &little) != 0) std::abort();
    }
    Limit(const Limit&) = delete;
    Limit& operator=(const Limit&) = delete;
    ~Limit() { ::setrlimit(resource_, &before_); }

  private:
    decltype(RLIMIT_AS) resource_;
    rlimit before_{};
};

template <class Pool>
void start_all(const char* name, Pool& pool) {
    try {
        pool.start_workers();
        std::printf("%s: all started\n", name);
    } catch (const cf::BrokenExecutor& error) {
        std::printf("%s: %s\n", name, error.what());
    }
}

}  // namespace

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
#if CONCURRENT_FUTURES_SANITIZED
    std::puts("skipped: a sanitizer reserves more address space than this program allows");
    return 0;
#endif
    constexpr std::size_t stack = std::size_t{64} << 20;
    cf::ThreadPoolExecutor threads({.max_workers = 8, .stack_size = stack});
    {
        const Limit limit(RLIMIT_AS, address_space() + 4 * stack);
        start_all("threads", threads);
    }
    cf::ProcessPoolExecutor processes({.max_workers = 8, .start_method = cf::StartMethod::spawn});
    {
        const Limit limit(RLIMIT_NOFILE, 40);
        start_all("processes", processes);
    }
    std::printf("both pools go on: %d %d, broken: %d %d\n", threads.submit(square, 3).result(),
                processes.submit(square, 3).result(), threads.is_broken(), processes.is_broken());
    return 0;
}
