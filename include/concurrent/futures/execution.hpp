// SPDX-License-Identifier: MIT
//
// execution.hpp: futures as senders and pools as schedulers, for libraries of senders and receivers (P2300, C++26's
// std::execution). CMake targets concurrent::futures_stdexec, concurrent::futures_beman_execution.
//
//     auto page = ex::starts_on(cf::scheduler_of(threads), ex::just(url) | ex::then(fetch))    // on a worker
//               | ex::let_value([&](Text& text) { return cf::sender_of(processes.submit(parse, text)); });
//     auto [parsed] = ex::sync_wait(std::move(page)).value();
//
// Written against the concepts of C++26. CONCURRENT_FUTURES_STDEXEC and CONCURRENT_FUTURES_BEMAN_EXECUTION, which the
// targets define, choose the library. Without them it is std::execution if the standard library has it
// (__cpp_lib_senders), otherwise none: then your own receivers use the names of cf::senders_library
// (detail/platform/senders.hpp).
// Threads: an operation of sender_of() completes in the thread that ends the task, or in start() if the task has
// ended; an operation of scheduler_of() completes on a worker. Memory: what the task did happens before its receiver
// is called.
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <optional>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "concurrent/futures/algorithm.hpp"
#include "concurrent/futures/detail/execution/pool_scheduler.hpp"
#include "concurrent/futures/detail/platform/senders.hpp"
#include "concurrent/futures/detail/state/ask_to_stop.hpp"
#include "concurrent/futures/detail/state/listener.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/executor.hpp"
#include "concurrent/futures/future.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

class ProcessPoolExecutor;
class MPIPoolExecutor;

namespace detail {
inline namespace CONCURRENT_FUTURES_SENDERS_NAMESPACE {

template <class Token, class Callback>
struct StopCallbackFor {
    using type = typename Token::template callback_type<Callback>;
};
template <class Callback>
struct StopCallbackFor<std::stop_token, Callback> {
    using type = std::stop_callback<Callback>;
};

/// A started sender_of(). It is a listener of the future, as an awaiting coroutine is.
template <class T, class Receiver>
class FutureOperation final : private Listener {
  public:
    using operation_state_concept = senders_library::operation_state_tag;

    FutureOperation(Future<T> future, Receiver receiver)
        : Listener(Kind::callback), future_(std::move(future)), receiver_(std::move(receiver)) {}

    void start() & noexcept {
        // The stop callback goes first: once the listener is added, this object may be destroyed at any time.
        on_stop_.emplace(senders_library::get_stop_token(senders_library::get_env(receiver_)), RequestStop{this});
        SharedState& state = FutureAccess::state(future_, "connect");
        state.add_producer();  // the last future may go before all listeners are told
        if (state.add_listener(*this)) return;
        state.drop_producer();
        complete();
    }

  private:
    struct RequestStop {
        void operator()() const noexcept {
            // The request may end the task, and with it this object.
            const Future<T> call = operation->future_;
            ask_to_stop(call);
        }
        FutureOperation* operation;
    };
    using Token = std::remove_cvref_t<decltype(senders_library::get_stop_token(
        senders_library::get_env(std::declval<const Receiver&>())))>;

    void notify(SharedState& state, TaskQueue*) noexcept override {
        state.drop_producer();
        complete();
    }
    void complete() noexcept {
        on_stop_.reset();  // waits for a request that another thread is making
        Future<T> ended = std::move(future_);
        if (ended.cancelled()) return senders_library::set_stopped(std::move(receiver_));
        std::exception_ptr error = ended.exception();
        if constexpr (std::is_void_v<T>) {
            if (!error) return senders_library::set_value(std::move(receiver_));
        } else if (!error) {
            try {
                return senders_library::set_value(std::move(receiver_), std::move(ended).result());
            } catch (...) {  // the value cannot be copied; receivers throw nothing
                error = std::current_exception();
            }
        }
        senders_library::set_error(std::move(receiver_), std::move(error));
    }

    Future<T> future_;
    Receiver receiver_;
    std::optional<typename StopCallbackFor<Token, RequestStop>::type> on_stop_;
};

/// Get one from sender_of(future).
template <class T>
class FutureSender {
    template <class Value>
    struct SetValue {
        using type = senders_library::set_value_t(Value);
    };
    template <class Value>
        requires std::is_void_v<Value>
    struct SetValue<Value> {
        using type = senders_library::set_value_t();
    };

  public:
    using sender_concept = senders_library::sender_tag;
    using Signatures = senders_library::completion_signatures<typename SetValue<T>::type,
                                                              senders_library::set_error_t(std::exception_ptr),
                                                              senders_library::set_stopped_t()>;
    template <class Self, class... Env>
    static consteval Signatures get_completion_signatures() noexcept {
        return {};
    }

    explicit FutureSender(Future<T> future) noexcept : future_(std::move(future)) {}
    template <class Receiver>
    FutureOperation<T, std::decay_t<Receiver>> connect(Receiver&& receiver) && {
        return {std::move(future_), std::forward<Receiver>(receiver)};
    }
    template <class Receiver>
    FutureOperation<T, std::decay_t<Receiver>> connect(Receiver&& receiver) const& {
        return {future_, std::forward<Receiver>(receiver)};
    }

  private:
    Future<T> future_;
};

template <class Signature>
struct KeptSignature {  // of an error or a stop
    using type = Signature;
    using Values = std::variant<>;
};
template <class... Values_>
struct KeptSignature<senders_library::set_value_t(Values_...)> {
    using type = senders_library::set_value_t(std::decay_t<Values_>...);
    using Values = std::variant<std::tuple<std::decay_t<Values_>...>>;
};

/// Without what is there twice.
template <class List, class... More>
struct DistinctOf {
    using type = List;
};
template <template <class...> class List, class... Members, class First, class... Rest>
struct DistinctOf<List<Members...>, First, Rest...> {
    using type = typename DistinctOf<
        std::conditional_t<(std::is_same_v<Members, First> || ...), List<Members...>, List<Members..., First>>, Rest...>::type;
};

template <class Variant, class... More>
struct JoinedVariants {
    using type = Variant;
};
template <class... As, class... Bs, class... Rest>
struct JoinedVariants<std::variant<As...>, std::variant<Bs...>, Rest...> {
    using type = typename JoinedVariants<typename DistinctOf<std::variant<As...>, Bs...>::type, Rest...>::type;
};

template <class Signatures>
struct BulkTypes;
template <class... Signatures_>
struct BulkTypes<senders_library::completion_signatures<Signatures_...>> {
    using Signatures = typename DistinctOf<senders_library::completion_signatures<>,
                                           typename KeptSignature<Signatures_>::type...,
                                           senders_library::set_error_t(std::exception_ptr)>::type;
    using Values = typename JoinedVariants<std::variant<std::monostate>, typename KeptSignature<Signatures_>::Values...>::type;
};

/// bulk on the workers of a pool: function(i, values...), or function(begin, end, values...) if Chunked.
template <class Pool, class Child, class Shape, class Function, bool Chunked>
class BulkSender {
  public:
    using sender_concept = senders_library::sender_tag;

    BulkSender(Pool& pool, bool parallel, Child child, Shape shape, Function function)
        : pool_(&pool), parallel_(parallel), child_(std::move(child)), shape_(shape), function_(std::move(function)) {}

    template <class Self, class... Env>
    static consteval auto get_completion_signatures() {
        return typename BulkTypes<senders_library::completion_signatures_of_t<Child, Env...>>::Signatures();
    }
    template <class Receiver>
    auto connect(Receiver&& receiver) && {
        return Operation<std::decay_t<Receiver>>(std::move(*this), std::forward<Receiver>(receiver));
    }
    template <class Receiver>
    auto connect(Receiver&& receiver) const& {
        return Operation<std::decay_t<Receiver>>(BulkSender(*this), std::forward<Receiver>(receiver));
    }
    decltype(auto) get_env() const noexcept { return senders_library::get_env(child_); }

  private:
    template <class Receiver>
    class Operation {
      public:
        using operation_state_concept = senders_library::operation_state_tag;

        Operation(BulkSender&& bulk, Receiver receiver)
            : bulk_(std::move(bulk)), receiver_(std::move(receiver)),
              child_(senders_library::connect(std::move(bulk_.child_), ChildReceiver{this})) {}
        Operation(const Operation&) = delete;
        Operation& operator=(const Operation&) = delete;
        void start() & noexcept { senders_library::start(child_); }

      private:
        struct ChildReceiver {
            using receiver_concept = senders_library::receiver_tag;
            template <class... Values>
            void set_value(Values&&... values) noexcept {
                operation->run(std::forward<Values>(values)...);
            }
            template <class Error>
            void set_error(Error&& error) noexcept {
                senders_library::set_error(std::move(operation->receiver_), std::forward<Error>(error));
            }
            void set_stopped() noexcept { senders_library::set_stopped(std::move(operation->receiver_)); }
            decltype(auto) get_env() const noexcept { return senders_library::get_env(operation->receiver_); }
            Operation* operation;
        };
        using Env = decltype(senders_library::get_env(std::declval<const Receiver&>()));
        using Values = typename BulkTypes<senders_library::completion_signatures_of_t<Child, Env>>::Values;

        /// Runs on a worker: takes part in the work, and waits for pieces that other workers have begun.
        template <class... Arguments>
        void run(Arguments&&... arguments) noexcept {
            try {
                auto& kept = values_.template emplace<std::tuple<std::decay_t<Arguments>...>>(
                    std::forward<Arguments>(arguments)...);
                std::apply([this](auto&... values) { this->run_on_pool(values...); }, kept);
            } catch (...) {
                return senders_library::set_error(std::move(receiver_), std::current_exception());
            }
            std::apply([this](auto&... values) { senders_library::set_value(std::move(receiver_), std::move(values)...); },
                       std::get<std::tuple<std::decay_t<Arguments>...>>(values_));
        }
        template <class... Kept>
        void run_on_pool(Kept&... kept) {
            if (!(Shape{} < bulk_.shape_)) return;
            const auto part = [&](std::size_t begin, std::size_t end) {
                if constexpr (Chunked)
                    bulk_.function_(static_cast<Shape>(begin), static_cast<Shape>(end), kept...);
                else
                    for (; begin != end; ++begin) bulk_.function_(static_cast<Shape>(begin), kept...);
            };
            const auto size = static_cast<std::size_t>(bulk_.shape_);
            if (bulk_.parallel_)
                run_loop<Function>(*bulk_.pool_, size, part);
            else
                part(0, size);
        }

        BulkSender bulk_;
        Receiver receiver_;
        Values values_;
        decltype(senders_library::connect(std::declval<Child>(), std::declval<ChildReceiver>())) child_;
    };

    Pool* pool_;
    bool parallel_;
    Child child_;
    Shape shape_;
    Function function_;
};

}  // namespace CONCURRENT_FUTURES_SENDERS_NAMESPACE
}  // namespace detail

inline namespace CONCURRENT_FUTURES_SENDERS_NAMESPACE {

/// A sender that ends when the task does: with its value, for void with none; with its std::exception_ptr; or stopped,
/// if the task was cancelled. The task runs already; a sender whose task starts later is
/// let_value([&] { return cf::sender_of(pool.submit(f)); }).
/// The value is moved out if this is its last handle, otherwise copied.
/// A stop request of the receiver's token is request_stop() on the future. The operation completes when the task has
/// ended: stopped if the request came in time, otherwise with the outcome of the task.
/// Throws InvalidStateError for an empty future.
template <class T>
detail::FutureSender<T> sender_of(Future<T> future) {
    if (!future.valid()) detail::throw_empty_future("sender_of");
    return detail::FutureSender<T>(std::move(future));
}

/// A scheduler whose senders complete on the workers of `pool`, which must outlive their operations. `pool`: any
/// executor of this library whose tasks run in this process.
/// schedule() ends stopped if a stop is requested before a worker takes it, or if the pool gives it up (cancel_futures,
/// OnDestroy::cancel_pending); with an error if the pool takes no tasks.
/// bulk, bulk_chunked and bulk_unchunked behind it, with the policies par and par_unseq, run in parallel on the
/// workers.
template <Executor Pool>
detail::PoolScheduler<Pool> scheduler_of(Pool& pool) noexcept {
    static_assert(!std::is_same_v<Pool, ProcessPoolExecutor> && !std::is_same_v<Pool, MPIPoolExecutor>,
                  "scheduler_of(pool): receivers cannot cross to another process. Use a ThreadPoolExecutor, and "
                  "sender_of(pool.submit(f, args...)) for tasks in processes");
    return detail::PoolScheduler<Pool>(pool);
}

}  // namespace CONCURRENT_FUTURES_SENDERS_NAMESPACE
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
