// SPDX-License-Identifier: MIT
//
// roomy_value.hpp: a local variable of any type. A large value lies on the heap, because a stack has 8 MiB or much
// less.
//
//     RoomyValue<Call> call(std::in_place, f, args...);        // constructed where it stays
//     RoomyValue<Result> result([&] { return (*call)(); });    // so is the result of a function
//
// Threads: not synchronised.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Values above this size do not belong on a stack.
inline constexpr std::size_t most_on_the_stack = 4096;

template <class T>
class RoomyValue {
    struct Holder {
        template <class... Args>
        explicit Holder(std::in_place_t, Args&&... args) : value(std::forward<Args>(args)...) {}
        template <class Make>
        explicit Holder(Make& make) : value(make()) {}
        T value;
    };
    static constexpr bool is_large = sizeof(T) > most_on_the_stack;

  public:
    template <class... Args>
    explicit RoomyValue(std::in_place_t, Args&&... args) requires(!is_large)
        : holder_(std::in_place, std::forward<Args>(args)...) {}
    template <class... Args>
    explicit RoomyValue(std::in_place_t, Args&&... args) requires(is_large)
        : holder_(std::make_unique<Holder>(std::in_place, std::forward<Args>(args)...)) {}
    template <class Make>
    explicit RoomyValue(Make make) requires(!is_large) : holder_(make) {}
    template <class Make>
    explicit RoomyValue(Make make) requires(is_large) : holder_(std::make_unique<Holder>(make)) {}

    T& operator*() noexcept {
        if constexpr (is_large)
            return holder_->value;
        else
            return holder_.value;
    }
    T* operator->() noexcept { return std::addressof(**this); }

  private:
    std::conditional_t<is_large, std::unique_ptr<Holder>, Holder> holder_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
