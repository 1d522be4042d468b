// SPDX-License-Identifier: MIT
//
// exception_body.hpp: what is needed to make an exception of a given type again.
//
//     ExceptionBody<E>::encode(encoder, error);          // what its message does not say
//     ExceptionBody<E>::decode(decoder, message);        // an E again
//
// The message, what(), always travels beside the body. Chosen for E, first that fits: the types
// of this library with fields of their own; E that is Serializable; std::system_error and types
// derived from it; E made from a std::string; E made from nothing. CanRebuild<E>, asked of the
// types of the user, says if one fits; "from nothing" is then only for types that hold nothing.
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>

#include <concurrent/futures/detail/serialization/vocabulary_codec.hpp>
#include <concurrent/futures/errors.hpp>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// An exception type without a constructor for a message, whose message was not the usual one:
/// std::bad_variant_access has several texts, but only one can be had from outside.
template <class E>
class WithMessage : public E {
  public:
    explicit WithMessage(std::string message) : message_(std::move(message)) {}
    const char* what() const noexcept override { return message_.c_str(); }

  private:
    std::string message_;
};

template <class E>
concept SystemError = std::derived_from<E, std::system_error> &&
    (std::is_constructible_v<E, std::error_code, const std::string&> ||
     std::is_constructible_v<E, const std::string&, std::error_code>);

/// std::filesystem::filesystem_error by its shape, to spare <filesystem>.
template <class E>
concept FilesystemError = SystemError<E> && requires(const E& error, const std::string& text) {
    E(text, error.path1(), error.path2(), error.code());
    E(text, error.path1(), error.code());
};

template <class E>
concept MessageError = std::is_constructible_v<E, const std::string&>;

template <class E>
concept FixedError = std::default_initializable<E> && !std::is_final_v<E>;

/// Only what the user wrote for E counts: E has virtual functions, and what has them is no aggregate. To look through the
/// built-in codecs for each exception of the standard library would cost a sixth of the time to compile futures.hpp.
template <class E>
concept SerializableException = (HasUserCodec<E> || HasMemberSerialize<E>) && is_encodable<E> && is_decodable<E>;

template <class E>
inline constexpr bool is_serializable_exception = SerializableException<E>;

template <class E>
concept CanRebuild = is_serializable_exception<E> || SystemError<E> || MessageError<E> ||
    (FixedError<E> && sizeof(E) == sizeof(std::exception));

/// The size of an exception with E's bases that has no data of its own. A class that derives from std::exception itself
/// may have a string, its message.
template <class E>
consteval std::size_t size_of_message_only() {
    constexpr std::size_t nesting = std::derived_from<E, std::nested_exception> ? sizeof(std::nested_exception) : 0;
    if constexpr (std::derived_from<E, std::system_error>)
        return sizeof(std::system_error) + nesting;
    else if constexpr (std::derived_from<E, std::runtime_error>)
        return sizeof(std::runtime_error) + nesting;
    else if constexpr (std::derived_from<E, std::logic_error>)
        return sizeof(std::logic_error) + nesting;
    else
        return sizeof(std::exception) + sizeof(std::string) + nesting;
}

/// False if E has data that neither its codec nor its constructor brings to another process.
template <class E>
inline constexpr bool keeps_its_members = is_serializable_exception<E> || FilesystemError<E> ||
    !(SystemError<E> || MessageError<E>) || sizeof(E) <= size_of_message_only<E>();

template <class E>
struct ExceptionBody {
    /// encode() writes something.
    static constexpr bool has_fields = is_serializable_exception<E> || SystemError<E>;

    static void encode(Encoder& encoder, const E& error) {
        if constexpr (is_serializable_exception<E>) {
            encoder.encode(error);
        } else if constexpr (SystemError<E>) {
            encoder.encode(error.code());
            encode_prefix(encoder, error);
            if constexpr (FilesystemError<E>) encoder(error.path1(), error.path2());
        }
    }

    static E decode(Decoder& decoder, const std::string& message) {
        if constexpr (is_serializable_exception<E>) {
            return decoder.decode<E>();
        } else if constexpr (SystemError<E>) {
            const auto code = decoder.decode<std::error_code>();
            const auto prefix = decoder.decode<std::optional<std::string>>();
            if constexpr (FilesystemError<E>) return make_filesystem_error(decoder, code, prefix);
            return make_system_error(code, prefix);
        } else if constexpr (MessageError<E>) {
            return E(message);
        } else {
            return E();
        }
    }

  private:
    // The constructors of std::system_error append ": " and the message of the code, or set that
    // message alone; taking off what they will put on makes what() the same on both sides.
    static void encode_prefix(Encoder& encoder, const std::system_error& error) {
        const std::string suffix = error.code().message();
        const std::string_view text = error.std::system_error::what();
        using Prefix = std::optional<std::string_view>;
        if (text == suffix)
            encoder.encode(Prefix());
        else if (text.ends_with(": " + suffix))
            encoder.encode(Prefix(text.substr(0, text.size() - suffix.size() - 2)));
        else  // what() will end at the null character, before what the constructor puts on
            encoder.encode(std::optional<std::string>(std::string(text) + '\0'));
    }

    // Paths that are empty were most likely not given, and what() shows the given ones.
    static E make_filesystem_error(Decoder& decoder, std::error_code code,
                                   const std::optional<std::string>& prefix) requires
        FilesystemError<E> {
        using Path = std::remove_cvref_t<decltype(std::declval<const E&>().path1())>;
        const auto first = decoder.decode<Path>();
        const auto second = decoder.decode<Path>();
        const std::string text = prefix.value_or(std::string());
        if (!second.empty()) return E(text, first, second, code);
        if (!first.empty()) return E(text, first, code);
        return E(text, code);
    }

    static E make_system_error(std::error_code code, const std::optional<std::string>& prefix) {
        if constexpr (std::is_constructible_v<E, std::error_code>) {
            if (!prefix) return E(code);
        }
        if constexpr (std::is_constructible_v<E, std::error_code, const std::string&>) {
            return E(code, prefix.value_or(std::string()));
        } else {
            return E(prefix.value_or(std::string()), code);
        }
    }
};

template <>
struct ExceptionBody<RemoteError> {
    static constexpr bool has_fields = true;

    static void encode(Encoder& encoder, const RemoteError& error) {
        encoder(error.type_name(), error.message(), error.pid());
    }
    static RemoteError decode(Decoder& decoder, const std::string&) {
        auto type_name = decoder.decode<std::string>();
        auto message = decoder.decode<std::string>();
        return RemoteError(std::move(type_name), std::move(message), decoder.decode<int>());
    }
};

template <>
struct ExceptionBody<WorkerDiedError> {
    static constexpr bool has_fields = true;

    static void encode(Encoder& encoder, const WorkerDiedError& error) {
        encoder(error.pid(), error.exit_code(), error.signal());
    }
    static WorkerDiedError decode(Decoder& decoder, const std::string& message) {
        const int pid = decoder.decode<int>();
        const auto exit_code = decoder.decode<std::optional<int>>();
        const auto signal = decoder.decode<std::optional<int>>();
        return WorkerDiedError(message, pid, exit_code, signal);
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
