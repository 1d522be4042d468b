// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/process_memory.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <memory>
#include <new>

#include "support/deadline.hpp"
#include "support/processes.hpp"

namespace {

using namespace concurrent::futures::detail;

constexpr std::size_t mebibyte = std::size_t{1} << 20;

/// The exit code of a child that runs `call`.
template <class Call>
int in_child(Call call) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(call());
    int status = 0;
    if (support::wait_for_end(child, &status) != child || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

bool can_allocate(std::size_t bytes) {
    try {
        const auto memory = std::make_unique<char[]>(bytes);
        return memory[bytes - 1] == 0;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

TEST_CASE("the peak of memory grows with what is used and stays", "[process_memory]") {
    CHECK(in_child([] {
        constexpr std::size_t size = (support::sanitized ? 80 : 400) * mebibyte;
        const std::int64_t before = own_peak_memory();
        if (before <= 0) return 1;
        {
            const std::unique_ptr<char[]> memory(new char[size]);
            std::memset(memory.get(), 1, size);
            if (memory[77] != 1) return 2;
        }
        return own_peak_memory() >= before + std::int64_t{size / 4 * 3} ? 0 : 3;
    }) == 0);
}

TEST_CASE("beyond the limit there is no memory, below it there is", "[process_memory]") {
    if (support::sanitized) SKIP("a sanitizer maps terabytes, which any limit forbids");
    CHECK(in_child([] {
        if (!limit_own_memory(512 * mebibyte)) return 1;
        if (!can_allocate(100 * mebibyte)) return 2;
        return can_allocate(600 * mebibyte) ? 3 : 0;
    }) == 0);
}

TEST_CASE("a limit below what the process has is refused, and nothing changes", "[process_memory]") {
    CHECK(in_child([] {
        if (limit_own_memory(4096)) return 1;
        return can_allocate(20 * mebibyte) ? 0 : 2;
    }) == 0);
}

}  // namespace
