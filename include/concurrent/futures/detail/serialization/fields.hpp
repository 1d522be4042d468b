// SPDX-License-Identifier: MIT
//
// fields.hpp: the fields of a plain aggregate, up to 32, one by one.
//
//     struct Point { int x; int y; };
//     detail::visit_fields(point, [](auto types, auto&... fields) {});  // TypeList<int, int>, x, y
//
// Structured bindings, one row for each number of fields, since C++20 has no packs of them. The
// types are the declared ones, so that a reference is seen as one.
#pragma once

#include <type_traits>
#include <utility>

#include <concurrent/futures/detail/serialization/field_count.hpp>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

// decltype(first), decltype(second), …: a macro that calls itself, 64 rescans deep at most.
#define CONCURRENT_FUTURES_PARENTHESES ()
#define CONCURRENT_FUTURES_RESCAN(...)                         \
    CONCURRENT_FUTURES_RESCAN_16(CONCURRENT_FUTURES_RESCAN_16( \
        CONCURRENT_FUTURES_RESCAN_16(CONCURRENT_FUTURES_RESCAN_16(__VA_ARGS__))))
#define CONCURRENT_FUTURES_RESCAN_16(...)                    \
    CONCURRENT_FUTURES_RESCAN_4(CONCURRENT_FUTURES_RESCAN_4( \
        CONCURRENT_FUTURES_RESCAN_4(CONCURRENT_FUTURES_RESCAN_4(__VA_ARGS__))))
#define CONCURRENT_FUTURES_RESCAN_4(...)                     \
    CONCURRENT_FUTURES_RESCAN_1(CONCURRENT_FUTURES_RESCAN_1( \
        CONCURRENT_FUTURES_RESCAN_1(CONCURRENT_FUTURES_RESCAN_1(__VA_ARGS__))))
#define CONCURRENT_FUTURES_RESCAN_1(...) __VA_ARGS__
#define CONCURRENT_FUTURES_TYPES(first, ...) \
    decltype(first) __VA_OPT__(              \
        , CONCURRENT_FUTURES_TYPES_AGAIN CONCURRENT_FUTURES_PARENTHESES(__VA_ARGS__))
#define CONCURRENT_FUTURES_TYPES_AGAIN() CONCURRENT_FUTURES_TYPES
#define CONCURRENT_FUTURES_ROW(count, ...)                                                \
    else if constexpr (field_count<std::remove_const_t<T>> == count) {                    \
        auto& [__VA_ARGS__] = value;                                                      \
        return visitor(                                                                   \
            TypeList<CONCURRENT_FUTURES_RESCAN(CONCURRENT_FUTURES_TYPES(__VA_ARGS__))>(), \
            __VA_ARGS__);                                                                 \
    }

/// Calls visitor(TypeList<declared types…>(), fields…).
// clang-format off
template <class T, class Visitor>
constexpr decltype(auto) visit_fields(T& value, Visitor&& visitor) {
    if constexpr (field_count<std::remove_const_t<T>> == 0) {
        static_cast<void>(value);
        return visitor(TypeList<>());
    }
    CONCURRENT_FUTURES_ROW(1, f1)
    CONCURRENT_FUTURES_ROW(2, f1, f2)
    CONCURRENT_FUTURES_ROW(3, f1, f2, f3)
    CONCURRENT_FUTURES_ROW(4, f1, f2, f3, f4)
    CONCURRENT_FUTURES_ROW(5, f1, f2, f3, f4, f5)
    CONCURRENT_FUTURES_ROW(6, f1, f2, f3, f4, f5, f6)
    CONCURRENT_FUTURES_ROW(7, f1, f2, f3, f4, f5, f6, f7)
    CONCURRENT_FUTURES_ROW(8, f1, f2, f3, f4, f5, f6, f7, f8)
    CONCURRENT_FUTURES_ROW(9, f1, f2, f3, f4, f5, f6, f7, f8, f9)
    CONCURRENT_FUTURES_ROW(10, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10)
    CONCURRENT_FUTURES_ROW(11, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11)
    CONCURRENT_FUTURES_ROW(12, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12)
    CONCURRENT_FUTURES_ROW(13, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13)
    CONCURRENT_FUTURES_ROW(14, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14)
    CONCURRENT_FUTURES_ROW(15, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15)
    CONCURRENT_FUTURES_ROW(16, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15,
                           f16)
    CONCURRENT_FUTURES_ROW(17, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15,
                           f16, f17)
    CONCURRENT_FUTURES_ROW(18, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15,
                           f16, f17, f18)
    CONCURRENT_FUTURES_ROW(19, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15,
                           f16, f17, f18, f19)
    CONCURRENT_FUTURES_ROW(20, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15,
                           f16, f17, f18, f19, f20)
    CONCURRENT_FUTURES_ROW(21, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15,
                           f16, f17, f18, f19, f20, f21)
    CONCURRENT_FUTURES_ROW(22, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15,
                           f16, f17, f18, f19, f20, f21, f22)
    CONCURRENT_FUTURES_ROW(23, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15,
                           f16, f17, f18, f19, f20, f21, f22, f23)
    CONCURRENT_FUTURES_ROW(24, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15,
                           f16, f17, f18, f19, f20, f21, f22, f23, f24)
    CONCURRENT_FUTURES_ROW(25, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15,
                           f16, f17, f18, f19, f20, f21, f22, f23, f24, f25)
    CONCURRENT_FUTURES_ROW(26, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15,
                           f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26)
    CONCURRENT_FUTURES_ROW(27, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15,
                           f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27)
    CONCURRENT_FUTURES_ROW(28, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15,
                           f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28)
    CONCURRENT_FUTURES_ROW(29, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15,
                           f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29)
    CONCURRENT_FUTURES_ROW(30, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15,
                           f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29,
                           f30)
    CONCURRENT_FUTURES_ROW(31, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15,
                           f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29,
                           f30, f31)
    CONCURRENT_FUTURES_ROW(32, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15,
                           f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29,
                           f30, f31, f32)
}
// clang-format on

#undef CONCURRENT_FUTURES_PARENTHESES
#undef CONCURRENT_FUTURES_RESCAN
#undef CONCURRENT_FUTURES_RESCAN_16
#undef CONCURRENT_FUTURES_RESCAN_4
#undef CONCURRENT_FUTURES_RESCAN_1
#undef CONCURRENT_FUTURES_TYPES
#undef CONCURRENT_FUTURES_TYPES_AGAIN
#undef CONCURRENT_FUTURES_ROW

template <class T>
consteval auto field_types() {
    return decltype(visit_fields(std::declval<T&>(),
                                 [](auto types, const auto&...) { return types; }))();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
