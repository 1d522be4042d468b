// SPDX-License-Identifier: MIT
//
// Lesson: the example of Python's documentation of ProcessPoolExecutor: which of these large numbers are primes?
//
// Run: build/quickstart/examples/primes
// Prints (the test compares it):
//     112272535095293 is prime: true
//     112582705942171 is prime: true
//     112272535095293 is prime: true
//     115280095190773 is prime: true
//     115797848077099 is prime: true
//     1099726899285419 is prime: false
#include <cmath>
#include <concurrent/futures.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace cf = concurrent::futures;

bool is_prime(std::int64_t n) {
    if (n < 2) return false;
    if (n == 2) return true;
    if (n % 2 == 0) return false;
    const auto root = static_cast<std::int64_t>(std::sqrt(static_cast<double>(n)));
    for (std::int64_t i = 3; i <= root; i += 2)
        if (n % i == 0) return false;
    return true;
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);  // Python: if __name__ == "__main__":
    const std::vector<std::int64_t> numbers{112272535095293, 112582705942171,  112272535095293,
                                            115280095190773, 115797848077099, 1099726899285419};
    cf::ProcessPoolExecutor pool;
    std::size_t i = 0;
    for (const bool prime : pool.map(is_prime, numbers))
        std::printf("%lld is prime: %s\n", static_cast<long long>(numbers[i++]), prime ? "true" : "false");
}
