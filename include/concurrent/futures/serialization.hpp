// SPDX-License-Identifier: MIT
//
// serialization.hpp: what may cross to another process, and how to make your own types cross.
//
//     struct Job { std::string name; std::vector<double> weights; };   // crosses: no code needed
//     static_assert(cf::Serializable<Job>);
//
// These cross: arithmetic types, bool, enums, std::byte, the std::string family, vector, array,
// deque, list, forward_list, set, map, their multi and unordered forms, optional, variant,
// monostate, tuple, pair, chrono durations and time points, complex, bitset, filesystem::path,
// unique_ptr and shared_ptr (by value), error_code (generic and system category), exception_ptr,
// and structs of up to 32 public members of such types without base class or constructor. For values that are too large
// to be sent with each task: shared_array.hpp, broadcast.hpp.
//
// For a type of your own, the first that exists is used:
//   (1) template <> struct concurrent::futures::Codec<T> with static encode(Encoder&, const T&)
//       and static T decode(Decoder&);
//       in which encoder.encode(x) appends an x of any type that crosses, and decoder.decode<X>() reads the next one:
//       static void encode(Encoder& e, const Money& m) { e.encode(m.cents()); }
//       static Money decode(Decoder& d) { return Money(d.decode<long>()); }
//   (2) a member `template <class A> void serialize(A& archive) { archive(a, b); }`, as cereal and
//       Boost have it, and a default constructor. A derived class must have its own;
//   (3) the list above; (4) nothing, if it is a plain aggregate.
//
// These do not cross, because they mean nothing in another process: raw pointers, references, const char*, closures,
// std::function, and views as results. The compiler says so, and what to write instead.
// Received bytes are not trusted: wrong bytes are a SerializationError.
// Values may be nested 256 deep; a longer chain of pointers, or a cycle, needs a Codec for its
// owner. Threads: Encoder and Decoder are values for one thread; register_exception is for any.
#pragma once

#include "concurrent/futures/detail/platform/process_requirements.hpp"

#include <concepts>
#include <exception>
#include <type_traits>

// First, so that few lines "included from" stand above its messages.
#include "concurrent/futures/detail/serialization/obstacle.hpp"
#include "concurrent/futures/detail/serialization/codecs.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// T can be encoded, and decoded into a value of its own, fields and elements included.
template <class T>
concept Serializable = std::is_object_v<T> && detail::is_encodable<T> && detail::is_decodable<T>;

/// Lets exceptions of exactly type E cross with their type, what() and nesting. E is rebuilt by its codec, if it is
/// Serializable (with a member serialize, what() of a std::runtime_error or std::logic_error that it derives from comes
/// back, too); from its error code, if it derives from std::system_error; otherwise from what(), by its constructor
/// from std::string; otherwise by its default constructor.
/// std::filesystem::filesystem_error and std::bad_any_cast may be given too; their headers are not
/// included here. An E with data members must be Serializable, else they would be lost: the compiler says so.
///     cf::register_exception<MyError>();
/// This may be called anywhere in the program, before or after process_main: that the call exists registers E before
/// main, in this program and in its workers. Any thread, any number of times. Returns true.
template <class E>
bool register_exception() {
    static_assert(std::derived_from<E, std::exception> && std::copy_constructible<E>,
                  "only types derived from std::exception that can be copied can be registered; "
                  "others arrive as RemoteError");
    if constexpr (std::derived_from<E, std::exception>) {
        static_assert(detail::CanRebuild<E>,
                      "E cannot be made again in another process: give it a constructor from "
                      "std::string, a member serialize(archive) or a Codec<E>");
        static_assert(!detail::CanRebuild<E> || detail::keeps_its_members<E>,
                      "E has data members, and only its message would arrive: give it a member "
                      "serialize(archive) and a default constructor, or a Codec<E>");
        if constexpr (detail::CanRebuild<E>) detail::register_exception_type<E>();
    }
    return true;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
