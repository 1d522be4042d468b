// expect-error: a duration needs a unit
// SPDX-License-Identifier: MIT
#include <concurrent/futures/future.hpp>

int wait_for(concurrent::futures::Future<int> future) { return future.result(5); }
