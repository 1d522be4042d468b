// SPDX-License-Identifier: MIT
//
// exception_registry.hpp: the exception types that can be made again in another process.
//
//     detail::register_exception_type<MyError>();      // wherever it stands, in every process before main
//     const detail::ExceptionEntry* entry = detail::find_entry(error);     // by dynamic type
//     const detail::ExceptionEntry* entry = detail::find_entry("7MyError");  // by wire key
//
// A type is recognised only when it is exactly the dynamic type, or what std::throw_with_nested
// makes of it: an unknown class derived from a known one would lose its own part unnoticed.
// Entries are never removed. Threads: any number may register and look up at any time.
#pragma once

#include <atomic>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <typeinfo>

#include <concurrent/futures/detail/platform/forced_unwind.hpp>
#include <concurrent/futures/detail/serialization/exception_body.hpp>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct ExceptionEntry {
    const std::type_info* type;
    bool (*matches)(const std::exception& error);
    /// Null: the message is all there is.
    void (*encode)(Encoder& encoder, const std::exception& error);
    /// The exception again; `nested`: with what is being handled nested in it. Errors while it is made are thrown, not
    /// returned.
    std::exception_ptr (*rebuild)(Decoder& body, const std::string& message, bool nested);
    const ExceptionEntry* next = nullptr;

    /// The name on the wire: the same in every process that runs the same program.
    std::string_view key() const { return type->name(); }
};

/// True if throw_nested(error) throws the type of `thrown`. The type that std::throw_with_nested(error) throws is private
/// to the standard library, so it is asked for by doing that.
CONCURRENT_FUTURES_DECL bool is_nested_form(const std::exception& thrown, const void* error,
                                            void (*throw_nested)(const void* error));

template <class E>
void throw_copy_nested(const void* error) {
    std::throw_with_nested(E(*static_cast<const E*>(error)));
}
/// In some versions of libstdc++ a const lvalue makes another type than an rvalue.
template <class E>
void throw_constant_nested(const void* error) {
    std::throw_with_nested(*static_cast<const E*>(error));
}

template <class E>
bool matches_exception(const std::exception& thrown) {
    const E* const error = dynamic_cast<const E*>(&thrown);
    if (error == nullptr) return false;
    if (typeid(thrown) == typeid(E)) return true;
    if constexpr (!MessageError<E> && FixedError<E>) {  // made by make_exception
        const auto* const with_message = dynamic_cast<const WithMessage<E>*>(&thrown);
        if (with_message != nullptr)
            return typeid(thrown) == typeid(WithMessage<E>) ||
                   is_nested_form(thrown, with_message, throw_copy_nested<WithMessage<E>>);
    }
    if constexpr (std::is_final_v<E> || std::derived_from<E, std::nested_exception> || !std::copy_constructible<E>) {
        return false;
    } else {
        return is_nested_form(thrown, error, throw_copy_nested<E>) ||
               is_nested_form(thrown, error, throw_constant_nested<E>);
    }
}

template <class E>
void encode_exception_body(Encoder& encoder, const std::exception& error) {
    ExceptionBody<E>::encode(encoder, dynamic_cast<const E&>(error));
}

/// Throws `error` and catches it, which is the only way to add what it is nested with.
template <class E>
std::exception_ptr capture(E&& error, bool nested) {
    if (!nested) return std::make_exception_ptr(std::forward<E>(error));
    try {
        std::throw_with_nested(std::forward<E>(error));
    } catch (ForcedUnwind&) {
        throw;
    } catch (...) {
        return std::current_exception();
    }
}

/// A serialize() of E's own brings its members, and a default constructor knows no message: what() of a class that
/// derives from these two is that of its base, which can be assigned. A Codec<E> chooses the message itself.
template <class E>
void restore_message(E& error, const std::string& message) {
    if (std::string_view(error.what()) == message.c_str()) return;
    if constexpr (std::derived_from<E, std::runtime_error>)
        static_cast<std::runtime_error&>(error) = std::runtime_error(message);
    else if constexpr (std::derived_from<E, std::logic_error>)
        static_cast<std::logic_error&>(error) = std::logic_error(message);
}

template <class E>
std::exception_ptr make_exception(Decoder& body, const std::string& message, bool nested) {
    E error = ExceptionBody<E>::decode(body, message);
    if constexpr (HasMemberSerialize<E> && !HasUserCodec<E>) restore_message(error, message);
    if constexpr (!MessageError<E> && FixedError<E> && !is_serializable_exception<E>) {
        // As what() can say it, which ends at a null character.
        if (std::string_view(error.what()) != message.c_str()) return capture(WithMessage<E>(message), nested);
    }
    return capture(std::move(error), nested);
}

template <class E>
constexpr ExceptionEntry exception_entry() {
    ExceptionEntry entry{&typeid(E), matches_exception<E>, nullptr, make_exception<E>};
    if constexpr (ExceptionBody<E>::has_fields) entry.encode = encode_exception_body<E>;
    return entry;
}

/// The newest registered entry; each points to the one before it.
inline std::atomic<const ExceptionEntry*> newest_exception_entry = nullptr;

template <class E>
void add_exception_entry() {
    struct Registration {
        Registration() {
            // relaxed: only a first guess, which the exchange below checks.
            entry.next = newest_exception_entry.load(std::memory_order_relaxed);
            // release, with the acquire in find_entry: hands over the entry. relaxed on failure:
            // the value is only stored into `next`; entries before it were released by their
            // own exchanges, and a release sequence goes on through this one.
            while (!newest_exception_entry.compare_exchange_weak(
                entry.next, &entry, std::memory_order_release, std::memory_order_relaxed)) {
            }
        }
        ExceptionEntry entry = exception_entry<E>();
    };
    // Static: registered once, however often this is called; and it outlives every look-up, for its
    // destructor is trivial.
    static const Registration registration;
    static_cast<void>(registration);
}

/// Naming `added` is enough: it is initialised before main, in every process of the program. So a worker, which never
/// gets past process_main, knows the types that are registered behind it.
template <class E>
struct ExceptionRegistration {
    static inline const bool added = (add_exception_entry<E>(), true);
};

/// The direct call is for initialisers of other static variables, which may run before that of `added`.
template <class E>
void register_exception_type() {
    add_exception_entry<E>();
    static_cast<void>(&ExceptionRegistration<E>::added);
}

/// By dynamic type. Null: this type is not known.
CONCURRENT_FUTURES_DECL const ExceptionEntry* find_entry(const std::exception& error);
/// By its name on the wire.
CONCURRENT_FUTURES_DECL const ExceptionEntry* find_entry(std::string_view key);

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/exception_registry.hpp"
#endif
