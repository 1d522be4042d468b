// SPDX-License-Identifier: MIT
//
// Returns 0 if a future's result arrives in an io_context.
#include <concurrent/futures/asio.hpp>

#include <concurrent/futures/thread_pool_executor.hpp>
#include <exception>

#ifdef CONCURRENT_FUTURES_BOOST_ASIO
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>
namespace asio = boost::asio;
#else
#include <asio/bind_executor.hpp>
#include <asio/io_context.hpp>
#endif
namespace cf = concurrent::futures;

int main() {
    asio::io_context context;
    cf::ThreadPoolExecutor pool(1);
    int answer = 0;
    cf::async_result_of(pool.submit([] { return 144; }),
                        asio::bind_executor(context, [&](std::exception_ptr, int value) { answer = value; }));
    context.run();
    return answer == 144 ? 0 : 1;
}
