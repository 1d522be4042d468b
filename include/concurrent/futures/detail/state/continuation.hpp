// SPDX-License-Identifier: MIT
//
// continuation.hpp: a call that starts when another one ends: what Future::then() makes.
//
//     parent ends ──▶ notify(): cancelled or failed: so does this call, without running the function
//                               finished: the function gets the value; this call ends with what it returns,
//                               or, if that is a future (inner), as that future ends
//     cancel() ─────▶ the function and what it holds is destroyed, and the parent forgets this call
//
// The state is its own listener, so a link of a chain is one allocation. It runs in the thread that ends
// the parent, one link after the other and not one inside the other (trampoline.hpp), so a chain may
// have a million links.
#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/function.hpp"
#include "concurrent/futures/detail/state/ended_thread.hpp"
#include "concurrent/futures/detail/state/outcome_state.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// The value of a finished task for one more owner: moved if no other handle exists, else copied.
template <class T>
decltype(auto) value_for(OutcomeState<T>& state) {
    if constexpr (std::is_reference_v<T>) {
        return static_cast<T>(*state.value());
    } else {
        if constexpr (std::is_copy_constructible_v<T>) {
            if (!state.last_handle()) return T(std::as_const(state.value()));
        }
        return T(std::move(state.value()));
    }
}

/// Ends `to` as `from` has ended. `to` belongs to the caller (running or completing).
template <class T>
CallState copy_outcome(OutcomeState<T>& from, OutcomeState<T>& to) {
    switch (from.state()) {
        case CallState::failed:
            from.mark_observed();
            return to.store_exception(from.error());
        case CallState::cancelled:
            return CallState::cancelled;
        default:
            if constexpr (std::is_void_v<T>)
                return to.store_result_of([] {});
            else
                return to.store_result_of([&]() -> T { return value_for(from); });
    }
}

template <class Function, class T>
inline constexpr bool callable_with_value =
    std::is_invocable_v<Function, T> || std::is_invocable_v<Function, const T&>;
template <class Function>
inline constexpr bool callable_with_value<Function, void> = std::is_invocable_v<Function>;

/// Calls `function` with the value of a finished call: by reference where others may look at it too and
/// the function is content with that.
template <class Function, class T>
decltype(auto) invoke_with_value(Function& function, OutcomeState<T>& state) {
    if constexpr (std::is_void_v<T>) {
        return detail::invoke(std::move(function));
    } else if constexpr (std::is_reference_v<T>) {
        return detail::invoke(std::move(function), static_cast<T>(*state.value()));
    } else if constexpr (requires {
                             requires std::is_rvalue_reference_v<std::invoke_result_t<Function, T>>;
                         }) {
        // A part of the value, as `&Class::member` gives it: kept by itself, for the value goes.
        using Part = std::remove_cvref_t<std::invoke_result_t<Function, T>>;
        return Part(detail::invoke(std::move(function), value_for(state)));
    } else if constexpr (std::is_invocable_v<Function, const T&>) {
        using Result = std::invoke_result_t<Function, const T&>;
        if constexpr (std::is_same_v<Result, std::invoke_result_t<Function, T>>) {
            return state.last_handle() ? detail::invoke(std::move(function), std::move(state.value()))
                                       : detail::invoke(std::move(function), std::as_const(state.value()));
        } else {
            return detail::invoke(std::move(function), std::as_const(state.value()));
        }
    } else {
        return detail::invoke(std::move(function), value_for(state));
    }
}

/// `Inner` is void when the function returns a plain U; else it takes the returned future apart:
/// Inner::release(future) gives its state with one handle.
template <class T, class U, class Function, class Inner>
class Continuation final : public OutcomeState<U>, public Listener {
  public:
    /// Takes over one handle of the parent.
    template <class F>
    Continuation(OutcomeState<T>* parent, F&& function)
        : Listener(Kind::callback), parent_(parent) {
        ::new (static_cast<void*>(std::addressof(function_))) Function(std::forward<F>(function));
    }

    void notify(SharedState&, TaskQueue* later) override {
        inner_ ? end_like_inner(later) : run_function(later);
    }

    bool cancel() noexcept override {
        if (this->begin_cancel()) {
            std::destroy_at(std::addressof(function_));
            const bool removed = leave_parent();
            this->finish(CallState::cancelled);
            if (removed) this->drop_producer();  // else notify() does
            return true;
        }
        if constexpr (!std::is_void_v<Inner>) {
            if (SharedState* const inner = borrow(inner_)) {
                const bool cancelled = inner->cancel();
                inner->drop_handle();
                return cancelled;
            }
        }
        return this->was_cancelled();
    }
    bool run_here(const RunHere& way) override {
        SharedState* other = awaited();
        if (!other) return false;
        // One after the other: a chain may have a million links.
        bool follows = way.follows(this);
        while (follows) {
            SharedState* const before = other->awaited();
            if (!before) break;
            follows = way.follows(other);
            std::exchange(other, before)->drop_handle();
        }
        struct Drop {
            SharedState* state;
            ~Drop() { state->drop_handle(); }
        };
        const Drop reference{other};
        return follows && other->run_here(way);
    }
    SharedState* awaited() noexcept override {
        SharedState* const inner = borrow(inner_);
        return inner ? inner : borrow(parent_);
    }

  private:
    ~Continuation() override {
        if (parent_) parent_->drop_handle();
    }

    void run_function(TaskQueue* later) {
        CallState end = CallState::cancelled;
        const bool wanted = this->begin();
        bool has_inner = false;
        try {
            if (wanted) has_inner = call_function(end);
        } catch (ForcedUnwind&) {
            end = this->store_exception(ended_thread_error());
            std::destroy_at(std::addressof(function_));
            let_go(parent_);
            this->finish_and_drop_producer(end, later);
            throw;
        }
        if (wanted) std::destroy_at(std::addressof(function_));  // else cancel() does
        let_go(parent_);
        if (has_inner) {
            if constexpr (!std::is_void_v<Inner>) {
                if (inner_->add_listener(*this)) return;
                end_like_inner(later);
            }
            return;
        }
        wanted ? this->finish_and_drop_producer(end, later) : this->drop_producer();
    }

    /// True: the function has returned a future, which is inner_ now. Else `end` says how this call ends.
    bool call_function(CallState& end) {
        switch (parent_->state()) {
            case CallState::cancelled:
                return false;
            case CallState::failed:
                parent_->mark_observed();
                end = this->store_exception(parent_->error());
                return false;
            default:
                if constexpr (!std::is_void_v<Inner>) {
                    return get_inner(end);
                } else {
                    end = this->store_result_of([&]() -> U { return invoke_with_value(function_, *parent_); });
                    return false;
                }
        }
    }

    /// False when the function threw; then `end` says how this call ends.
    bool get_inner(CallState& end) {
        if constexpr (!std::is_void_v<Inner>) {
            try {
                OutcomeState<U>* const inner = Inner::release(invoke_with_value(function_, *parent_));
                const std::lock_guard guard(*static_cast<SharedState*>(this));
                inner_ = inner;
                return true;
            } catch (ForcedUnwind&) {
                throw;
            } catch (...) {
                end = this->store_exception(std::current_exception());
            }
        }
        return false;
    }

    void end_like_inner(TaskQueue* later) {
        if constexpr (!std::is_void_v<Inner>) {
            const CallState end = copy_outcome(*inner_, static_cast<OutcomeState<U>&>(*this));
            let_go(inner_);
            this->finish_and_drop_producer(end, later);
        }
    }

    /// False when the parent is just telling.
    bool leave_parent() noexcept {
        SharedState* const parent = borrow(parent_);
        if (!parent) return false;
        const bool removed = parent->remove_listener(*this);
        if (removed) let_go(parent_);
        parent->drop_handle();
        return removed;
    }

    // parent_ and inner_ are taken away when they have ended, or a chain of a million would be destroyed
    // one inside the other; others may want to help meanwhile.
    template <class State>
    SharedState* borrow(State* const& other) noexcept {
        const std::lock_guard guard(*static_cast<SharedState*>(this));
        if (other) other->add_handle();
        return other;
    }
    template <class State>
    void let_go(State*& other) noexcept {
        State* const taken = [&] {
            const std::lock_guard guard(*static_cast<SharedState*>(this));
            return std::exchange(other, nullptr);
        }();
        taken->drop_handle();
    }

    OutcomeState<T>* parent_;           // guarded by lock(), set until it has ended or this was cancelled
    OutcomeState<U>* inner_ = nullptr;  // the same, for the future that the function returned
    union {
        Function function_;  // destroyed before the call ends
    };
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
