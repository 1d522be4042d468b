// SPDX-License-Identifier: MIT
//
// map_outcome.hpp: what became of one item of a map, and the interface through which MapResults reads the
// outcomes one after the other, of every kind of pool.
//
//     waiting ──▶ value | error      by the thread that ran the item
//     waiting ──▶ unstarted          it will never run
//     value, error ──▶ taken         by the reader, who has moved past it
//
// The state is stored with release when the outcome is complete, and read with acquire by the one reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/state/ended_thread.hpp"

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

template <class R>
class MapOutcome {
  public:
    enum class State : std::uint8_t { waiting, unstarted, value, error, taken };

    MapOutcome() noexcept {}
    MapOutcome(const MapOutcome&) = delete;
    MapOutcome& operator=(const MapOutcome&) = delete;
    ~MapOutcome() { destroy(); }

    State state() const noexcept {
        // (2) acquire, pairs with (1): the value or exception may be read.
        return state_.load(std::memory_order_acquire);
    }
    /// A value or an exception is there.
    bool ran() const noexcept { return state() >= State::value; }

    /// Once, by the thread that runs the item. False when the call threw. Where there is a counter of
    /// ends, the outcome takes a number from it. A ForcedUnwind passes when the outcome is stored.
    template <class Call>
    bool store_result_of(Atomic<std::uint32_t>* ends, Call&& call) {
        State end = State::value;
        const auto store = [&](std::exception_ptr error) {
            std::construct_at(std::addressof(error_), std::move(error));
            end = State::error;
        };
        const auto tell = [&] {
            // relaxed: the number orders nothing but the reader's list.
            if (ends) order_ = ends->fetch_add(1, std::memory_order_relaxed);
            publish(end);
        };
        try {
            construct_map_item<R>(std::addressof(value_), std::forward<Call>(call));
        } catch (ForcedUnwind&) {
            store(ended_thread_error());
            tell();
            throw;
        } catch (...) {
            store(std::current_exception());
        }
        tell();
        return end == State::value;
    }
    void mark_unstarted() noexcept { publish(State::unstarted); }

    // The reader's side.

    /// Gives the value to move from, or throws the item's exception. Only when ran().
    MapReference<R> get() {
        if (state() == State::error) std::rethrow_exception(error_);
        if constexpr (std::is_reference_v<R>)
            return static_cast<R>(*value_);
        else
            return std::move(value_);
    }
    /// It will not be read any more. What has not run yet is left to the destructor.
    void release() noexcept {
        if constexpr (std::is_trivially_destructible_v<MapItem<R>>) {
            if (state() != State::error) return;
        } else {
            if (!ran()) return;
        }
        destroy();
        // relaxed: only this reader, and the destructor that follows, look at it now.
        state_.store(State::taken, std::memory_order_relaxed);
    }
    /// The number from the counter of ends. Only when ran().
    std::uint32_t order() const noexcept { return order_; }

  private:
    void publish(State state) noexcept {
        // (1) release, pairs with (2): hands over the value or exception.
        state_.store(state, std::memory_order_release);
    }
    void destroy() noexcept {
        switch (state()) {
            case State::value: return std::destroy_at(std::addressof(value_));
            case State::error: return std::destroy_at(std::addressof(error_));
            default: return;
        }
    }

    union {
        MapItem<R> value_;
        std::exception_ptr error_;
    };
    std::uint32_t order_ = 0;
    Atomic<State> state_{State::waiting};
};

/// A map in progress, as its reader sees it. One thread at a time.
template <class R>
class MapStream {
  public:
    MapStream() = default;
    MapStream(const MapStream&) = delete;
    MapStream& operator=(const MapStream&) = delete;
    virtual ~MapStream() = default;

    bool at_end() const { return next_ == stop_ && is_at_end(); }
    MapReference<R> current() {
        if (next_ != stop_ && next_->ran()) return next_->get();
        return wait_for_current();
    }
    void advance() {
        if (next_ == stop_) return skip();
        next_->release();
        if (++next_ == stop_) turn_page();
    }
    /// Cancels what has not started and forgets the rest; the range is at its end.
    virtual void cancel() noexcept = 0;
    /// From now on the destructor cancels nothing.
    void let_run() noexcept { cancels_ = false; }
    /// Items still to be given, the current one included; empty while the input is still being read.
    std::optional<std::size_t> remaining() const noexcept {
        const std::optional<std::size_t> rest = beyond();
        return rest ? *rest + static_cast<std::size_t>(stop_ - next_) : rest;
    }

  protected:
    virtual bool is_at_end() const = 0;
    virtual MapReference<R> wait_for_current() = 0;
    virtual void skip() = 0;
    virtual void turn_page() = 0;
    /// What remaining() gives, without the outcomes from next_ to stop_.
    virtual std::optional<std::size_t> beyond() const noexcept = 0;

    // The outcomes to come that are next to each other in memory, the current one first: those are given
    // out without a virtual call. Null where there are none.
    MapOutcome<R>* next_ = nullptr;
    MapOutcome<R>* stop_ = nullptr;
    bool cancels_ = true;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
