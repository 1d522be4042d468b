// SPDX-License-Identifier: MIT
//
// Returns 0 if the senders' library waits for a future.
#include <concurrent/futures/execution.hpp>

#include <concurrent/futures/thread_pool_executor.hpp>

#ifdef CONCURRENT_FUTURES_STDEXEC
#include <stdexec/execution.hpp>
namespace ex = stdexec;
#else
#include <beman/execution/execution.hpp>
namespace ex = beman::execution;
#endif
namespace cf = concurrent::futures;

int main() {
    cf::ThreadPoolExecutor pool(1);
    const auto [answer] = ex::sync_wait(cf::sender_of(pool.submit([] { return 144; }))).value();
    return answer == 144 ? 0 : 1;
}
