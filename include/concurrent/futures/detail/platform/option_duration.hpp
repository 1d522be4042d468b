// SPDX-License-Identifier: MIT
//
// option_duration.hpp: durations that users hand over, converted without overflow.
//
//     rounded_up<std::chrono::nanoseconds>(timeout, "Process::join")   // any unit, integers or floating point
//     OptionDuration<std::chrono::nanoseconds> timeout = std::chrono::hours::max();
//
// What is beyond the range of the new unit becomes its largest or smallest value. std::chrono's own conversion
// overflows: hours::max() as nanoseconds is a negative number. NaN throws std::invalid_argument.
#pragma once

#include <concepts>
#include <limits>
#include <optional>
#include <ratio>
#include <stdexcept>
#include <string>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/refusal.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class Rep>
inline constexpr bool can_be_nan = !std::numeric_limits<Rep>::is_integer;

/// `duration` in `Unit`, an integral type of 64 bits. `object` names the argument in the error.
template <class Unit, class Rep, class Period>
constexpr Unit rounded_up(std::chrono::duration<Rep, Period> duration, const char* object) noexcept(!can_be_nan<Rep>) {
    using Number = typename Unit::rep;
    static_assert(std::numeric_limits<Number>::digits >= 63);
    if constexpr (can_be_nan<Rep>)
        if (duration != duration)
            throw std::invalid_argument(std::string(object) +
                                        " is not a number (NaN): give a duration, or leave it out for no limit");
    // Far enough from the limits that no rounding of the comparison matters.
    const double units = std::chrono::duration<double, typename Unit::period>(duration).count();
    if (units >= 9.2e18) return (Unit::max)();
    if (units <= -9.2e18) return (Unit::min)();
    // Exact where neither direction of the conversion multiplies and divides, as its product may overflow.
    using Factor = std::ratio_divide<Period, typename Unit::period>;
    if constexpr (Factor::num == 1 || Factor::den == 1) {
        return std::chrono::ceil<Unit>(duration);
    } else {
        const auto whole = static_cast<Number>(units);
        return Unit(static_cast<double>(whole) < units ? whole + 1 : whole);
    }
}

/// A std::optional<Unit> that takes a duration of any unit, and is right for the longest ones, too.
template <class Unit>
class OptionDuration : public std::optional<Unit> {
    using Optional = std::optional<Unit>;

  public:
    /// Empty.
    constexpr OptionDuration() noexcept = default;
    constexpr OptionDuration(std::nullopt_t) noexcept {}
    template <class Rep, class Period>
    constexpr OptionDuration(std::chrono::duration<Rep, Period> duration) noexcept(!can_be_nan<Rep>)
        : Optional(rounded_up<Unit>(duration, "an option that is a duration (such as timeout, idle_timeout, "
                                              "stop_grace)")) {}
    template <class Rep, class Period>
    constexpr OptionDuration(const std::optional<std::chrono::duration<Rep, Period>>& duration) noexcept(
        !can_be_nan<Rep>) {
        if (duration) *this = OptionDuration(*duration);
    }
    template <NumberWithoutUnit Number>
    constexpr OptionDuration(Number) {
        refuse_number_without_unit<Number>();
    }

    // std::optional's own comparisons are ambiguous for two objects of this type, and take it for a value beside a
    // std::optional. Templates, so that nothing is converted to this type for them.
    template <std::same_as<OptionDuration> Own>
    friend constexpr bool operator==(const Own& a, const Own& b) noexcept {
        return static_cast<const Optional&>(a) == static_cast<const Optional&>(b);
    }
    template <std::same_as<OptionDuration> Own, class Rep, class Period>
    friend constexpr bool operator==(const Own& a,
                                     const std::optional<std::chrono::duration<Rep, Period>>& b) noexcept {
        return static_cast<const Optional&>(a) == b;
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
