// SPDX-License-Identifier: MIT
//
// map_stream.hpp: the interface through which MapResults reads the outcomes of a map one after the other, of every kind of
// pool. One thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <type_traits>

#include "concurrent/futures/detail/map/map_outcome.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// A map in progress, as its reader sees it.
template <class R>
class MapStream {
  public:
    MapStream() = default;
    MapStream(const MapStream&) = delete;
    MapStream& operator=(const MapStream&) = delete;
    virtual ~MapStream() = default;

    bool at_end() const { return next_ == stop_ && is_at_end(); }
    MapReference<R> current() {
        if (next_ != ready_ || find_values()) return value_in<R>(*next_);
        return wait_for_current();
    }
    void advance() {
        if (next_ == ready_) return advance_past_unknown();
        if constexpr (!std::is_trivially_destructible_v<MapItem<R>>) release_current();
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

    void set_page(MapSlot<R>* places, Atomic<MapState>* states, std::size_t count) noexcept {
        page_ = next_ = ready_ = places;
        stop_ = places + count;
        states_ = states;
    }
    void forget_page() noexcept { page_ = next_ = ready_ = stop_ = nullptr; }
    /// Only where there is one.
    MapOutcome<R> current_outcome() const noexcept { return {next_, states_ + (next_ - page_)}; }

    // The outcomes to come that are next to each other in memory, the current one first: those are given out without a
    // virtual call. Null where there are none. Those before ready_ are known to be values.
    MapSlot<R>* next_ = nullptr;
    MapSlot<R>* stop_ = nullptr;
    bool cancels_ = true;

  private:
    static constexpr std::ptrdiff_t most_ahead = tuning::map_values_ahead;

    /// Looks how many values there are from here. False: none.
    bool find_values() noexcept {
        const std::ptrdiff_t left = stop_ - next_, limit = left < most_ahead ? left : most_ahead;
        const Atomic<MapState>* const states = states_ + (next_ - page_);
        // acquire, pairs with (1) of MapOutcome: the values may be read.
        const auto difference = [states](std::ptrdiff_t n) {  // 0: it is a value
            return static_cast<unsigned>(states[n].load(std::memory_order_acquire)) ^ static_cast<unsigned>(MapState::value);
        };
        std::ptrdiff_t count = 0;
        while (count + 4 <= limit &&
               (difference(count) | difference(count + 1) | difference(count + 2) | difference(count + 3)) == 0)
            count += 4;
        while (count != limit && difference(count) == 0) ++count;
        ready_ = next_ + count;
        return count != 0;
    }
    void release_current() noexcept { current_outcome().release(); }
    void advance_past_unknown() {
        if (next_ == stop_) return skip();
        release_current();
        ready_ = ++next_;
        if (next_ == stop_) turn_page();
    }

    MapSlot<R>* ready_ = nullptr;
    MapSlot<R>* page_ = nullptr;
    Atomic<MapState>* states_ = nullptr;  // of the page
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
