// expect-error: a time limit is written \{\.timeout = 5s\}
// SPDX-License-Identifier: MIT
#include <chrono>
#include <concurrent/futures/wait.hpp>
#include <vector>

void all(const std::vector<concurrent::futures::Future<int>>& futures) {
    concurrent::futures::wait(futures, std::chrono::seconds(5));
}
