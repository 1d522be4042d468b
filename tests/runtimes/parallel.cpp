// SPDX-License-Identifier: MIT
//
// Another parallel runtime in the same program. RUNTIME_OPENMP, RUNTIME_TBB, RUNTIME_OPENBLAS or none (std::async) says
// which. The runtime is used by the parent between the start of a fork pool and its calls, and by the calls in workers of
// both kinds and on threads, two of them at a time. Returns 0 if all results are right and a fork pool that is made while
// threads of the runtime are there is refused.
#include <concurrent/futures.hpp>

#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace cf = concurrent::futures;

static constexpr long size = 1'000'000;
static constexpr bool starts_threads_before_main =
#if defined(RUNTIME_OPENBLAS)
    true;
#else
    false;
#endif

#if defined(RUNTIME_OPENMP)

#include <omp.h>
static const char* const runtime = "OpenMP";
static void one_thread_each() { omp_set_num_threads(1); }
static long sum() {
    long total = 0;
#pragma omp parallel for reduction(+ : total)
    for (long i = 0; i < size; ++i) total += i % 7;
    return total;
}

#elif defined(RUNTIME_TBB)

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_reduce.h>
static const char* const runtime = "oneTBB";
static void one_thread_each() {
    static tbb::global_control control(tbb::global_control::max_allowed_parallelism, 1);
}
static long sum() {
    const auto add = [](const tbb::blocked_range<long>& range, long total) {
        for (long i = range.begin(); i != range.end(); ++i) total += i % 7;
        return total;
    };
    return tbb::parallel_reduce(tbb::blocked_range<long>(0, size), 0L, add, std::plus<long>());
}

#elif defined(RUNTIME_OPENBLAS)

extern "C" {
double cblas_ddot(int n, const double* x, int stride_x, const double* y, int stride_y);
void openblas_set_num_threads(int threads);
}
static const char* const runtime = "OpenBLAS";
static void one_thread_each() { openblas_set_num_threads(1); }
static long sum() {
    std::vector<double> numbers(size), ones(size, 1.0);
    for (long i = 0; i < size; ++i) numbers[static_cast<std::size_t>(i)] = static_cast<double>(i % 7);
    return static_cast<long>(cblas_ddot(size, numbers.data(), 1, ones.data(), 1));
}

#else

#include <future>
static const char* const runtime = "std::async";
static void one_thread_each() {}
static long sum_of(long begin, long end) {
    long total = 0;
    for (long i = begin; i < end; ++i) total += i % 7;
    return total;
}
static long sum() {
    auto half = std::async(std::launch::async, sum_of, 0, size / 2);
    return sum_of(size / 2, size) + half.get();
}

#endif

static void require(const char* where, bool right) {
    std::printf("%s %s: %s\n", runtime, where, right ? "right" : "WRONG");
    if (!right) throw std::runtime_error(where);
}

static void run_in(auto& pool, const char* where, long expected) {
    std::vector<cf::Future<long>> calls;
    for (int i = 0; i < 8; ++i) calls.push_back(pool.submit(sum));
    bool right = true;
    for (auto& call : calls) right &= call.result(std::chrono::minutes(2)) == expected;
    require(where, right);
}

static bool fork_pool_is_refused() {
    try {
        cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::fork});
        return false;
    } catch (const std::exception& error) {
        return std::string(error.what()).find("one thread") != std::string::npos;
    }
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    const long expected = [] {
        long total = 0;
        for (long i = 0; i < size; ++i) total += i % 7;
        return total;
    }();
    std::optional<cf::ProcessPoolExecutor> forked;
    if (!starts_threads_before_main) forked.emplace(cf::ProcessPoolOptions{.max_workers = 2, .start_method = cf::StartMethod::fork});
    require("in the parent", sum() == expected);
    if (forked) run_in(*forked, "in forked workers", expected);
    cf::ProcessPoolExecutor spawned({.max_workers = 2, .start_method = cf::StartMethod::spawn});
    run_in(spawned, "in spawned workers", expected);
    cf::ProcessPoolExecutor limited({.max_workers = 2, .start_method = cf::StartMethod::spawn, .initializer = cf::bind_task(one_thread_each)});
    run_in(limited, "in spawned workers with one thread each", expected);
    {
        cf::ThreadPoolExecutor threads(2);
        run_in(threads, "on threads of a pool", expected);
    }
    require("in the parent again", sum() == expected);
    std::printf("%s: a fork pool made now is %s\n", runtime, fork_pool_is_refused() ? "refused" : "made");
}
