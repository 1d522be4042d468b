// SPDX-License-Identifier: MIT
//
// map_outcome.hpp: what became of one item of a map.
//
//     waiting ──▶ value | error      by the thread that ran the item
//     waiting ──▶ unstarted          it will never run
//     value, error ──▶ taken         by the reader, who has moved past it
//
// The values (or exceptions) of a map lie in one array and the states in another: so 64 states are in one line of the
// cache, and small results next to each other. MapOutcome refers to both. The state is stored with release when the
// outcome is complete, and read with acquire by the one reader.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <variant>

#include "concurrent/futures/detail/platform/atomic.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// What a call gives for one item; void becomes something that can be kept.
template <class R>
using MapItem = std::conditional_t<
    std::is_void_v<R>, std::monostate,
    std::conditional_t<std::is_reference_v<R>, std::remove_reference_t<R>*, std::remove_cv_t<R>>>;

/// What *it gives.
template <class R>
using MapReference =
    std::conditional_t<std::is_reference_v<R>, R, std::add_rvalue_reference_t<MapItem<R>>>;

/// Stores the result of `call()` at `place`, built there.
template <class R, class Call>
void construct_map_item(MapItem<R>* place, Call&& call) {
    if constexpr (std::is_void_v<R>) {
        std::forward<Call>(call)();
        std::construct_at(place);
    } else if constexpr (std::is_reference_v<R>) {
        auto&& referred = std::forward<Call>(call)();
        std::construct_at(place, std::addressof(referred));
    } else {
        // Plain new, not construct_at: the call's result is the stored object itself.
        ::new (static_cast<void*>(place)) MapItem<R>(std::forward<Call>(call)());
    }
}

enum class MapState : std::uint8_t { waiting, unstarted, value, error, taken };

/// Memory for a value or an exception; its MapState says which.
template <class R>
union MapSlot {
    MapSlot() noexcept {}
    ~MapSlot() {}
    MapItem<R> value;
    std::exception_ptr error;
};

/// Gives the value to move from.
template <class R>
MapReference<R> value_in(MapSlot<R>& slot) noexcept {
    if constexpr (std::is_reference_v<R>)
        return static_cast<R>(*slot.value);
    else
        return std::move(slot.value);
}

/// Refers to the parts of an outcome.
template <class R>
class MapOutcome {
  public:
    using State = MapState;

    MapOutcome(MapSlot<R>* slot, Atomic<MapState>* state) noexcept : slot_(slot), state_(state) {}

    State state() const noexcept {
        // (2) acquire, pairs with (1): the value or exception may be read.
        return state_->load(std::memory_order_acquire);
    }
    /// A value or an exception is there.
    bool ran() const noexcept { return state() >= State::value; }

    /// Once, by the thread that runs the item: what `call()` gives. When it throws, nothing is stored.
    template <class Call>
    void store_result_of(Call&& call) const {
        construct_map_item<R>(std::addressof(slot_->value), std::forward<Call>(call));
        publish(State::value);
    }
    /// Instead.
    void store_error(std::exception_ptr error) const noexcept {
        std::construct_at(std::addressof(slot_->error), std::move(error));
        publish(State::error);
    }
    void mark_unstarted() const noexcept { publish(State::unstarted); }

    // The reader's side.

    /// Gives the value to move from, or throws the item's exception. Only when ran().
    MapReference<R> get() const {
        if (state() == State::error) std::rethrow_exception(slot_->error);
        return value_in<R>(*slot_);
    }
    /// It will not be read any more. What has not run yet is left to destroy().
    void release() const noexcept {
        if constexpr (std::is_trivially_destructible_v<MapItem<R>>) {
            if (state() != State::error) return;
        } else {
            if (!ran()) return;
        }
        destroy();
        // relaxed: only this reader, and destroy() after it, look at it now.
        state_->store(State::taken, std::memory_order_relaxed);
    }

    /// What is in the slot, if anything is.
    void destroy() const noexcept {
        switch (state()) {
            case State::value: return std::destroy_at(std::addressof(slot_->value));
            case State::error: return std::destroy_at(std::addressof(slot_->error));
            default: return;
        }
    }

  private:
    void publish(State state) const noexcept {
        // (1) release, pairs with (2): hands over the value or exception.
        state_->store(state, std::memory_order_release);
    }

    MapSlot<R>* slot_;
    Atomic<MapState>* state_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
