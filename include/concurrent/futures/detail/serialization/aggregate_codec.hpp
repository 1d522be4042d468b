// SPDX-License-Identifier: MIT
//
// aggregate_codec.hpp: structs of public members cross with no code at all.
//
//     struct Job { std::string name; std::vector<double> weights; std::optional<int> seed; };
//     encoder.encode(Job{"a", {1.5}, 7});
//     auto job = decoder.decode<Job>();
//
// Wire: the fields in order of declaration, nothing between them. A struct with C array members
// is made by its default initializers and assigned to, every other is made from its fields, so
// that const members and types without default constructor do.
#pragma once

#include <concurrent/futures/detail/serialization/fields.hpp>
#include <concurrent/futures/detail/serialization/scalar_codec.hpp>

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Parts have no arrays and no const: they name the types that need a codec.
template <class... Fields>
consteval auto parts_of_fields(TypeList<Fields...>) {
    return TypeList<std::remove_cv_t<std::remove_all_extents_t<Fields>>...>();
}

template <class Field>
consteval std::size_t minimum_field_size() {
    if constexpr (std::is_array_v<Field>) {
        return std::extent_v<Field> * minimum_field_size<std::remove_extent_t<Field>>();
    } else {
        return minimum_size<Field>();
    }
}

template <class T>
requires PlainAggregate<T>
struct BuiltinCodec<T> {
    using Fields = decltype(field_types<T>());
    using Parts = decltype(parts_of_fields(Fields()));

    static constexpr std::size_t minimum_size() {
        return []<class... Each>(TypeList<Each...>) {
            return (std::size_t{0} + ... + minimum_field_size<Each>());
        }(Fields());
    }
    static void encode(Encoder& encoder, const T& value) {
        visit_fields(value,
                     [&](auto, const auto&... fields) { (encode_member(encoder, fields), ...); });
    }
    static T decode(Decoder& decoder) { return decode_fields(decoder, Fields()); }

  private:
    template <class... Each>
    static T decode_fields([[maybe_unused]] Decoder& decoder, TypeList<Each...>) {
        // Braces: evaluated from left to right. A bit-field is narrower than its type, which
        // is no mistake here and cannot be told from the type.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
        return T{decoder.decode<std::remove_cv_t<Each>>()...};
#pragma GCC diagnostic pop
    }
    template <class... Each>
    requires(std::is_array_v<Each> || ...)
    static T decode_fields(Decoder& decoder, TypeList<Each...>) {
        T value{};
        visit_fields(value, [&](auto, auto&... fields) { (decode_member(decoder, fields), ...); });
        return value;
    }
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
