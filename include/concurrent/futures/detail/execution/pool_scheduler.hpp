// SPDX-License-Identifier: MIT
//
// pool_scheduler.hpp: a scheduler of a pool, for libraries of senders and receivers.
//
// schedule() posts to the pool. Each started operation completes once:
//
//     set_value()     on a worker
//     set_stopped()   a stop was requested before that: in start() or on the worker; or the pool gave up its queue
//     set_error(e)    post() threw: ShutdownError, QueueFullError, std::bad_alloc; in start()
//
// The domain sends bulk algorithms behind such a sender to BulkSender (execution.hpp).
#pragma once

#include <concepts>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/senders.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

class InlineExecutor;

namespace detail {
inline namespace CONCURRENT_FUTURES_SENDERS_NAMESPACE {

template <class Pool, class Child, class Shape, class Function, bool Chunked>
class BulkSender;

/// While this thread is in start() of an operation.
class StartingOperation {
  public:
    explicit StartingOperation(const void* operation) noexcept
        : operation_(operation), outer_(std::exchange(innermost_, this)) {}
    StartingOperation(const StartingOperation&) = delete;
    StartingOperation& operator=(const StartingOperation&) = delete;
    ~StartingOperation() { innermost_ = outer_; }

    /// The pool destroyed what it was given. True if start() is still there to complete the operation.
    static bool take_back(const void* operation) noexcept {
        if (!innermost_ || innermost_->operation_ != operation) return false;
        innermost_->taken_back_ = true;
        return true;
    }
    bool taken_back() const noexcept { return taken_back_; }

  private:
    inline static constinit thread_local StartingOperation* innermost_ = nullptr;
    const void* const operation_;
    StartingOperation* const outer_;
    bool taken_back_ = false;
};

template <class Pool, class Receiver>
class ScheduleOperation {
  public:
    using operation_state_concept = senders_library::operation_state_tag;

    ScheduleOperation(Pool& pool, Receiver receiver) : pool_(pool), receiver_(std::move(receiver)) {}
    ScheduleOperation(const ScheduleOperation&) = delete;
    ScheduleOperation& operator=(const ScheduleOperation&) = delete;

    void start() & noexcept {
        if (stop_requested()) return senders_library::set_stopped(std::move(receiver_));
        std::exception_ptr error;
        // Behind post() this object may be gone, unless the pool threw or destroyed the call here.
        const StartingOperation starting(this);
        try {
            pool_.post(Call(this));
        } catch (...) {
            error = std::current_exception();
        }
        if (error)
            senders_library::set_error(std::move(receiver_), std::move(error));
        else if (starting.taken_back())
            senders_library::set_stopped(std::move(receiver_));
    }

  private:
    /// What the pool runs, or destroys when it gives up its queue.
    class Call {
      public:
        explicit Call(ScheduleOperation* operation) noexcept : operation_(operation) {}
        Call(Call&& other) noexcept : operation_(std::exchange(other.operation_, nullptr)) {}
        Call& operator=(Call&&) = delete;
        ~Call() {
            if (operation_ && !StartingOperation::take_back(operation_))
                senders_library::set_stopped(std::move(operation_->receiver_));
        }
        void operator()() noexcept {
            ScheduleOperation& operation = *std::exchange(operation_, nullptr);
            if (operation.stop_requested())
                senders_library::set_stopped(std::move(operation.receiver_));
            else
                senders_library::set_value(std::move(operation.receiver_));
        }

      private:
        ScheduleOperation* operation_;
    };

    bool stop_requested() const noexcept {
        return senders_library::get_stop_token(senders_library::get_env(receiver_)).stop_requested();
    }

    Pool& pool_;
    Receiver receiver_;
};

template <class Pool>
class PoolScheduler;

/// What a library asks to send algorithms to the pool.
struct PoolDomain {
    template <class Sender, class Env>
        requires std::same_as<senders_library::tag_of_t<Sender>, senders_library::bulk_chunked_t>
    static auto transform_sender(senders_library::set_value_t, Sender&& sender, const Env& env) {
        return on_pool<true>(std::forward<Sender>(sender), env);
    }
    template <class Sender, class Env>
        requires std::same_as<senders_library::tag_of_t<Sender>, senders_library::bulk_unchunked_t>
    static auto transform_sender(senders_library::set_value_t, Sender&& sender, const Env& env) {
        return on_pool<false>(std::forward<Sender>(sender), env);
    }

  private:
    template <bool Chunked, class Sender, class Env>
    static auto on_pool(Sender&& sender, const Env& env) {
        auto& [tag, data, child] = sender;
        auto& [policy, shape, function] = data;
        using Policy = std::remove_cvref_t<decltype(policy)>;
        using Child = std::remove_cvref_t<decltype(child)>;
        using Shape = std::remove_cvref_t<decltype(shape)>;
        using Function = std::remove_cvref_t<decltype(function)>;
        const auto scheduler = senders_library::get_completion_scheduler<senders_library::set_value_t>(
            senders_library::get_env(child), env);
        using Pool = typename std::remove_cvref_t<decltype(scheduler)>::PoolType;
        // The library may keep the policy in a type of its own.
        constexpr bool parallel = std::is_constructible_v<Policy, decltype(senders_library::par)> ||
                                  std::is_constructible_v<Policy, decltype(senders_library::par_unseq)>;
        // An lvalue sender is copied and stays as it is.
        if constexpr (std::is_lvalue_reference_v<Sender>)
            return BulkSender<Pool, Child, Shape, Function, Chunked>(scheduler.pool(), parallel, child, shape, function);
        else
            return BulkSender<Pool, Child, Shape, Function, Chunked>(scheduler.pool(), parallel, std::move(child), shape,
                                                                     std::move(function));
    }
};

/// Get one from scheduler_of(pool). Two of the same pool are equal.
template <class Pool>
class PoolScheduler {
    using Guarantee = senders_library::forward_progress_guarantee;

  public:
    using scheduler_concept = senders_library::scheduler_tag;
    using PoolType = Pool;

    explicit PoolScheduler(Pool& pool) noexcept : pool_(&pool) {}

    /// Completes on a worker of the pool.
    class Sender {
      public:
        using sender_concept = senders_library::sender_tag;
        using Signatures = senders_library::completion_signatures<senders_library::set_value_t(),
                                                                  senders_library::set_error_t(std::exception_ptr),
                                                                  senders_library::set_stopped_t()>;
        template <class Self, class... Env>
        static consteval Signatures get_completion_signatures() noexcept {
            return {};
        }

        explicit Sender(Pool& pool) noexcept : pool_(&pool) {}
        template <class Receiver>
        ScheduleOperation<Pool, std::decay_t<Receiver>> connect(Receiver&& receiver) const {
            return {*pool_, std::forward<Receiver>(receiver)};
        }

        struct Attributes {
            PoolScheduler query(senders_library::get_completion_scheduler_t<senders_library::set_value_t>) const noexcept {
                return PoolScheduler(*pool);
            }
            PoolDomain query(senders_library::get_completion_domain_t<senders_library::set_value_t>) const noexcept {
                return {};
            }
            Pool* pool;
        };
        Attributes get_env() const noexcept { return {pool_}; }

      private:
        Pool* pool_;
    };

    Sender schedule() const noexcept { return Sender(*pool_); }
    Pool& pool() const noexcept { return *pool_; }

    PoolScheduler query(senders_library::get_completion_scheduler_t<senders_library::set_value_t>) const noexcept {
        return *this;
    }
    PoolDomain query(senders_library::get_completion_domain_t<senders_library::set_value_t>) const noexcept { return {}; }
    static constexpr Guarantee query(senders_library::get_forward_progress_guarantee_t) noexcept {
        return std::same_as<Pool, InlineExecutor> ? Guarantee::weakly_parallel : Guarantee::parallel;
    }
    friend bool operator==(const PoolScheduler&, const PoolScheduler&) noexcept = default;

  private:
    Pool* pool_;
};

}  // namespace CONCURRENT_FUTURES_SENDERS_NAMESPACE
}  // namespace detail
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
