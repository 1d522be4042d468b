// expect-error: f must take a std::exception_ptr
// SPDX-License-Identifier: MIT
#include <concurrent/futures/or_else.hpp>
#include <stdexcept>

void replace(concurrent::futures::Future<int> future) {
    concurrent::futures::or_else(future, [](const std::exception&) { return -1; });
}
