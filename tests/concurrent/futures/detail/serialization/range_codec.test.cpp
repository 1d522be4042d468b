// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/serialization/range_codec.hpp>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "round_trip.hpp"

using namespace std::string_literals;

TEST_CASE("strings of every character type keep their text", "[serialization]") {
    CHECK(survives(""s));
    CHECK(survives("with\0zero"s));
    CHECK(survives(std::string(100'000, 'x')));
    CHECK(survives(L"wide \u00e4"s));
    CHECK(survives(u8"eight \u00e4"s));
    CHECK(survives(u"sixteen \u00e4"s));
    CHECK(survives(U"thirty-two \u00e4"s));
}

TEST_CASE("vectors of numbers keep their elements", "[serialization]") {
    CHECK(survives(std::vector<int>{}));
    CHECK(survives(std::vector<short>{1, -2, 3}));
    CHECK(survives(std::vector<double>(10'000, 1.25)));
    CHECK(survives(std::vector<std::array<double, 3>>{{1, 2, 3}, {4, 5, 6}}));
    CHECK(survives(std::vector<std::vector<long>>{{1}, {}, {2, 3}}));
}

TEST_CASE("owner and view have the same bytes", "[serialization]") {
    const std::vector<double> numbers = {1, 2, 3};
    const std::string text = "hello";
    CHECK(std::ranges::equal(encoded(numbers).bytes(),
                             encoded(std::span<const double>(numbers)).bytes()));
    CHECK(std::ranges::equal(encoded(text).bytes(), encoded(std::string_view(text)).bytes()));
}

TEST_CASE("views point into the received bytes, aligned after anything", "[serialization]") {
    cf::Encoder encoder;
    const std::vector<double> numbers = {1, 2, 3};
    encoder('x', std::string("odd"), numbers, std::string("end"));
    cf::Decoder decoder(encoder.bytes());
    decoder.decode<char>();
    CHECK(decoder.decode_view<std::string_view>() == "odd");
    const auto view = decoder.decode_view<std::span<const double>>();
    CHECK(std::ranges::equal(view, numbers));
    CHECK(reinterpret_cast<std::uintptr_t>(view.data()) % alignof(double) == 0);
    const auto* const first = reinterpret_cast<const std::byte*>(view.data());
    CHECK(first >= encoder.bytes().data());
    CHECK(first < encoder.bytes().data() + encoder.size());
    CHECK(decoder.decode<std::string>() == "end");
    decoder.expect_end();
}

TEST_CASE("empty views are fine wherever they lie", "[serialization]") {
    const auto bytes = encoded(std::vector<double>{});
    std::vector<std::byte> shifted(bytes.size() + 1);
    std::memcpy(shifted.data() + 1, bytes.data(), bytes.size());
    const std::span<const std::byte> odd(shifted.data() + 1, bytes.size());
    cf::Decoder decoder(odd);
    CHECK(decoder.decode_view<std::span<const double>>().empty());
}

TEST_CASE("bytes at an odd address: no view, but a copy", "[serialization]") {
    const std::vector<double> numbers = {1, 2, 3};
    const auto bytes = encoded(numbers);
    cf::detail::ByteBuffer shifted;
    std::byte* place = shifted.extend(bytes.size() + 1);
    for (const std::byte byte : bytes.bytes()) *++place = byte;
    const auto odd = shifted.bytes().subspan(1);
    CHECK(decoded<std::vector<double>>(odd) == numbers);
    cf::Decoder decoder(odd);
    CHECK_THROWS_AS(decoder.decode_view<std::span<const double>>(), cf::SerializationError);
    CHECK(decoded<std::wstring>(encoded(L"wide"s)) == L"wide");
}

TEST_CASE("a length that overflows is refused", "[serialization]") {
    for (const std::uint64_t count :
         {std::uint64_t{2}, std::uint64_t{1} << 61, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
        cf::Encoder encoder;
        encoder(count, 1.0);
        CHECK_THROWS_AS(decoded<std::vector<double>>(encoder.bytes()), cf::SerializationError);
        cf::Decoder decoder(encoder.bytes());
        CHECK_THROWS_AS(decoder.decode_view<std::span<const double>>(), cf::SerializationError);
    }
}
