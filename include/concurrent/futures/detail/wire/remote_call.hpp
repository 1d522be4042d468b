// SPDX-License-Identifier: MIT
//
// remote_call.hpp: a call as bytes: which callables and arguments may cross, and in what form.
//
//     callable                                     on the wire
//     function pointer                             entry, location of the function
//     empty and default-constructible              entry                  (captureless lambda)
//     class with a codec, or a plain aggregate     entry, its value
//
// Arguments travel as the parameter types of the callable where it has one signature, so a literal
// reaches a std::string parameter as a string; std::span<const T> and std::string_view parameters are
// views of the received bytes. Generic callables get the decayed argument types. A callable that takes a
// std::stop_token first gets one that is made in the worker (stop_delivery.hpp).
// Code travels from the pool to its workers only, never back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/channels/descriptor_parts.hpp"
#include "concurrent/futures/detail/memory/roomy_value.hpp"
#include "concurrent/futures/detail/platform/function.hpp"
#include "concurrent/futures/detail/platform/loaded_modules.hpp"
#include "concurrent/futures/detail/serialization/codecs.hpp"
#include "concurrent/futures/detail/wire/task_registry.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class... Types>
struct ParameterList {};

/// The parameters of a callable with one signature; void otherwise.
template <class Callable>
struct ParametersOf {
    using type = void;
};
template <class R, class... P>
struct ParametersOf<R (*)(P...)> {
    using type = ParameterList<P...>;
};
template <class R, class... P>
struct ParametersOf<R (*)(P...) noexcept> {
    using type = ParameterList<P...>;
};
template <class Member>
struct ParametersOfMember;
#define CONCURRENT_FUTURES_MEMBER(qualifiers)                  \
    template <class R, class C, class... P>                    \
    struct ParametersOfMember<R (C::*)(P...) qualifiers> {     \
        using type = ParameterList<P...>;                      \
    };
CONCURRENT_FUTURES_MEMBER()
CONCURRENT_FUTURES_MEMBER(const)
CONCURRENT_FUTURES_MEMBER(noexcept)
CONCURRENT_FUTURES_MEMBER(const noexcept)
#undef CONCURRENT_FUTURES_MEMBER
template <class Callable>
    requires requires { typename ParametersOfMember<decltype(&Callable::operator())>::type; }
struct ParametersOf<Callable> {
    using type = typename ParametersOfMember<decltype(&Callable::operator())>::type;
};

/// What has to cross: the parameters without a std::stop_token in front.
template <class Parameters>
struct CrossingParameters {
    using type = Parameters;
    static constexpr bool with_stop_token = false;
};
template <class Stop, class... P>
    requires std::is_same_v<std::remove_cvref_t<Stop>, std::stop_token>
struct CrossingParameters<ParameterList<Stop, P...>> {
    using type = ParameterList<P...>;
    static constexpr bool with_stop_token = true;
};
template <class Callable>
using CrossingParametersOf = CrossingParameters<typename ParametersOf<Callable>::type>;

/// The jthread rule: a callable that can take a std::stop_token first gets one. Where the signature is
/// known nothing is tried out, which could fail inside of the callable.
template <class Callable, class... W>
inline constexpr bool takes_stop_token = [] {
    if constexpr (std::is_void_v<typename ParametersOf<Callable>::type>)
        return std::is_invocable_v<Callable&, std::stop_token, W...>;
    else
        return CrossingParametersOf<Callable>::with_stop_token;
}();

template <class Callable, class... W>
struct RemoteInvocation {
    static constexpr bool possible = std::is_invocable_v<Callable&, W...>;
    template <class C>
    using Result = std::invoke_result_t<C&, W...>;
};
template <class Callable, class... W>
    requires takes_stop_token<Callable, W...>
struct RemoteInvocation<Callable, W...> {
    static constexpr bool possible = std::is_invocable_v<Callable&, std::stop_token, W...>;
    template <class C>
    using Result = std::invoke_result_t<C&, std::stop_token, W...>;
};

template <class T>
inline constexpr bool is_argument_view = false;
template <>
inline constexpr bool is_argument_view<std::string_view> = true;
template <class T>
inline constexpr bool is_argument_view<std::span<const T>> = true;

/// The type in which an argument crosses to a parameter of type P.
template <class P, class Arg>
struct Crossing {
    static_assert(!std::is_lvalue_reference_v<P> || std::is_const_v<std::remove_reference_t<P>>,
                  "a parameter of type T& cannot refer to anything in this process: take T or const "
                  "T&, and return what was changed");
    using type = std::remove_cvref_t<P>;
};
template <class P, class Arg>
    requires is_converted_there<std::remove_cvref_t<Arg>>
struct Crossing<P, Arg> {
    using type = std::remove_cvref_t<Arg>;
};
/// No parameter is known: the argument decides.
template <class Arg>
    requires(!is_converted_there<std::remove_cvref_t<Arg>>)
struct Crossing<void, Arg> {
    using type = std::conditional_t<
        std::is_array_v<std::remove_cvref_t<Arg>> && std::is_convertible_v<Arg, std::string>,
        std::string, std::decay_t<Arg>>;
};

template <class Parameters, class... Args>
struct CrossingList {
    using type = ParameterList<typename Crossing<void, Args>::type...>;
};
template <class... P, class... Args>
    requires(sizeof...(P) == sizeof...(Args))
struct CrossingList<ParameterList<P...>, Args...> {
    using type = ParameterList<typename Crossing<P, Args>::type...>;
};

/// `submit<&Class::member>(object, …)`: the function is part of the type, nothing is left to send.
template <auto function>
struct StaticFunction {
    template <class... Args>
        requires std::is_invocable_v<decltype(function), Args...>
    decltype(auto) operator()(Args&&... args) const {
        return detail::invoke(function, std::forward<Args>(args)...);
    }
};

/// Encoding of callables. A partial specialisation may know more (MapChunk).
template <class Callable>
struct CallableCodec {
    static constexpr bool is_pointer = std::is_pointer_v<Callable> &&
                                       std::is_function_v<std::remove_pointer_t<Callable>>;
    static constexpr bool is_stateless =
        std::is_empty_v<Callable> && std::is_default_constructible_v<Callable>;

    static consteval void validate() {
        static_assert(!std::is_member_pointer_v<Callable>,
                      "a member function crosses as a template argument: write "
                      "pool.submit<&Class::member>(object, args...)");
        static_assert(is_pointer || is_stateless || !std::is_empty_v<Callable>,
                      "a lambda that starts with [&] or [=] cannot cross to another process: write "
                      "[] (globals are read in the worker)");
        if constexpr (!is_pointer && !is_stateless && std::is_class_v<Callable>) {
            static_assert(is_encodable<Callable> && is_decodable<Callable>,
                          "this callable cannot cross to another process. Pass what a lambda captures "
                          "as arguments instead: pool.submit([](int n) { … }, n); or write a struct "
                          "with an operator() and public members that can cross. std::function, "
                          "std::bind and std::ref cannot cross");
        }
    }
    static void encode(Encoder& encoder, const Callable& callable) {
        if constexpr (is_pointer) {
            const CodeLocation location =
                callable ? locate(reinterpret_cast<std::uintptr_t>(callable), true) : CodeLocation{};
            if (location.module == 0)
                throw SerializationError(
                    "submit: this function pointer is null or points to code made at run time, which "
                    "no other process has; pass a function of the program or of a library");
            encode_location(encoder, location);
        } else if constexpr (!is_stateless) {
            encoder.encode(callable);
        }
    }
    static Callable decode(Decoder& decoder) {
        if constexpr (is_pointer) {
            const std::uintptr_t address = resolve(decode_location(decoder), true);
            if (address == 0)
                throw SerializationError(
                    "the worker process has not loaded the library of this function; load it before "
                    "process_main or in ProcessPoolOptions::initializer");
            return reinterpret_cast<Callable>(address);
        } else if constexpr (is_stateless) {
            return Callable{};
        } else {
            return decoder.decode<Callable>();
        }
    }
};

template <class W, class Arg>
void encode_argument(Encoder& encoder, const Arg& argument) {
    if constexpr (std::is_same_v<W, Arg>) {
        encoder.encode(argument);
    } else {
        RoomyValue<W> converted([&]() -> W { return argument; });
        encoder.encode(std::as_const(*converted));
    }
}

template <class W>
W decode_argument(Decoder& decoder) {
    if constexpr (is_argument_view<W>)
        return decoder.decode_view<W>();
    else
        return decoder.decode<W>();
}

/// Decoded one after the other, each where it stays.
template <class... W>
struct DecodedArguments {
    explicit DecodedArguments(Decoder&) {}
    template <class Use, class... Before>
    decltype(auto) apply(Use& use, Before&... before) {
        return use(before...);
    }
};
template <class First, class... Rest>
struct DecodedArguments<First, Rest...> {
    explicit DecodedArguments(Decoder& call) : first(decode_argument<First>(call)), rest(call) {}
    template <class Use, class... Before>
    decltype(auto) apply(Use& use, Before&... before) {
        return rest.apply(use, before..., first);
    }
    First first;
    [[no_unique_address]] DecodedArguments<Rest...> rest;
};

template <class Callable, class Arguments>
struct RemoteCall;

/// Descriptors go along with its arguments: it is for a child of its own, not for the worker of a pool.
template <class Callable>
inline constexpr bool crosses_with_descriptors = false;

template <class Callable, class... W>
struct RemoteCall<Callable, ParameterList<W...>> {
    using Result = typename RemoteInvocation<Callable, W...>::template Result<Callable>;

    static consteval void validate() {
        CallableCodec<Callable>::validate();
        // A view of the bytes that arrive, such as std::span, needs no check. Without a function of its own for that:
        // compilers print a line for each before they come to the message.
        (require_serializable<std::conditional_t<is_argument_view<W>, int, W>>(), ...);
        static_assert(crosses_with_descriptors<Callable> ||
                          !(has_channel_end<Result> || ... || has_channel_end<W>),
                      "the end of a channel does not cross to the worker of a pool: give it to a Process, "
                      "Process(f, std::move(sender)), or send it through another channel");
        static_assert(!std::is_reference_v<Result>,
                      "a reference to something in the worker process cannot come back: return the "
                      "value");
        if constexpr (!std::is_void_v<Result>) require_serializable<std::remove_cv_t<Result>>();
    }

    template <class... Args>
    static void encode(Encoder& encoder, const Callable& callable, const Args&... args) {
        RegisteredTask<RemoteCall>::encode_location_in(encoder);
        CallableCodec<Callable>::encode(encoder, callable);
        (encode_argument<W>(encoder, args), ...);
    }

    /// In the worker.
    static void run(Decoder& call, Encoder& result, const StopLine& stop) {
        RoomyValue<Callable> callable([&] { return CallableCodec<Callable>::decode(call); });
        RoomyValue<DecodedArguments<W...>> arguments(std::in_place, call);
        call.expect_end();
        if constexpr (takes_stop_token<Callable, W...>) {
            const StopDelivery delivery(stop);
            finish(result, *callable, *arguments, delivery.token());
        } else {
            finish(result, *callable, *arguments);
        }
    }

  private:
    template <class... Token>
    static void finish(Encoder& result, Callable& callable, DecodedArguments<W...>& arguments,
                       Token... token) {
        const auto call = [&](W&... argument) -> Result {
            return detail::invoke(callable, std::move(token)..., static_cast<W&&>(argument)...);
        };
        if constexpr (std::is_void_v<Result>) {
            arguments.apply(call);
        } else {
            RoomyValue<std::remove_cv_t<Result>> value([&]() -> Result { return arguments.apply(call); });
            result.encode(std::as_const(*value));
        }
    }
};

template <class Callable, class... Args>
using RemoteCallFor =
    RemoteCall<std::decay_t<Callable>,
               typename CrossingList<typename CrossingParametersOf<std::decay_t<Callable>>::type,
                                     Args...>::type>;

/// The parameters' types in another process, as a list.
template <class Callable, class... Args>
using CrossingArguments =
    typename CrossingList<typename CrossingParametersOf<std::decay_t<Callable>>::type, Args...>::type;

template <class Callable, class W>
inline constexpr bool is_remotely_callable = false;
template <class Callable, class... W>
inline constexpr bool is_remotely_callable<Callable, ParameterList<W...>> =
    RemoteInvocation<Callable, W...>::possible;

/// Every argument can become the type in which it crosses.
template <class W, class... Args>
inline constexpr bool arguments_convert = false;
template <class... W, class... Args>
    requires(sizeof...(W) == sizeof...(Args))
inline constexpr bool arguments_convert<ParameterList<W...>, Args...> =
    ((std::is_same_v<W, std::remove_cvref_t<Args>> || std::is_convertible_v<Args, W>) && ...);

/// Compiles if the call can be made in another process; otherwise says what to write instead.
template <class Callable, class... Args>
consteval void check_remote_call() {
    CallableCodec<std::decay_t<Callable>>::validate();
    constexpr bool callable =
        is_remotely_callable<std::decay_t<Callable>, CrossingArguments<Callable, Args...>>;
    static_assert(callable || std::is_member_pointer_v<std::decay_t<Callable>>,
                  "submit(f, args...): f cannot be called with copies of args. The call runs in another "
                  "process, so it gets copies: f must take them by value or const reference");
    if constexpr (callable) {
        static_assert(arguments_convert<CrossingArguments<Callable, Args...>, Args...>,
                      "submit(f, args...): an argument cannot be converted to the type of f's "
                      "parameter; convert it where you call submit");
        RemoteCallFor<Callable, Args...>::validate();
    }
}

/// The bytes of a call, behind what is in `room`. Throws what user codecs throw, and SerializationError.
template <class Callable, class... Args>
ByteBuffer encode_call_into(ByteBuffer room, const Callable& callable, const Args&... args) {
    Encoder encoder{std::move(room)};
    RemoteCallFor<const Callable&, const Args&...>::encode(encoder, callable, args...);
    return std::move(encoder).take();
}
template <class Callable, class... Args>
ByteBuffer encode_call(const Callable& callable, const Args&... args) {
    return encode_call_into(ByteBuffer(), callable, args...);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
