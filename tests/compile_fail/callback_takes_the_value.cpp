// expect-error: f must take the future
// SPDX-License-Identifier: MIT
#include <concurrent/futures/future.hpp>

void tell(concurrent::futures::Future<int> future) {
    future.add_done_callback([](int) {});
}
