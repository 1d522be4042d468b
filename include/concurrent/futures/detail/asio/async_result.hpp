// SPDX-License-Identifier: MIT
//
// async_result.hpp: one waiting operation of async_result_of().
//
// The call ends in a thread of its executor. There the done callback sends a Completion to the handler's associated
// executor, which calls the handler. Where the end comes while the operation is being started or cancelled, the
// Completion is posted, for Asio does not allow a handler to be called inside those; otherwise it is dispatched.
//
// The cancellation slot is used on the handler's executor only, as Asio demands. It refers to the operation weakly:
// the slot can outlive the operation, and the operation owns what may own the slot.
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/asio.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/state/ask_to_stop.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
inline namespace CONCURRENT_FUTURES_ASIO_NAMESPACE {

/// Its address tells threads apart.
inline thread_local char asio_thread_mark = 0;

template <class Value>
struct AsyncSignature {
    using type = void(std::exception_ptr, Value);
};
template <>
struct AsyncSignature<void> {
    using type = void(std::exception_ptr);
};

/// `Handle` is Future<T>, which this layer does not know.
template <class Handle, class Handler>
class AsyncOperation {
    using Executor = asio_library::associated_executor_t<Handler>;

  public:
    AsyncOperation(Handler&& handler, const Handle& future)
        : work_(asio_library::get_associated_executor(handler)), handler_(std::move(handler)), future_(future) {}

    static void start(Handler handler, const Handle& future) {
        const auto allocator = asio_library::get_associated_allocator(handler);
        const auto self = std::allocate_shared<AsyncOperation>(allocator, std::move(handler), future);
        watch_cancellation(self->handler_, [weak = std::weak_ptr(self)](bool only_without_effect) {
            const auto operation = weak.lock();
            if (!operation || !operation->future_.valid()) return;
            const Handle call = operation->future_;
            const Inside inside(*operation);
            if (only_without_effect)
                call.cancel();
            else
                detail::ask_to_stop(call);
        });
        const Inside inside(*self);
        future.add_done_callback([self](Handle ended) mutable { end(std::move(self), std::move(ended)); });
    }

  private:
    /// This thread starts or cancels the operation.
    class Inside {
      public:
        explicit Inside(AsyncOperation& operation) noexcept : operation_(operation) {
            // relaxed: a thread compares it with itself only, and knows its own stores.
            operation_.inside_.store(&asio_thread_mark, std::memory_order_relaxed);
        }
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;
        ~Inside() {
            // relaxed: as above.
            operation_.inside_.store(nullptr, std::memory_order_relaxed);
        }

      private:
        AsyncOperation& operation_;
    };

    struct Completion {
        using allocator_type = asio_library::associated_allocator_t<Handler>;
        allocator_type get_allocator() const noexcept {
            return asio_library::get_associated_allocator(operation->handler_);
        }
        void operator()() { call_handler(std::move(operation), std::move(ended)); }
        std::shared_ptr<AsyncOperation> operation;
        Handle ended;
    };

    static void end(std::shared_ptr<AsyncOperation> self, Handle ended) {
        const Executor executor = self->work_.get_executor();
        // relaxed: as in Inside.
        const bool inside = self->inside_.load(std::memory_order_relaxed) == &asio_thread_mark;
        Completion completion{std::move(self), std::move(ended)};
        if (inside)
            asio_library::post(executor, std::move(completion));
        else if constexpr (std::is_same_v<Executor, asio_library::system_executor>)
            completion();  // dispatch() would end the program if the handler throws
        else
            asio_library::dispatch(executor, std::move(completion));
    }

    static void call_handler(std::shared_ptr<AsyncOperation> self, Handle ended) {
        self->future_ = Handle();  // so that the value can be moved out of its last handle
        end_watch(self->handler_);
        const auto work = std::move(self->work_);
        Handler handler = std::move(self->handler_);
        self.reset();  // its memory is free for what the handler starts
        std::exception_ptr error = ended.cancelled() ? std::make_exception_ptr(CancelledError()) : ended.exception();
        using T = typename Handle::value_type;
        if constexpr (std::is_void_v<T>) {
            std::move(handler)(std::move(error));
        } else {
            std::optional<T> value;
            try {
                if (!error) value.emplace(std::move(ended).result());
            } catch (...) {  // it cannot be copied
                error = std::current_exception();
            }
            ended = Handle();
            if (value)
                std::move(handler)(std::exception_ptr(), std::move(*value));
            else
                std::move(handler)(std::move(error), T());
        }
    }

    asio_library::executor_work_guard<Executor> work_;
    Handler handler_;
    Handle future_;  // of the call; on the handler's executor only
    detail::Atomic<const char*> inside_{nullptr};
};

/// What async_initiate() calls with the handler that it made of the completion token.
struct StartAsyncOperation {
    template <class Handler, class Handle>
    void operator()(Handler&& handler, Handle future) const {
        using Operation = AsyncOperation<Handle, std::decay_t<Handler>>;
        Operation::start(std::forward<Handler>(handler), future);
    }
};

}  // namespace CONCURRENT_FUTURES_ASIO_NAMESPACE
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
