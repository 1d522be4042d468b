// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/serialization/codec.hpp>

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>
#include <vector>

#include "round_trip.hpp"

namespace {

/// Could cross in three ways; the codec adds one, so that it shows which was taken.
struct Money {
    long cents = 0;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(cents);
    }
};

struct NoDefault {
    explicit NoDefault(int number) : value(number) {}
    int value;
};

enum class Color { red, green };

struct Cereal {
    std::string name;
    int age = 0;
    int table[3] = {};
    bool via_member = false;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(name, age);
        archive& table;
        via_member = true;
    }
};

class Boost {
  public:
    Boost() = default;
    Boost(int a, std::string b) : a_(a), b_(std::move(b)) {}
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
        archive& a_& b_;
    }
    bool operator==(const Boost&) const = default;

  private:
    int a_ = 0;
    std::string b_;
};

/// A tree whose codec is written by hand and calls itself.
struct Chain {
    int value = 0;
    std::unique_ptr<Chain> next;
};

}  // namespace

template <>
struct concurrent::futures::Codec<Money> {
    static void encode(Encoder& encoder, const Money& money) { encoder.encode(money.cents + 1); }
    static Money decode(Decoder& decoder) { return {decoder.decode<long>()}; }
};

template <>
struct concurrent::futures::Codec<NoDefault> {
    static void encode(Encoder& encoder, const NoDefault& value) { encoder.encode(value.value); }
    static NoDefault decode(Decoder& decoder) { return NoDefault(decoder.decode<int>()); }
};

template <>
struct concurrent::futures::Codec<Color> {
    static void encode(Encoder& encoder, const Color& color) {
        encoder.encode(std::string(color == Color::red ? "red" : "green"));
    }
    static Color decode(Decoder& decoder) {
        const auto name = decoder.decode<std::string>();
        if (name == "red") return Color::red;
        if (name == "green") return Color::green;
        throw SerializationError("no such color");
    }
};

template <>
struct concurrent::futures::Codec<Chain> {
    static void encode(Encoder& encoder, const Chain& chain) {
        encoder(chain.value, chain.next != nullptr);
        if (chain.next) encoder.encode(*chain.next);
    }
    static Chain decode(Decoder& decoder) {
        Chain chain{decoder.decode<int>(), nullptr};
        if (decoder.decode<bool>()) chain.next = std::make_unique<Chain>(decoder.decode<Chain>());
        return chain;
    }
};

TEST_CASE("a Codec of the user goes before member and aggregate", "[serialization]") {
    CHECK(round_trip(Money{5}).cents == 6);
}

TEST_CASE("a Codec of the user holds inside containers, also for enums", "[serialization]") {
    CHECK(survives(std::vector{Color::red, Color::green}));
    CHECK(encoded(std::vector{Color::red}).size() == 8 + 8 + 3);
    CHECK(round_trip(std::vector{Money{5}, Money{6}}).back().cents == 7);
}

TEST_CASE("a type without default constructor crosses by its Codec", "[serialization]") {
    static_assert(cf::Serializable<NoDefault>);
    CHECK(round_trip(NoDefault(3)).value == 3);
    CHECK(round_trip(std::vector{NoDefault(3), NoDefault(4)}).back().value == 4);
}

TEST_CASE("a member serialize(archive) goes before the aggregate", "[serialization]") {
    const Cereal result = round_trip(Cereal{"Ada", 36, {1, 2, 3}});
    CHECK(result.name == "Ada");
    CHECK(result.age == 36);
    CHECK(result.table[2] == 3);
    CHECK(result.via_member);
}

TEST_CASE("serialize(archive, version) of private members crosses too", "[serialization]") {
    CHECK(survives(Boost(7, "seven")));
}

TEST_CASE("a codec that calls itself is stopped at the nesting limit", "[serialization]") {
    Chain chain;
    for (int length = 1; length != 200; ++length) {
        chain = Chain{length, std::make_unique<Chain>(std::move(chain))};
    }
    CHECK(round_trip(chain).next->value == 198);
    for (int length = 200; length != 300; ++length) {
        chain = Chain{length, std::make_unique<Chain>(std::move(chain))};
    }
    CHECK_THROWS_AS(encoded(chain), cf::SerializationError);

    cf::Encoder hostile;
    for (int depth = 0; depth != 100'000; ++depth) hostile(1, true);
    CHECK_THROWS_AS(decoded<Chain>(hostile.bytes()), cf::SerializationError);
}
