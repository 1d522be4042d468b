// SPDX-License-Identifier: MIT
//
// outcome_state.hpp: a SharedState with room for the value or the exception.
//
// The room is a union in the same block as the state and, for a pool's calls, the callable: a call
// is one allocation. T may be void, a reference, or a type that can be neither copied nor moved.
#pragma once

#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/state/shared_state.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct Unit {};

/// What is kept for a call that returns T.
template <class T>
using Stored = std::conditional_t<
    std::is_void_v<T>, Unit,
    std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, std::remove_cv_t<T>>>;

template <class T>
class OutcomeState : public SharedState {
  public:
    OutcomeState() noexcept {}

    // Writing: only by the thread that owns the outcome (see call_state.hpp), once.

    /// Stores what `call()` returns or throws, and says which final state that is. A ForcedUnwind is not stored and
    /// passes.
    template <class Call>
    CallState store_result_of(Call&& call) {
        try {
            if constexpr (std::is_void_v<T>) {
                std::forward<Call>(call)();
                std::construct_at(&value_);
            } else if constexpr (std::is_reference_v<T>) {
                auto&& referred = std::forward<Call>(call)();
                std::construct_at(&value_, std::addressof(referred));
            } else {
                // Plain new, not construct_at: the call's result is the stored object itself.
                ::new (static_cast<void*>(std::addressof(value_)))
                    Stored<T>(std::forward<Call>(call)());
            }
            return CallState::finished;
        } catch (ForcedUnwind&) {
            throw;
        } catch (...) {
            return store_exception(std::current_exception());
        }
    }

    CallState store_exception(std::exception_ptr error) noexcept {
        std::construct_at(&error_, std::move(error));
        return CallState::failed;
    }

    /// After a store_result_of() that gave `finished`: as if it had not been. Then another store follows, or the
    /// call ends cancelled.
    void forget_result() noexcept { std::destroy_at(std::addressof(value_)); }

    // Reading: only in a final state.
    Stored<T>& value() noexcept { return value_; }
    const std::exception_ptr& error() const noexcept { return error_; }

  protected:
    ~OutcomeState() override {
        // No other reference is left, so the acquire in state() has long been earned.
        const CallState last = state();
        if (last == CallState::finished) std::destroy_at(std::addressof(value_));
        if (last == CallState::failed) std::destroy_at(&error_);
    }

  private:
    union {
        Stored<T> value_;
        std::exception_ptr error_;
    };
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
