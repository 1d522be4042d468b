// SPDX-License-Identifier: MIT
//
// option_value.hpp: a std::string, std::function, … as a member of an options struct, safe from g++ 12.
//
//     struct TaskOptions {
//         OptionValue<std::string> name{};
//         …
//     };
//
// What g++ 12 does wrong: in an expression with co_await it makes each member of an aggregate as a variable of
// its own, copies the member's bytes into the aggregate, and destroys both. So
//     co_await pool.submit({.name = "load"}, load);
// would free the string twice. It concerns braces (also parentheses) around members with a destructor, and
// captures of a lambda; see coroutine.hpp. clang and g++ 14 are right.
//
// The remedy: an OptionValue knows its own address. If it is at another address, it is a copy of the bytes of an
// original that still lives: then it may be read and copied, and its destructor does nothing.
// Do not move a T out of an option, and do not change a T through its members: assign a new one.
#pragma once

#include <concepts>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/function.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// T: a class that can be copied and that a default-constructed one can stand for.
template <class T>
class OptionValue : public T {
  public:
    using T::T;
    OptionValue() noexcept = default;
    /// From what converts to T; a braced list takes T's own constructors. Derived types are excluded first: whether
    /// OptionValue converts to T may depend on this constructor (clang 19 in C++23).
    template <class Value>
        requires(!std::derived_from<std::remove_cvref_t<Value>, OptionValue> && std::convertible_to<Value, T>)
    OptionValue(Value&& value) : T(std::forward<Value>(value)) {}
    OptionValue(const OptionValue& other) : T(static_cast<const T&>(other)) {}
    OptionValue(OptionValue&& other) : T(other.taken()) {}

    template <class Value>
        requires(!std::derived_from<std::remove_cvref_t<Value>, OptionValue> && std::is_assignable_v<T&, Value>)
    OptionValue& operator=(Value&& value) {
        own() = std::forward<Value>(value);
        return *this;
    }
    OptionValue& operator=(const OptionValue& other) {
        if (this != &other) own() = static_cast<const T&>(other);
        return *this;
    }
    OptionValue& operator=(OptionValue&& other) {
        if (this != &other) own() = other.taken();
        return *this;
    }
    ~OptionValue() {
        if (!is_original()) forget();
    }

  private:
    static_assert(std::is_nothrow_default_constructible_v<T> && std::is_copy_constructible_v<T>);

    bool is_original() const noexcept { return self_ == this; }
    T taken() {
        if (is_original()) return static_cast<T&&>(*this);
        return static_cast<const T&>(*this);
    }
    /// Leaves the value to the original.
    void forget() noexcept { ::new (static_cast<void*>(static_cast<T*>(this))) T(); }
    T& own() noexcept {
        if (!is_original()) {
            forget();
            self_ = this;
        }
        return *this;
    }

    const OptionValue* self_ = this;
};

/// A std::function. The call is const, so that a std::function made from an empty one is empty, too: it takes
/// for a callable only what can be called without const.
template <class Signature>
class OptionFunction;
template <class Result, class... Args>
class OptionFunction<Result(Args...)> : public OptionValue<std::function<Result(Args...)>> {
    using Base = OptionValue<std::function<Result(Args...)>>;

  public:
    using Base::Base;
    OptionFunction() noexcept = default;
    template <class Value>
        requires(!std::derived_from<std::remove_cvref_t<Value>, Base> && std::is_assignable_v<Base&, Value>)
    OptionFunction& operator=(Value&& value) {
        Base::operator=(std::forward<Value>(value));
        return *this;
    }
    Result operator()(Args... args) const {
        return std::function<Result(Args...)>::operator()(std::forward<Args>(args)...);
    }
    Result operator()(Args... args) = delete;  // call it where it is const
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
