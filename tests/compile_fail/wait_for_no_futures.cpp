// expect-error: FutureRange
// SPDX-License-Identifier: MIT
#include <concurrent/futures/wait.hpp>
#include <vector>

int main() { concurrent::futures::wait(std::vector{1, 2, 3}); }
