// expect-error: give a range of futures of one type
// SPDX-License-Identifier: MIT
#include <concurrent/futures/wait.hpp>

void both(concurrent::futures::Future<int> a, concurrent::futures::Future<int> b) { concurrent::futures::wait(a, b); }
