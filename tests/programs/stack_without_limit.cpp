// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^(the default is larger than 4 MiB: 1|skipped: .*)
// expect-output: ^(deep recursion: 1|skipped: .*)
// expect-output: ^(little address space: 1|skipped: .*)
//
// `ulimit -s unlimited`: glibc gives 2 MiB to each thread then, though main() has all it wants. A pool's workers get
// more, and still start where limits on address space leave no room for that.
#include <concurrent/futures.hpp>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace cf = concurrent::futures;

namespace {

/// Takes more than 1 KiB of stack for each level.
int descend(int levels) {  // NOLINT(misc-no-recursion)
    volatile char used[1024];
    used[0] = 1;
    return levels == 0 ? 0 : descend(levels - 1) + used[0];
}

std::size_t stack_here() {
    pthread_attr_t attributes;
    void* lowest = nullptr;
    std::size_t size = 0;
    if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return 0;
    ::pthread_attr_getstack(&attributes, &lowest, &size);
    ::pthread_attr_destroy(&attributes);
    return size;
}

std::size_t address_space() {
    unsigned long pages = 0;
    std::FILE* const file = std::fopen("/proc/self/statm", "r");
    if (file == nullptr || std::fscanf(file, "%lu", &pages) != 1) std::abort();
    std::fclose(file);
    return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

int fail(const char* what) {
    std::perror(what);
    return 1;
}

}  // namespace

int main(int, char** argv) {
#if CONCURRENT_FUTURES_SANITIZED
    std::puts("skipped: a sanitizer reserves more address space than this program allows");
    return 0;
#endif
    const bool again = std::getenv("CF_TEST_STACK_AGAIN") != nullptr;
    rlimit stack{};
    if (::getrlimit(RLIMIT_STACK, &stack) != 0) return fail("getrlimit");
    if (!again) {
        if (stack.rlim_max != RLIM_INFINITY) {
            std::puts("skipped: the hard limit on stacks is not unlimited");
            return 0;
        }
        // Threads get what the limit was when their program started.
        stack.rlim_cur = RLIM_INFINITY;
        if (::setrlimit(RLIMIT_STACK, &stack) != 0) return fail("setrlimit");
        ::setenv("CF_TEST_STACK_AGAIN", "1", 1);
        ::execv("/proc/self/exe", argv);
        return fail("execv");
    }
    {
        // Room for one stack as the system gives it, not for one of ours.
        const std::size_t room = std::size_t{sizeof(void*) > 4 ? 20u : 5u} << 20;
        rlimit before{};
        if (::getrlimit(RLIMIT_AS, &before) != 0) return fail("getrlimit");
        rlimit little = before;
        little.rlim_cur = address_space() + room;
        if (::setrlimit(RLIMIT_AS, &little) != 0) return fail("setrlimit");
        cf::ThreadPoolExecutor pool(1);
        std::printf("little address space: %d\n", pool.submit(stack_here).result() < room);
        if (::setrlimit(RLIMIT_AS, &before) != 0) return fail("setrlimit");
    }
    cf::ThreadPoolExecutor pool(1);
    const std::size_t size = pool.submit(stack_here).result();
    std::printf("the default is larger than 4 MiB: %d\n", size > std::size_t{4} << 20);
    // 24000 levels take 24 MiB at least; in 32 bits 5 MiB must do.
    const int levels = sizeof(void*) > 4 ? 24'000 : 5'000;
    std::printf("deep recursion: %d\n", pool.submit(descend, levels).result() == levels);
    return 0;
}
