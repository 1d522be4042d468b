// SPDX-License-Identifier: MIT
//
// Lesson: random numbers that do not depend on the number of workers. Each task has a generator of its own, seeded with
// the number of the task; the parts are added in the order of the tasks. So each run gives the same digits.
//
// Run: build/quickstart/examples/monte_carlo
// Prints (the test compares it; … stands for anything):
//     1 worker:  pi is about 3.14…
//     3 workers: pi is about 3.14…
//     the same digits: yes
#include <concurrent/futures.hpp>
#include <cstdint>
#include <cstdio>
#include <random>
#include <ranges>

namespace cf = concurrent::futures;

constexpr std::uint64_t points_per_task = 20'000;
constexpr int tasks = 200;

/// How many of the task's points are in the quarter of the unit circle.
std::uint64_t hits(int task) {
    std::seed_seq seed{2024, task};  // the run, the task
    std::mt19937_64 random(seed);
    const auto coordinate = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
    std::uint64_t inside = 0;
    for (std::uint64_t i = 0; i < points_per_task; ++i) {
        const double x = coordinate(), y = coordinate();
        if (x * x + y * y < 1) ++inside;
    }
    return inside;
}

double estimate_pi(int workers) {
    cf::ThreadPoolExecutor pool(workers);
    std::uint64_t inside = 0;
    for (const std::uint64_t part : pool.map(hits, std::views::iota(0, tasks))) inside += part;
    return 4 * static_cast<double>(inside) / static_cast<double>(points_per_task * tasks);
}

int main() {
    const double one = estimate_pi(1), three = estimate_pi(3);
    std::printf("1 worker:  pi is about %.9f\n3 workers: pi is about %.9f\nthe same digits: %s\n", one, three,
                one == three ? "yes" : "no");
}
