// SPDX-License-Identifier: MIT
#include <concurrent/futures/bind_task.hpp>
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/serialization/cereal.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cereal/types/base_class.hpp>
#include <cereal/types/list.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/memory.hpp>
#include <cereal/types/polymorphic.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/unordered_set.hpp>
#include <cereal/types/valarray.hpp>
#include <cereal/types/vector.hpp>
#include <cstring>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <valarray>
#include <vector>

namespace cereal_test {

namespace cf = concurrent::futures;

// A member, private, with names.
class Model {
  public:
    Model() = default;
    Model(std::string name, std::vector<double> weights) : name_(std::move(name)), weights_(std::move(weights)) {}
    bool operator==(const Model&) const = default;
    double sum() const {
        double all = 0;
        for (const double weight : weights_) all += weight;
        return all;
    }

  private:
    friend class cereal::access;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(CEREAL_NVP(name_), CEREAL_NVP(weights_));
    }
    std::string name_;
    std::vector<double> weights_;
};

// A pair of functions outside, for a class without public members.
class Outside {
  public:
    Outside() = default;
    explicit Outside(int value) : value_(value) {}
    int value() const { return value_; }

  private:
    int value_ = 0;
};
template <class Archive>
void save(Archive& archive, const Outside& outside) {
    archive(outside.value());
}
template <class Archive>
void load(Archive& archive, Outside& outside) {
    int value = 0;
    archive(value);
    outside = Outside(value);
}

// A base class, and a version.
struct Base {
    int id = 0;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(id);
    }
};
struct Derived : Base {
    int more = 0;
    template <class Archive>
    void serialize(Archive& archive, std::uint32_t version) {
        archive(cereal::base_class<Base>(this));
        if (version >= 2) archive(more);
    }
};

// Objects that are shared, in a cycle.
struct Node {
    int value = 0;
    std::shared_ptr<Node> next;
    std::vector<std::shared_ptr<int>> numbers;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(value, next, numbers);
    }
};
struct TwoTypes {
    std::shared_ptr<int> number;
    std::shared_ptr<std::string> text;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(number, text);
    }
};

// Polymorphic objects.
struct Shape {
    virtual ~Shape() = default;
    virtual double area() const = 0;
};
struct Square : Shape {
    double side = 0;
    double area() const override { return side * side; }
    template <class Archive>
    void serialize(Archive& archive) {
        archive(side);
    }
};
struct Drawing {
    std::vector<std::unique_ptr<Shape>> shapes;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(shapes);
    }
};

// What is not cereal's business.
struct Plain {
    int a = 1;
    std::string b = "b";
    bool operator==(const Plain&) const = default;
};
class Own {
  public:
    explicit Own(int number) : n(number) {}
    int n;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(n);
    }
};
// cereal's header for deques is not included here.
struct ForTheLibrary {
    std::deque<int> numbers;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(numbers);
    }
};

template <class Container>
struct Holder {
    Container values;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(values);
    }
};
struct Flag {
    bool on = false;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(on);
    }
};
struct Chain {
    std::unique_ptr<Chain> next;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(next);
    }
};

}  // namespace cereal_test

CEREAL_CLASS_VERSION(cereal_test::Derived, 2)
CEREAL_REGISTER_TYPE(cereal_test::Square)
CEREAL_REGISTER_POLYMORPHIC_RELATION(cereal_test::Shape, cereal_test::Square)

template <>
struct concurrent::futures::Codec<cereal_test::Own> {
    static void encode(Encoder& encoder, const cereal_test::Own& own) { encoder.encode(own.n + 1000); }
    static cereal_test::Own decode(Decoder& decoder) { return cereal_test::Own(decoder.decode<int>()); }
};

namespace {

using namespace cereal_test;
using Catch::Matchers::ContainsSubstring;

template <class T>
T sent(const T& value) {
    cf::Encoder encoder;
    encoder.encode(value);
    cf::Decoder decoder(encoder.bytes());
    T copy = decoder.decode<T>();
    decoder.expect_end();
    return copy;
}
template <class T>
std::vector<std::byte> bytes_of(const T& value) {
    cf::Encoder encoder;
    encoder.encode(value);
    return {encoder.bytes().begin(), encoder.bytes().end()};
}
template <class T>
T decoded(const std::vector<std::byte>& bytes) {
    cf::Decoder decoder(bytes);
    return decoder.decode<T>();
}

TEST_CASE("types with cereal's functions cross: members, outside, base classes, versions", "[cereal]") {
    STATIC_REQUIRE(cf::Serializable<Model>);
    STATIC_REQUIRE(cf::Serializable<Outside>);
    CHECK(sent(Model("m", {1, 2.5})) == Model("m", {1, 2.5}));
    CHECK(sent(Outside(7)).value() == 7);
    Derived derived;
    derived.id = 3;
    derived.more = 4;  // version 2 has it
    CHECK(sent(derived).id == 3);
    CHECK(sent(derived).more == 4);
}

TEST_CASE("standard containers of such types cross", "[cereal]") {
    const std::map<std::string, std::vector<Model>> models{{"a", {Model("x", {1}), Model("y", {})}}};
    CHECK(sent(models) == models);
    const std::valarray<double> values{1, 2, 3};  // a standard type that only cereal knows
    CHECK(sent(values)[2] == 3);
}

TEST_CASE("shared objects stay shared, in cycles too", "[cereal]") {
    const auto first = std::make_shared<Node>();
    first->value = 1;
    first->next = std::make_shared<Node>();
    first->next->next = first;
    first->numbers.assign(3, std::make_shared<int>(5));
    const Node copy = sent(*first);
    REQUIRE(copy.next);
    REQUIRE(copy.next->next);
    CHECK(copy.next->next->value == 1);
    CHECK(copy.next->next->next == copy.next);
    CHECK(copy.numbers.at(0) == copy.numbers.at(2));
    copy.next->next->next.reset();  // or they keep each other
    first->next.reset();
}

TEST_CASE("polymorphic objects that are registered cross by a pointer to their base", "[cereal]") {
    Drawing drawing;
    auto square = std::make_unique<Square>();
    square->side = 3;
    drawing.shapes.push_back(std::move(square));
    CHECK(sent(drawing).shapes.at(0)->area() == 9);
}

TEST_CASE("a Codec, standard types and aggregates cross as without cereal", "[cereal]") {
    STATIC_REQUIRE(!cf::detail::TakenByCereal<Plain>);
    STATIC_REQUIRE(!cf::detail::TakenByCereal<std::vector<int>>);
    STATIC_REQUIRE(!cf::detail::TakenByCereal<std::shared_ptr<int>>);
    CHECK(sent(Own(1)).n == 1001);
    CHECK(sent(Plain{2, "c"}) == Plain{2, "c"});
    CHECK(sent(ForTheLibrary{{1, 2, 3}}).numbers == std::deque{1, 2, 3});
}

double total(const std::vector<Model>& models) {
    double all = 0;
    for (const Model& model : models) all += model.sum();
    return all;
}
Model renamed(const Model& model) { return model.sum() > 1 ? Model("large", {1}) : Model("small", {0}); }

TEST_CASE("such types are arguments and results of calls in processes", "[cereal]") {
    cf::ProcessPoolExecutor pool(1);
    CHECK(pool.submit(total, std::vector{Model("a", {1, 2}), Model("b", {3})}).result() == 6);
    CHECK(pool.submit(renamed, Model("a", {1, 2})).result() == Model("large", {1}));
}

// ---- hostile bytes -----------------------------------------------------------------------------------
TEMPLATE_TEST_CASE("a length that the bytes cannot hold is refused before memory is asked for", "[cereal]",
                   std::vector<double>, std::vector<Model>, std::vector<std::string>, std::string, std::list<int>,
                   std::valarray<int>, std::unordered_set<int>, std::vector<bool>, (std::map<int, int>)) {
    for (const std::uint64_t length : {std::uint64_t(1) << 62, std::uint64_t(1) << 40, std::uint64_t(100)}) {
        std::vector<std::byte> bytes(8 + 40);
        std::memcpy(bytes.data(), &length, sizeof length);
        CHECK_THROWS_AS(decoded<Holder<TestType>>(bytes), cf::SerializationError);
    }
}

TEST_CASE("a length is judged by what its elements take", "[cereal]") {
    std::vector<std::byte> bytes(8 + 40);  // five doubles
    bytes[0] = std::byte{5};
    CHECK(decoded<Holder<std::vector<double>>>(bytes).values.size() == 5);
    bytes[0] = std::byte{6};
    CHECK_THROWS_WITH(decoded<Holder<std::vector<double>>>(bytes), ContainsSubstring("6 elements announced, 40 bytes left"));
}

TEMPLATE_TEST_CASE("bytes that are cut or flipped give a value or a SerializationError", "[cereal]", Node, Drawing, Model,
                   Derived) {
    TestType value{};
    if constexpr (std::is_same_v<TestType, Node>) {
        value.next = std::make_shared<Node>();
        value.numbers.assign(2, std::make_shared<int>(5));
    } else if constexpr (std::is_same_v<TestType, Drawing>) {
        value.shapes.push_back(std::make_unique<Square>());
        value.shapes.push_back(nullptr);
    } else if constexpr (std::is_same_v<TestType, Model>) {
        value = Model("name", {1, 2, 3});
    }
    const std::vector<std::byte> good = bytes_of(value);
    for (std::size_t size = 0; size < good.size(); ++size)
        CHECK_THROWS_AS(decoded<TestType>({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}),
                        cf::SerializationError);
    for (std::size_t place = 0; place < good.size(); ++place)
        for (const unsigned flip : {1u, 2u, 0x80u, 0xFFu}) {
            std::vector<std::byte> bad = good;
            bad[place] ^= std::byte(flip);
            try {
                TestType other = decoded<TestType>(bad);
                if constexpr (std::is_same_v<TestType, Node>)  // which may be in a ring now
                    for (auto next = std::move(other.next); next;) next = std::exchange(next->next, nullptr);
            } catch (const cf::SerializationError&) {
            }
        }
}

TEST_CASE("a shared_ptr cannot name an object of another type", "[cereal]") {
    TwoTypes value{std::make_shared<int>(1), std::make_shared<std::string>("x")};
    std::vector<std::byte> bytes = bytes_of(value);
    CHECK(*decoded<TwoTypes>(bytes).text == "x");
    bytes.resize(8 + 4);  // the number, then for the text: the same object again
    const std::uint32_t number_of_the_int = 1;
    std::memcpy(bytes.data() + 8, &number_of_the_int, 4);
    CHECK_THROWS_WITH(decoded<TwoTypes>(bytes), ContainsSubstring("of another type"));
}

TEST_CASE("a bool is 0 or 1, and values do not nest without end", "[cereal]") {
    CHECK(decoded<Flag>({std::byte{1}}).on);
    CHECK_THROWS_AS(decoded<Flag>({std::byte{2}}), cf::SerializationError);
    CHECK_THROWS_AS(decoded<Chain>(std::vector<std::byte>(100'000, std::byte{1})), cf::SerializationError);
    std::vector<std::byte> chain(200, std::byte{1});
    chain.back() = std::byte{0};
    CHECK(decoded<Chain>(chain).next);
}

}  // namespace
