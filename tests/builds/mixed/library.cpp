// SPDX-License-Identifier: MIT
#include "library.hpp"

#include <concurrent/futures/promise.hpp>

int ask(concurrent::futures::ThreadPoolExecutor& pool) {
    return pool.submit([] { return 20; }).result();
}

concurrent::futures::Future<int> make_future() {
    concurrent::futures::Promise<int> promise;
    promise.set_value(22);
    return promise.get_future();
}
