// SPDX-License-Identifier: MIT
//
// asio.hpp: futures in Asio programs, and pools as Asio executors. Standalone Asio, or Boost.Asio where
// CONCURRENT_FUTURES_BOOST_ASIO is defined. CMake targets concurrent::futures_asio, concurrent::futures_boost_asio.
//
//     asio::awaitable<void> serve(Request request) {
//         Page page = co_await cf::async_result_of(pool.submit(render, request), asio::use_awaitable);
//         …                                                   // again where the coroutine runs
//     }
//     asio::post(cf::asio_executor(threads), [] { … });       // on a worker
//     asio::co_spawn(cf::asio_executor(threads), session(), asio::detached);
//
// No thread waits: io_context.run() goes on with other work until the task ends.
// Threads: handlers are called on their associated executor; without one, in the thread that ends the task. Memory:
// what the task did happens before its handler is called.
#pragma once

#include <exception>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/asio/async_result.hpp"
#include "concurrent/futures/detail/asio/pool_executor.hpp"
#include "concurrent/futures/executor.hpp"
#include "concurrent/futures/future.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

class InlineExecutor;
class ProcessPoolExecutor;
class MPIPoolExecutor;

inline namespace CONCURRENT_FUTURES_ASIO_NAMESPACE {

/// An asynchronous operation that ends when the task does. Completes with `(std::exception_ptr, T)`, for void with
/// `(std::exception_ptr)`; after a failure with the task's exception and T(), after a cancellation with CancelledError.
/// The value is moved out if the future has no other handle, else copied.
/// `token`: any completion token: a function, use_future, use_awaitable, deferred, detached, …
/// The handler's executor has work until then, so io_context.run() does not return before.
/// Cancelling the operation (cancellation slots, Asio 1.19 or later) is request_stop() on the future; of
/// cancellation_type::total alone, which promises no effects, it is cancel(). The operation completes when the task has
/// ended: with CancelledError if that came in time, otherwise with the outcome of the task.
/// Throws InvalidStateError for an empty future.
template <class T, class CompletionToken>
auto async_result_of(Future<T> future, CompletionToken&& token) {
    static_assert(std::is_void_v<T> || std::is_default_constructible_v<T>,
                  "async_result_of(future, token): a handler gets (std::exception_ptr, T) also when the task failed, so T "
                  "must be default-constructible. Let the task return std::optional<T> or std::unique_ptr<T>, or a "
                  "pointer instead of a reference");
    if (!future.valid()) detail::throw_empty_future("async_result_of");
    return asio_library::async_initiate<CompletionToken, typename AsyncSignature<T>::type>(StartAsyncOperation(), token,
                                                                                           std::move(future));
}

/// An Asio executor whose functions run on the workers of `pool`, which must outlive it. For asio::post, dispatch,
/// co_spawn, bind_executor, strand, any_io_executor and I/O objects. `pool`: any executor of this library whose tasks
/// run in this process; not InlineExecutor, since Asio does not allow a function to run inside post().
/// It counts no outstanding work: a pool that is destroyed does not wait for coroutines that are waiting for something
/// else, and sending to it afterwards throws ShutdownError. Wait for them first, for example by use_future.
/// A pool with QueueFull::caller_runs breaks that rule of Asio when it is full.
template <Executor Pool>
AsioExecutor<Pool> asio_executor(Pool& pool) noexcept {
    static_assert(!std::is_same_v<Pool, ProcessPoolExecutor> && !std::is_same_v<Pool, MPIPoolExecutor>,
                  "asio_executor(pool): Asio's functions have captures and cannot cross to another process. Use a "
                  "ThreadPoolExecutor, and async_result_of(pool.submit(f, args...), token) for tasks in processes");
    static_assert(!std::is_same_v<Pool, InlineExecutor>,
                  "asio_executor(pool): Asio does not allow a function to run inside post(), as InlineExecutor's do. Use "
                  "a ThreadPoolExecutor");
    return AsioExecutor<Pool>(pool);
}

}  // namespace CONCURRENT_FUTURES_ASIO_NAMESPACE
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
