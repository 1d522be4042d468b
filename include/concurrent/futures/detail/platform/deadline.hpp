// SPDX-License-Identifier: MIT
//
// deadline.hpp: a point on the steady clock at which a wait ends.
//
//     const Deadline deadline = Deadline::after(5s);   // from now
//     while (!ready() && !deadline.passed()) …
//
// A duration of more than thirty years (seconds::max()) means for ever, a negative duration means now. NaN throws
// std::invalid_argument, as in Python.
#pragma once

#include <optional>
#include <ratio>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/option_duration.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class Deadline {
  public:
    using Clock = std::chrono::steady_clock;

    /// What is longer is for ever: also where the system counts seconds in 32 bits.
    static constexpr std::chrono::hours longest{24 * 365 * 30};

    static Deadline never() noexcept { return Deadline{}; }

    /// `object` names the argument in the error for NaN.
    template <class Rep, class Period>
    static Deadline after(std::chrono::duration<Rep, Period> duration,
                          const char* object = "a timeout") noexcept(!can_be_nan<Rep>) {
        const auto length = rounded_up<std::chrono::nanoseconds>(duration, object);
        if (length > longest) return never();
        const Clock::time_point now = Clock::now();
        if (length <= length.zero()) return Deadline(now);
        return Deadline(now + std::chrono::ceil<Clock::duration>(length));
    }

    template <class Rep, class Period>
    static Deadline after(const std::optional<std::chrono::duration<Rep, Period>>& duration,
                          const char* object = "a timeout") noexcept(!can_be_nan<Rep>) {
        return duration ? after(*duration, object) : never();
    }

    /// As far from now as `time` is from the present time of its own clock.
    template <class OtherClock, class Length>
    static Deadline until(std::chrono::time_point<OtherClock, Length> time, const char* object = "a time point") {
        using Seconds = std::chrono::duration<double>;
        using Difference = decltype(time - OtherClock::now());
        using Factor = std::ratio_divide<typename Difference::period, std::nano>;
        const auto now = OtherClock::now();
        const Seconds left = Seconds(time.time_since_epoch()) - Seconds(now.time_since_epoch());
        // The exact difference may overflow: time_point::min() and max(), or a unit such as 1/44100 s, for which the
        // common unit with the clock's is very small.
        if constexpr (Factor::den == 1)
            if (left > Seconds(-1e9) && left < Seconds(1e9)) return after(time - now, object);
        return after(left, object);
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
