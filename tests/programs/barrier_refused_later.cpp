// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^(0 wrong|skipped: .*)$
// expect-no-output: ^wrong
// timeout-seconds: 60
//
// membarrier() is granted, a pool works with it, and then a filter for system calls refuses it: the barrier waits instead,
// still orders memory, and maps are right. The same in a forked child, which may have to register again.
#include <concurrent/futures/detail/platform/asymmetric_barrier.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "support/deadline.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

namespace {

int wrong = 0;
void check(bool right, const std::string& text) {
    if (right) return;
    ++wrong;
    std::printf("wrong: %s\n", text.c_str());
}

bool refuse_membarrier() {
    sock_filter program[]{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{sizeof program / sizeof *program, program};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/// Of two threads that store and then look, one sees the other's store.
void check_order(int rounds, const std::string& when) {
    std::atomic<int> often{0}, seldom{0}, round{0}, ended{0};
    int neither = 0, seen_by_often = 0;
    std::jthread other([&] {
        for (int i = 1; i <= rounds; ++i) {
            while (round.load(std::memory_order_acquire) != i) std::this_thread::yield();
            often.store(i, std::memory_order_relaxed);
            cf::detail::light_barrier();
            seen_by_often = seldom.load(std::memory_order_relaxed);
            ended.store(i, std::memory_order_release);
        }
    });
    for (int i = 1; i <= rounds; ++i) {
        round.store(i, std::memory_order_release);
        seldom.store(i, std::memory_order_relaxed);
        cf::detail::heavy_barrier();
        const int seen = often.load(std::memory_order_relaxed);
        while (ended.load(std::memory_order_acquire) != i) std::this_thread::yield();
        neither += seen != i && seen_by_often != i;
    }
    check(neither == 0, when + ": neither thread saw the other's store, " + std::to_string(neither) + " times");
}

void check_maps(const std::string& when) {
    cf::ThreadPoolExecutor pool(3);
    std::vector<int> numbers(20'000);  // so many that workers own blocks of them
    std::iota(numbers.begin(), numbers.end(), 0);
    for (int i = 0; i < 5; ++i) {
        std::int64_t sum = 0;
        for (const int y : pool.map([](int n) { return 2 * n; }, numbers)) sum += y;
        check(sum == 399'980'000, when + ": a map");
    }
}

void check_all(const std::string& when, int rounds) {
    check_order(rounds, when);
    check_maps(when);
}

/// nanosleep() never sleeps for less than it is told, so this holds on any machine.
bool barrier_waits() {
    const auto began = std::chrono::steady_clock::now();
    cf::detail::heavy_barrier();
    return std::chrono::steady_clock::now() - began >= 1ms;
}

}  // namespace

int main() {
    if (!cf::detail::has_asymmetric_barrier()) {
        std::puts("skipped: no membarrier() here");
        return 77;
    }
    check_all("granted", 2000);
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) {
        if (!support::thread_sanitized) check_all("in a forked child", 2000);  // which cannot start threads there
        std::fflush(stdout);
        ::_exit(wrong != 0);
    }
    int status = 0;
    check(::waitpid(child, &status, 0) == child && status == 0, "the forked child");
    if (!refuse_membarrier()) {
        std::puts("skipped: no seccomp filter here");
        return 77;
    }
    check(cf::detail::has_asymmetric_barrier(), "what was granted is remembered");
    check(barrier_waits(), "refused: the barrier waits");
    check_all("refused", 200);
    std::printf("%d wrong\n", wrong);
    return wrong != 0;
}
