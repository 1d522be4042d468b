// SPDX-License-Identifier: MIT
//
// serialization/cereal.hpp: types that have cereal's functions cross to other processes. CMake target
// concurrent::futures_cereal; cereal 1.3 or later.
//
//     #include <cereal/types/vector.hpp>
//     #include <concurrent/futures.hpp>
//     #include <concurrent/futures/serialization/cereal.hpp>
//
//     class Model {                                    // serialize, save/load, versions, base classes, inside or outside
//         …
//         friend class cereal::access;
//         template <class Archive> void serialize(Archive& archive) { archive(CEREAL_NVP(weights), CEREAL_NVP(name)); }
//     };
//     pool.submit(train, model);
//
// cereal takes: class types with a member serialize, and those that this library has no codec for and cereal has. A
// Codec<T> of yours goes first, and aggregates and the standard types of serialization.hpp cross as without this
// header. Within a type
// that cereal takes, its own rules hold (two shared_ptr to one object stay so, cycles too); for what cereal does not
// know there (a SharedArray, a vector without cereal's header for it), this library's codecs are used.
// The type must be default-constructible, for cereal at least, and movable.
// As with Codec<T>, include this wherever such a type is sent or received: best in the header that defines the type.
// Before CEREAL_REGISTER_TYPE, too, as cereal wants it of every archive.
//
// Bytes are not trusted: a length of more elements than the bytes that are left can hold is refused before memory is
// asked for, a bool is 0 or 1, values nest 256 deep, and the number of a shared_ptr must be one of the same type.
// What is wrong with them is a SerializationError. Two things cannot be bounded from here: an element can be larger in
// memory than its shortest form in bytes (a class counts as one byte), and the load functions of your types do
// what they do; load_and_construct with a shared_ptr to the object that is being constructed gives one that is not
// constructed yet.
#pragma once

#include <cereal/cereal.hpp>
#include <cereal/types/memory.hpp>

#include <bitset>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeindex>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "concurrent/futures/serialization.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
namespace detail {

class CerealOutput;
class CerealInput;

template <class T>
inline constexpr bool cereal_saves = cereal::traits::is_output_serializable<T, CerealOutput>::value;
template <class T>
inline constexpr bool cereal_loads = cereal::traits::is_input_serializable<T, CerealInput>::value;

/// Standard types for which cereal has functions, and this library, too. Whether it has a BuiltinCodec cannot be
/// asked: some of those ask for Codec<T>, which asks this.
template <class T>
inline constexpr bool is_known_here = OwningContainer<T> || ComplexNumber<T>;
template <class E>
inline constexpr bool is_known_here<std::optional<E>> = true;
template <class... Alternatives>
inline constexpr bool is_known_here<std::variant<Alternatives...>> = true;
template <class... Elements>
inline constexpr bool is_known_here<std::tuple<Elements...>> = true;
template <class First, class Second>
inline constexpr bool is_known_here<std::pair<First, Second>> = true;
template <class Representation, class Period>
inline constexpr bool is_known_here<std::chrono::duration<Representation, Period>> = true;
template <class Clock, class Length>
inline constexpr bool is_known_here<std::chrono::time_point<Clock, Length>> = true;
template <std::size_t size>
inline constexpr bool is_known_here<std::bitset<size>> = true;
template <class E>
inline constexpr bool is_known_here<std::unique_ptr<E>> = WholeObject<E>;
template <class E>
inline constexpr bool is_known_here<std::shared_ptr<E>> = WholeObject<E>;

template <class T>
concept TakenByCereal = std::is_class_v<T> &&
                        (HasMemberSerialize<T> ||
                         (!std::is_aggregate_v<T> && !bitwise_serializable<T> && !is_known_here<T>)) &&
                        cereal_saves<T> && cereal_loads<T>;

/// cereal's names for pieces of a value; no level of nesting, and no element.
template <class T>
inline constexpr bool is_cereal_wrapper = false;
template <class T>
inline constexpr bool is_cereal_wrapper<cereal::NameValuePair<T>> = true;
template <class T>
inline constexpr bool is_cereal_wrapper<cereal::SizeTag<T>> = true;

/// The fewest bytes of an element, as cereal writes it.
template <class T>
inline constexpr std::size_t cereal_minimum = std::is_arithmetic_v<T> || std::is_enum_v<T> ? sizeof(T)
                                              : std::is_empty_v<T>                           ? 0
                                                                                             : 1;
template <class C, class Traits, class Allocator>
inline constexpr std::size_t cereal_minimum<std::basic_string<C, Traits, Allocator>> = sizeof(cereal::size_type);
template <class T, class Allocator>
inline constexpr std::size_t cereal_minimum<std::vector<T, Allocator>> = sizeof(cereal::size_type);
template <class A, class B>
inline constexpr std::size_t cereal_minimum<std::pair<A, B>> =
    cereal_minimum<std::remove_cv_t<A>> + cereal_minimum<std::remove_cv_t<B>>;

/// The object type of a shared_ptr that cereal is about to load.
template <class T>
struct SharedObject {
    using type = void;
};
template <class T>
struct SharedObject<cereal::memory_detail::PtrWrapper<std::shared_ptr<T>&>> {
    using type = T;
};

/// cereal's binary archive, writing to an Encoder.
class CerealOutput : public cereal::OutputArchive<CerealOutput, cereal::AllowEmptyClassElision> {
    using Base = cereal::OutputArchive<CerealOutput, cereal::AllowEmptyClassElision>;

  public:
    explicit CerealOutput(Encoder& encoder) : Base(this), encoder_(encoder) {}

    template <class... Ts>
    CerealOutput& operator()(Ts&&... values) {
        (save_one(std::forward<Ts>(values)), ...);
        return *this;
    }
    template <class T>
    CerealOutput& operator&(T&& value) {
        return (*this)(std::forward<T>(value));
    }
    template <class T>
    CerealOutput& operator<<(T&& value) {
        return (*this)(std::forward<T>(value));
    }
    void saveBinary(const void* data, std::streamsize size) {
        encoder_.write_bytes(data, static_cast<std::size_t>(size));
    }

    void enter() {
        if (++depth_ > cereal_nesting_limit)
            throw SerializationError("cannot encode: values for cereal are nested too deep");
    }
    void leave() noexcept { --depth_; }

    static constexpr unsigned cereal_nesting_limit = 4 * nesting_limit;  // a pointer takes up to four of cereal's levels

  private:
    template <class T>
    void save_one(T&& value) {
        using Value = std::remove_cvref_t<T>;
        if constexpr (!cereal_saves<Value> && HasEncode<Value>)
            encoder_.encode<Value>(value);
        else
            Base::operator()(std::forward<T>(value));
    }

    Encoder& encoder_;
    unsigned depth_ = 0;
};

/// cereal's binary archive, reading from a Decoder and checking what it reads.
class CerealInput : public cereal::InputArchive<CerealInput, cereal::AllowEmptyClassElision> {
    using Base = cereal::InputArchive<CerealInput, cereal::AllowEmptyClassElision>;

  public:
    explicit CerealInput(Decoder& decoder) : Base(this), decoder_(decoder) {}

    template <class... Ts>
    CerealInput& operator()(Ts&&... values) {
        (load_one(std::forward<Ts>(values)), ...);
        return *this;
    }
    template <class T>
    CerealInput& operator&(T&& value) {
        return (*this)(std::forward<T>(value));
    }
    template <class T>
    CerealInput& operator>>(T&& value) {
        return (*this)(std::forward<T>(value));
    }
    void loadBinary(void* data, std::streamsize size) {
        const auto count = static_cast<std::size_t>(size);
        const std::span<const std::byte> bytes = decoder_.read_bytes(count);
        if (count != 0) std::memcpy(data, bytes.data(), count);
    }
    void loadBool(bool& value) {
        std::uint8_t byte;
        loadBinary(&byte, 1);
        if (byte > 1) decoder_.fail(typeid(bool), "the byte is neither 0 nor 1");
        value = byte == 1;
    }

    /// A value of type T follows; if it is a container, its length is checked by what an element takes at least.
    template <class T>
    void enter() {
        if constexpr (requires { typename T::value_type; })
            element_minimum_ = cereal_minimum<std::remove_cv_t<typename T::value_type>>;
        else
            element_minimum_ = 1;
        using Shared = typename SharedObject<T>::type;
        if constexpr (!std::is_void_v<Shared>) shared_type_ = &typeid(Shared);
        if (++depth_ > CerealOutput::cereal_nesting_limit) decoder_.fail(typeid(T), "values for cereal are nested too deep");
    }
    void leave() noexcept { --depth_; }
    void check_count(std::uint64_t count) const {
        const std::size_t left = decoder_.remaining();
        const std::size_t limit = element_minimum_ == 0 ? left + empty_element_limit : left / element_minimum_;
        if (count > limit)
            throw SerializationError("cannot decode at byte " + std::to_string(decoder_.offset()) + ": " +
                                     std::to_string(count) + " elements announced, " + std::to_string(left) +
                                     " bytes left");
    }

    // cereal calls these two; it would give an object of another type for a number that is not its own.
    void registerSharedPointer(std::uint32_t id, std::shared_ptr<void> pointer) {
        shared_types_.emplace(id & ~cereal::detail::msb_32bit, *shared_type_);
        Base::registerSharedPointer(id, std::move(pointer));
    }
    std::shared_ptr<void> getSharedPointer(std::uint32_t id) {
        if (id == 0) return nullptr;
        const auto known = shared_types_.find(id);
        if (known == shared_types_.end() || known->second != std::type_index(*shared_type_))
            decoder_.fail(*shared_type_, "a shared_ptr names an object that is not there, or of another type");
        return Base::getSharedPointer(id);
    }

  private:
    template <class T>
    void load_one(T&& value) {
        using Value = std::remove_cvref_t<T>;
        if constexpr (!cereal_loads<Value> && HasDecode<Value>)
            value = decoder_.decode<Value>();
        else
            Base::operator()(std::forward<T>(value));
    }

    Decoder& decoder_;
    std::size_t element_minimum_ = 1;
    unsigned depth_ = 0;
    const std::type_info* shared_type_ = &typeid(void);
    std::unordered_map<std::uint32_t, std::type_index> shared_types_;
};

// ---- what cereal looks for, by the archive's namespace ----------------------------------------------
template <class T>
    requires(!std::is_arithmetic_v<T> && !is_cereal_wrapper<T>)
void prologue(CerealOutput& archive, const T&) {
    archive.enter();
}
template <class T>
    requires(!std::is_arithmetic_v<T> && !is_cereal_wrapper<T>)
void epilogue(CerealOutput& archive, const T&) {
    archive.leave();
}
template <class T>
    requires(!std::is_arithmetic_v<T> && !is_cereal_wrapper<T>)
void prologue(CerealInput& archive, const T&) {
    archive.enter<T>();
}
template <class T>
    requires(!std::is_arithmetic_v<T> && !is_cereal_wrapper<T>)
void epilogue(CerealInput& archive, const T&) {
    archive.leave();
}

template <class T>
    requires std::is_arithmetic_v<T>
void CEREAL_SAVE_FUNCTION_NAME(CerealOutput& archive, const T& value) {
    archive.saveBinary(&value, sizeof value);
}
template <class T>
    requires std::is_arithmetic_v<T>
void CEREAL_LOAD_FUNCTION_NAME(CerealInput& archive, T& value) {
    if constexpr (std::is_same_v<T, bool>)
        archive.loadBool(value);
    else
        archive.loadBinary(&value, sizeof value);
}
template <class T>
void CEREAL_SAVE_FUNCTION_NAME(CerealOutput& archive, const cereal::BinaryData<T>& data) {
    archive.saveBinary(data.data, static_cast<std::streamsize>(data.size));
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(CerealInput& archive, cereal::BinaryData<T>& data) {
    if constexpr (std::is_same_v<std::remove_pointer_t<std::remove_cvref_t<T>>, bool>)
        for (std::uint64_t i = 0; i < data.size; ++i) archive.loadBool(static_cast<bool*>(data.data)[i]);
    else
        archive.loadBinary(data.data, static_cast<std::streamsize>(data.size));
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(CerealOutput& archive, cereal::NameValuePair<T>& pair) {
    archive(pair.value);
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(CerealInput& archive, cereal::NameValuePair<T>& pair) {
    archive(pair.value);
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(CerealOutput& archive, cereal::SizeTag<T>& tag) {
    archive(tag.size);
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(CerealInput& archive, cereal::SizeTag<T>& tag) {
    archive(tag.size);
    archive.check_count(tag.size);
}

}  // namespace detail

/// Calls of cereal's functions. Exceptions of theirs that are no cereal::Exception pass through.
template <class T>
    requires detail::TakenByCereal<T>
struct Codec<T> {
    static void encode(Encoder& encoder, const T& value) {
        const detail::NestingScope nesting(encoder);
        try {
            detail::CerealOutput archive(encoder);
            archive(value);
            archive.serializeDeferments();
        } catch (const cereal::Exception& error) {
            encoder.fail(typeid(T), std::string("cereal: ") + error.what());
        }
    }
    static T decode(Decoder& decoder) {
        static_assert(cereal::traits::is_default_constructible<T>::value && std::is_move_constructible_v<T>,
                      "a type that crosses by cereal needs a default constructor that cereal::access may call, and a move "
                      "or copy constructor");
        const detail::NestingScope nesting(decoder);
        if constexpr (std::is_default_constructible_v<T>) {
            T value{};
            load(decoder, value);
            return value;
        } else {
            const std::unique_ptr<T> value(cereal::access::construct<T>());
            load(decoder, *value);
            return std::move(*value);
        }
    }

  private:
    static void load(Decoder& decoder, T& value) {
        try {
            detail::CerealInput archive(decoder);
            archive(value);
            archive.serializeDeferments();
        } catch (const cereal::Exception& error) {
            decoder.fail(typeid(T), std::string("cereal: ") + error.what());
        }
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

CEREAL_REGISTER_ARCHIVE(concurrent::futures::detail::CerealOutput)
CEREAL_REGISTER_ARCHIVE(concurrent::futures::detail::CerealInput)
CEREAL_SETUP_ARCHIVE_TRAITS(concurrent::futures::detail::CerealInput, concurrent::futures::detail::CerealOutput)
