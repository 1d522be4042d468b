// SPDX-License-Identifier: MIT
//
// What holds for everything that crosses: it arrives equal, no prefix of its bytes is taken for a
// value, and no change of its bytes does worse than a SerializationError.
#include <concurrent/futures/serialization.hpp>

#include <algorithm>
#include <bitset>
#include <catch2/catch_test_macros.hpp>
#include <complex>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <list>
#include <map>
#include <random>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "detail/serialization/round_trip.hpp"

namespace {

struct Point {
    short x;
    double y;
    bool operator==(const Point&) const = default;
};

struct Tree {
    std::string name;
    std::vector<Tree> children;
    bool operator==(const Tree&) const = default;
};

struct Everything {
    bool flag;
    std::wstring wide;
    std::array<Point, 2> points;
    std::variant<std::monostate, std::string, Tree> variant;
    std::map<std::string, std::optional<std::vector<int>>> map;
    std::unordered_set<std::string> names;
    std::chrono::milliseconds pause;
    std::bitset<21> bits;
    std::error_code code;
    bool operator==(const Everything&) const = default;
};

class Archived {
  public:
    Archived() = default;
    explicit Archived(std::string text) : text_(std::move(text)) {}
    template <class Archive>
    void serialize(Archive& archive) {
        archive(text_, numbers_);
    }
    bool operator==(const Archived&) const = default;

  private:
    std::string text_;
    std::list<int> numbers_ = {1, 2};
};

std::exception_ptr nested_exception() {
    try {
        try {
            throw std::system_error(std::make_error_code(std::errc::io_error), "read");
        } catch (...) {
            std::throw_with_nested(cf::WorkerDiedError("gone", 1, 2, 3));
        }
    } catch (...) {
        return std::current_exception();
    }
}

/// Calls visit(value) with a value of each kind.
template <class Visit>
void for_each_specimen(Visit visit) {
    visit(true);
    visit(-17);
    visit(2.5L);
    visit(std::complex<double>(1, 2));
    visit(std::string("hello, world"));
    visit(std::u16string(u"sixteen"));
    visit(std::vector<double>{1, 2, 3});
    visit(std::vector<bool>{true, false, true});
    visit(std::vector<std::string>{"a", "", "ccc"});
    visit(std::vector<std::vector<std::vector<char>>>{{{'a'}, {}}, {}});
    visit(std::vector<std::monostate>(5));
    visit(std::deque<Point>{{1, 2}, {3, 4}});
    visit(std::list<std::string>{"x", "y"});
    visit(std::forward_list<int>{1, 2});
    visit(std::set<std::string>{"x", "y"});
    visit(std::map<int, std::string>{{1, "a"}, {2, "b"}});
    visit(std::unordered_map<std::string, int>{{"a", 1}, {"b", 2}});
    visit(std::multimap<int, int>{{1, 2}, {1, 2}});
    visit(std::optional<std::string>("there"));
    visit(std::variant<int, std::string>("text"));
    visit(std::tuple<int, std::string, std::pair<char, bool>>(1, "a", {'b', true}));
    visit(std::array<std::string, 2>{"a", "b"});
    visit(std::chrono::system_clock::now());
    visit(std::bitset<70>(12345));
    visit(std::filesystem::path("/tmp/x"));
    visit(std::make_error_code(std::errc::io_error));
    visit(Tree{"root", {{"a", {}}, {"b", {{"c", {}}}}}});
    visit(Archived("text"));
    visit(Everything{true,
                     L"wide",
                     {{{1, 2}, {3, 4}}},
                     Tree{"t", {{"u", {}}}},
                     {{"a", std::nullopt}, {"b", std::vector<int>{1, 2}}},
                     {"n", "m"},
                     std::chrono::milliseconds(5),
                     std::bitset<21>(99),
                     std::make_error_code(std::errc::io_error)});
}

/// The same for values that have no useful ==.
template <class Visit>
void for_each_incomparable(Visit visit) {
    visit(std::make_unique<std::string>("owned"));
    visit(std::make_shared<Tree>(Tree{"shared", {{"x", {}}}}));
    visit(nested_exception());
    visit(std::pair<int, std::exception_ptr>(1, std::make_exception_ptr(42)));
}

/// True if the bytes are a T or a SerializationError; every other exception goes through.
template <class T>
bool decodes(std::span<const std::byte> bytes) {
    try {
        (void)decoded<T>(bytes);
        return true;
    } catch (const cf::SerializationError&) {
        return false;
    }
}

/// A copy of exactly these bytes, so that a sanitizer sees a read beyond them.
std::unique_ptr<std::byte[]> exact_copy(std::span<const std::byte> bytes) {
    auto copy = std::make_unique<std::byte[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), copy.get());
    return copy;
}

}  // namespace

TEST_CASE("what crosses arrives equal", "[serialization]") {
    for_each_specimen([](const auto& value) {
        static_assert(cf::Serializable<std::remove_cvref_t<decltype(value)>>);
        CHECK(survives(value));
    });
}

TEST_CASE("what crosses arrives equal after any other value", "[serialization]") {
    for (const char* prefix : {"", "1", "12", "123", "12345"}) {
        for_each_specimen([&](const auto& value) {
            using T = std::remove_cvref_t<decltype(value)>;
            cf::Encoder encoder;
            encoder(std::string(prefix), value, std::string("end"));
            cf::Decoder decoder(encoder.bytes());
            CHECK(decoder.decode<std::string>() == prefix);
            CHECK(decoder.decode<T>() == value);
            CHECK(decoder.decode<std::string>() == "end");
        });
    }
}

TEST_CASE("bytes cut off anywhere are a SerializationError", "[serialization]") {
    const auto cut_everywhere = [](const auto& value) {
        using T = std::remove_cvref_t<decltype(value)>;
        const auto bytes = encoded(value);
        REQUIRE(decodes<T>(bytes));
        for (std::size_t length = 0; length != bytes.size(); ++length) {
            const auto copy = exact_copy(bytes.bytes().first(length));
            if (decodes<T>(std::span(copy.get(), length))) {
                FAIL(cf::detail::demangle(typeid(T))
                     << " from " << length << " of " << bytes.size() << " bytes");
            }
        }
    };
    for_each_specimen(cut_everywhere);
    for_each_incomparable(cut_everywhere);
}

TEST_CASE("one byte too many is a SerializationError", "[serialization]") {
    for_each_specimen([](const auto& value) {
        cf::Encoder encoder;
        encoder(value, 'x');
        CHECK_FALSE(decodes<std::remove_cvref_t<decltype(value)>>(encoder.bytes()));
    });
}

TEST_CASE("changed bytes are a value or a SerializationError", "[serialization]") {
    std::mt19937 random(20240229);
    std::size_t values = 0;
    std::size_t errors = 0;
    const auto change = [&](const auto& value) {
        using T = std::remove_cvref_t<decltype(value)>;
        const auto bytes = encoded(value);
        for (int attempt = 0; attempt != 300; ++attempt) {
            const auto copy = exact_copy(bytes);
            for (auto flips = 1 + random() % 3; flips != 0; --flips) {
                const std::size_t place = random() % bytes.size();
                copy[place] = random() % 2 == 0 ? copy[place] ^ (std::byte{1} << (random() % 8))
                                                : static_cast<std::byte>(random());
            }
            const std::size_t length = random() % 8 == 0 ? random() % bytes.size() : bytes.size();
            ++(decodes<T>(std::span(copy.get(), length)) ? values : errors);
        }
    };
    for_each_specimen(change);
    for_each_incomparable(change);
    CHECK(values > 1'000);
    CHECK(errors > 1'000);
}

TEST_CASE("random bytes are a value or a SerializationError", "[serialization]") {
    std::mt19937 random(7);
    std::size_t attempts = 0;
    for (int attempt = 0; attempt != 20'000; ++attempt) {
        const std::size_t length = random() % 200;
        const auto bytes = std::make_unique<std::byte[]>(length);
        for (std::size_t place = 0; place != length; ++place) {
            // Small numbers make believable lengths.
            bytes[place] = static_cast<std::byte>(random() % 3 == 0 ? random() % 5 : 0);
        }
        (void)decodes<Everything>(std::span(bytes.get(), length));
        (void)decodes<Tree>(std::span(bytes.get(), length));
        (void)decodes<std::exception_ptr>(std::span(bytes.get(), length));
        ++attempts;
    }
    CHECK(attempts == 20'000);
}
