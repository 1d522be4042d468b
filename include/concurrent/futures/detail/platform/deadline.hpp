// SPDX-License-Identifier: MIT
//
// deadline.hpp: a point on the steady clock at which a wait ends.
//
//     const Deadline deadline = Deadline::after(5s);   // from now
//     while (!ready() && !deadline.passed()) …
//
// A duration too long for the clock (seconds::max()) means for ever, a negative duration means now. NaN throws
// std::invalid_argument, as in Python.
#pragma once

#include <limits>
#include <optional>
#include <stdexcept>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class Deadline {
  public:
    using Clock = std::chrono::steady_clock;

    template <class Rep>
    static constexpr bool can_be_nan = !std::numeric_limits<Rep>::is_integer;

    static Deadline never() noexcept { return Deadline{}; }

    template <class Rep, class Period>
    static Deadline after(std::chrono::duration<Rep, Period> duration) noexcept(!can_be_nan<Rep>) {
        if constexpr (can_be_nan<Rep>)
            if (duration != duration)
                throw std::invalid_argument("a timeout is not a number (NaN): give a duration, or none to wait for ever");
        using Seconds = std::chrono::duration<double>;
        const Clock::time_point now = Clock::now();
        const Seconds room = (Clock::time_point::max)() - now;
        if (Seconds(duration) >= room * 0.5) return never();
        if (duration <= duration.zero()) return Deadline(now);
        return Deadline(now + std::chrono::ceil<Clock::duration>(duration));
    }

    template <class Rep, class Period>
    static Deadline after(const std::optional<std::chrono::duration<Rep, Period>>& duration) noexcept(!can_be_nan<Rep>) {
        return duration ? after(*duration) : never();
    }

    /// As far from now as `time` is from the present time of its own clock.
    template <class OtherClock, class Length>
    static Deadline until(std::chrono::time_point<OtherClock, Length> time) {
        using Seconds = std::chrono::duration<double>;
        const auto now = OtherClock::now();
        const Seconds left = Seconds(time.time_since_epoch()) - Seconds(now.time_since_epoch());
        // Exact, where the difference fits; time_point::min() and max() lie beyond.
        const bool fits = left > Seconds(-1e9) && left < Seconds(1e9);
        return fits ? after(time - now) : after(left);
    }

    explicit Deadline(Clock::time_point at) noexcept : at_(at) {}

    bool is_never() const noexcept { return !at_; }
    bool passed() const noexcept { return at_ && Clock::now() >= *at_; }
    /// The earlier of both.
    Deadline or_earlier(const Deadline& other) const noexcept {
        return is_never() || (!other.is_never() && other.at() < at()) ? other : *this;
    }
    /// Only when not is_never().
    Clock::time_point at() const noexcept { return *at_; }
    /// Never negative. Only when not is_never().
    Clock::duration left() const noexcept {
        const auto left = *at_ - Clock::now();
        return left > Clock::duration::zero() ? left : Clock::duration::zero();
    }

  private:
    Deadline() noexcept = default;
    std::optional<Clock::time_point> at_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
