// expect-error: give a range of futures of one type
// SPDX-License-Identifier: MIT
#include <concurrent/futures/as_completed.hpp>

void both(concurrent::futures::Future<int> a, concurrent::futures::Future<int> b) {
    for (auto& future : concurrent::futures::as_completed(a, b)) future.wait();
}
