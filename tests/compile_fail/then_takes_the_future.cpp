// expect-error: To get the future itself write when_done
// SPDX-License-Identifier: MIT
#include <concurrent/futures/future.hpp>

void go_on(concurrent::futures::Future<int> future) {
    future.then([](concurrent::futures::Future<int> done) { return done.result(); });
}
