// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/serialization/exception_codec.hpp>

#include <any>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <future>
#include <stdexcept>
#include <string>
#include <system_error>
#include <typeinfo>
#include <variant>

#include "round_trip.hpp"

namespace {

std::exception_ptr cross(const std::exception_ptr& exception, int pid = 77) {
    cf::Encoder encoder;
    cf::detail::encode_exception(encoder, exception);
    cf::Decoder decoder(encoder.bytes());
    std::exception_ptr result = cf::detail::decode_exception(decoder, pid);
    decoder.expect_end();
    return result;
}

template <class Throws>
std::exception_ptr thrown_by(Throws throws) {
    try {
        throws();
    } catch (...) {
        return std::current_exception();
    }
    return nullptr;
}

/// Calls `check` with the exception, as the E it has to be.
template <class E, class Check>
void expect(const std::exception_ptr& exception, Check check) {
    REQUIRE(exception);
    try {
        std::rethrow_exception(exception);
    } catch (const E& error) {
        check(error);
    } catch (...) {
        FAIL("another type: " << cf::detail::current_exception_type_name());
    }
}

std::exception_ptr nested_in(const std::exception& error) {
    const auto* const outer = dynamic_cast<const std::nested_exception*>(&error);
    return outer == nullptr ? nullptr : outer->nested_ptr();
}

template <class E>
void throw_one() {
    if constexpr (std::is_constructible_v<E, const char*>) {
        throw E("what happened");
    } else {
        throw E();
    }
}

struct Unregistered : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct WithCode : std::runtime_error {
    WithCode(const std::string& text, int number) : std::runtime_error(text), code(number) {}
    int code;
};

struct FromString : std::logic_error {
    using std::logic_error::logic_error;
};

/// Its serialize() brings the members only.
template <class Base>
struct WithMembers : Base {
    WithMembers() : Base("") {}
    WithMembers(const std::string& text, std::string of, int at) : Base(text), customer(std::move(of)), line(at) {}
    template <class Archive>
    void serialize(Archive& archive) {
        archive(customer, line);
    }
    std::string customer;
    int line = 0;
};

/// Makes its text of its members.
struct OwnText : WithMembers<std::runtime_error> {
    using WithMembers::WithMembers;
    template <class Archive>
    void serialize(Archive& archive) {
        WithMembers::serialize(archive);
        text = customer + "!";
    }
    const char* what() const noexcept override { return text.c_str(); }
    std::string text = customer + "!";
};

/// Its codec gives it another message.
struct Renamed : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Carries what it was thrown over in itself.
struct Chained : std::runtime_error, std::nested_exception {
    using std::runtime_error::runtime_error;
};

struct ThrowingCodec : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct ThrowingConstructor : std::runtime_error {
    explicit ThrowingConstructor(const std::string& text) : std::runtime_error(text) {
        if (text == "refuse") throw std::invalid_argument("not twice");
    }
    ThrowingConstructor() : std::runtime_error("refuse") {}
};

struct ThrowingCopy : std::runtime_error {
    using std::runtime_error::runtime_error;
    ThrowingCopy(const ThrowingCopy& other) : std::runtime_error(other) {
        if (armed) throw 42;
    }
    static inline bool armed = false;
};

struct NotAnException {};

const bool registered =
    cf::register_exception<WithCode>() && cf::register_exception<WithMembers<std::runtime_error>>() &&
    cf::register_exception<WithMembers<std::invalid_argument>>() && cf::register_exception<OwnText>() && cf::register_exception<Renamed>() &&
    cf::register_exception<FromString>() &&
    cf::register_exception<Chained>() && cf::register_exception<ThrowingCodec>() &&
    cf::register_exception<ThrowingCopy>() && cf::register_exception<ThrowingConstructor>();

}  // namespace

template <>
struct concurrent::futures::Codec<Renamed> {
    static void encode(Encoder&, const Renamed&) {}
    static Renamed decode(Decoder&) { return Renamed("after"); }
};

template <>
struct concurrent::futures::Codec<WithCode> {
    static void encode(Encoder& encoder, const WithCode& error) {
        encoder(std::string(error.what()), error.code);
    }
    static WithCode decode(Decoder& decoder) {
        auto text = decoder.decode<std::string>();
        return WithCode(text, decoder.decode<int>());
    }
};

template <>
struct concurrent::futures::Codec<ThrowingCodec> {
    static void encode(Encoder& encoder, const ThrowingCodec&) {
        encoder.encode(std::string("half of it"));
        throw 42;
    }
    static ThrowingCodec decode(Decoder&) { return ThrowingCodec(""); }
};

TEMPLATE_TEST_CASE("the standard exceptions keep type and message", "[serialization]",
                   std::exception, std::logic_error, std::invalid_argument, std::domain_error,
                   std::length_error, std::out_of_range, std::runtime_error, std::range_error,
                   std::overflow_error, std::underflow_error, std::bad_alloc,
                   std::bad_array_new_length, std::bad_cast, std::bad_typeid, std::bad_exception,
                   std::bad_function_call, std::bad_optional_access, std::bad_variant_access,
                   std::bad_weak_ptr, cf::Error, cf::CancelledError, cf::TimeoutError,
                   cf::InvalidStateError, cf::BrokenPromiseError, cf::ShutdownError,
                   cf::QueueFullError, cf::BrokenExecutor, cf::BrokenThreadPool,
                   cf::BrokenProcessPool, cf::TaskTimeoutError, cf::SerializationError) {
    const auto original = thrown_by(throw_one<TestType>);
    std::string text;
    expect<TestType>(original, [&](const TestType& error) { text = error.what(); });
    expect<TestType>(cross(original), [&](const TestType& error) {
        CHECK(typeid(error) == typeid(TestType));
        CHECK(error.what() == text);
    });
}

TEST_CASE("null crosses as null", "[serialization]") { CHECK(cross(nullptr) == nullptr); }

TEST_CASE("the several texts of bad_variant_access cross, twice too", "[serialization]") {
    const auto original = thrown_by([] {
        std::variant<int, double> variant = 1;
        (void)std::get<double>(variant);
    });
    std::string text;
    expect<std::bad_variant_access>(original, [&](const auto& error) { text = error.what(); });
    REQUIRE(text != std::bad_variant_access().what());
    for (const auto& copy : {cross(original), cross(cross(original))}) {
        expect<std::bad_variant_access>(copy, [&](const auto& error) {
            CHECK(error.what() == text);
            CHECK(typeid(error) != typeid(cf::RemoteError));
        });
    }
}

TEST_CASE("a text that its type does not give keeps the type when it is nested, too, twice", "[serialization]") {
    const auto original = thrown_by([] {
        try {
            throw std::range_error("inner");
        } catch (...) {
            try {
                std::variant<int, double> variant = 1;
                (void)std::get<double>(variant);
            } catch (const std::bad_variant_access& error) {
                std::throw_with_nested(error);
            }
        }
    });
    for (const auto& copy : {cross(original), cross(cross(original)), cross(cross(cross(original)))}) {
        expect<std::bad_variant_access>(copy, [&](const auto& error) {
            CHECK(typeid(error) != typeid(cf::RemoteError));
            CHECK(error.what() != std::string(std::bad_variant_access().what()));
            CHECK(nested_in(error) != nullptr);
        });
    }
}

TEST_CASE("a system_error keeps code and text", "[serialization]") {
    const auto original = std::make_exception_ptr(
        std::system_error(std::make_error_code(std::errc::broken_pipe), "write"));
    expect<std::system_error>(cross(original), [](const std::system_error& error) {
        CHECK(typeid(error) == typeid(std::system_error));
        CHECK(error.code() == std::errc::broken_pipe);
        CHECK(std::string(error.what()) == "write: Broken pipe");
    });
}

TEST_CASE("a system_error of a foreign category becomes RemoteError", "[serialization]") {
    const auto original = std::make_exception_ptr(
        std::system_error(std::make_error_code(std::future_errc::no_state), "future"));
    expect<cf::RemoteError>(cross(original, 5), [](const cf::RemoteError& error) {
        CHECK(error.type_name() == "std::system_error");
        CHECK(error.message() == "future: No associated state");
        CHECK(error.pid() == 5);
    });
}

TEST_CASE("WorkerDiedError and RemoteError keep their fields", "[serialization]") {
    expect<cf::WorkerDiedError>(
        cross(std::make_exception_ptr(cf::WorkerDiedError("gone", 3, 4, std::nullopt))),
        [](const cf::WorkerDiedError& error) {
            CHECK(error.pid() == 3);
            CHECK(error.exit_code() == 4);
            CHECK_FALSE(error.signal());
        });
    expect<cf::RemoteError>(cross(std::make_exception_ptr(cf::RemoteError("T", "m", 3)), 4),
                            [](const cf::RemoteError& error) {
                                CHECK(error.type_name() == "T");
                                CHECK(error.message() == "m");
                                CHECK(error.pid() == 3);
                            });
}

TEST_CASE("an unknown type becomes RemoteError, whatever it derives from", "[serialization]") {
    expect<cf::RemoteError>(cross(std::make_exception_ptr(Unregistered("why")), 9),
                            [](const cf::RemoteError& error) {
                                CHECK(error.type_name() == "(anonymous namespace)::Unregistered");
                                CHECK(error.message() == "why");
                                CHECK(error.pid() == 9);
                            });
}

TEST_CASE("what is no std::exception becomes RemoteError without message", "[serialization]") {
    const auto name_of = [](const std::exception_ptr& exception) {
        std::string name;
        expect<cf::RemoteError>(cross(exception), [&](const cf::RemoteError& error) {
            name = error.type_name();
            CHECK(error.message().empty());
        });
        return name;
    };
    CHECK(name_of(std::make_exception_ptr(42)) == "int");
    CHECK(name_of(thrown_by([] { throw nullptr; })) == "decltype(nullptr)");
    CHECK(name_of(thrown_by([] { throw "text"; })) == "char const*");
    CHECK(name_of(thrown_by([] { throw NotAnException(); })) ==
          "(anonymous namespace)::NotAnException");
}

TEST_CASE("registered types keep type, message and what their codec carries", "[serialization]") {
    REQUIRE(registered);
    expect<WithCode>(cross(std::make_exception_ptr(WithCode("text", 7))),
                     [](const WithCode& error) {
                         CHECK(std::string(error.what()) == "text");
                         CHECK(error.code == 7);
                     });
    expect<FromString>(cross(std::make_exception_ptr(FromString("text"))),
                       [](const FromString& error) { CHECK(std::string(error.what()) == "text"); });
}

TEMPLATE_TEST_CASE("a registered type with members and serialize() keeps its message, too", "[serialization]",
                   std::runtime_error, std::invalid_argument) {
    using E = WithMembers<TestType>;
    // Twice: a worker of a worker.
    const std::exception_ptr arrived = cross(cross(std::make_exception_ptr(E("negative size", "Bob", 7))));
    expect<E>(arrived, [](const E& error) {
        CHECK(std::string(error.what()) == "negative size");
        CHECK(error.customer == "Bob");
        CHECK(error.line == 7);
    });
}

TEST_CASE("a registered type that makes its message of its members keeps that", "[serialization]") {
    expect<OwnText>(cross(std::make_exception_ptr(OwnText("unused", "Bob", 7))), [](const OwnText& error) {
        CHECK(std::string(error.what()) == "Bob!");
        CHECK(error.line == 7);
    });
}

TEST_CASE("a Codec of an exception chooses the message", "[serialization]") {
    expect<Renamed>(cross(std::make_exception_ptr(Renamed("before"))),
                    [](const Renamed& error) { CHECK(std::string(error.what()) == "after"); });
}

TEST_CASE("nesting is kept, with the types of all levels", "[serialization]") {
    const auto original = thrown_by([] {
        try {
            try {
                throw std::out_of_range("inner");
            } catch (...) {
                std::throw_with_nested(WithCode("middle", 7));
            }
        } catch (...) {
            std::throw_with_nested(std::runtime_error("outer"));
        }
    });
    for (const auto& copy : {cross(original), cross(cross(original))}) {
        expect<std::runtime_error>(copy, [](const std::runtime_error& outer) {
            CHECK(std::string(outer.what()) == "outer");
            expect<WithCode>(nested_in(outer), [](const WithCode& middle) {
                CHECK(std::string(middle.what()) == "middle");
                CHECK(middle.code == 7);
                expect<std::out_of_range>(nested_in(middle), [](const std::out_of_range& inner) {
                    CHECK(std::string(inner.what()) == "inner");
                    CHECK(nested_in(inner) == nullptr);
                });
            });
        });
    }
}

TEST_CASE("nesting is kept around and inside what becomes RemoteError", "[serialization]") {
    const auto original = thrown_by([] {
        try {
            throw 42;
        } catch (...) {
            std::throw_with_nested(Unregistered("outer"));
        }
    });
    expect<cf::RemoteError>(cross(original), [](const cf::RemoteError& outer) {
        CHECK(outer.type_name() == "(anonymous namespace)::Unregistered");
        CHECK(outer.message() == "outer");
        expect<cf::RemoteError>(nested_in(outer), [](const cf::RemoteError& inner) {
            CHECK(inner.type_name() == "int");
        });
    });
}

TEST_CASE("a nested exception around no std::exception keeps what is inside", "[serialization]") {
    const auto original = thrown_by([] {
        try {
            throw std::runtime_error("inner");
        } catch (...) {
            std::throw_with_nested(NotAnException());
        }
    });
    expect<cf::RemoteError>(cross(original), [](const cf::RemoteError& outer) {
        CHECK(outer.type_name() == "(anonymous namespace)::NotAnException");
        expect<std::runtime_error>(nested_in(outer), [](const std::runtime_error& inner) {
            CHECK(std::string(inner.what()) == "inner");
        });
    });
}

TEST_CASE("a registered type that is itself a nested_exception keeps what it holds",
          "[serialization]") {
    const auto original = thrown_by([] {
        try {
            throw std::runtime_error("inner");
        } catch (...) {
            throw Chained("outer");
        }
    });
    expect<Chained>(cross(original), [](const Chained& outer) {
        CHECK(std::string(outer.what()) == "outer");
        expect<std::runtime_error>(outer.nested_ptr(), [](const std::runtime_error& inner) {
            CHECK(std::string(inner.what()) == "inner");
        });
    });
}

TEST_CASE("nesting beyond 32 levels is cut off, not refused", "[serialization]") {
    auto exception = std::make_exception_ptr(std::runtime_error("level 0"));
    for (int level = 1; level != 100; ++level) {
        exception = thrown_by([&] {
            try {
                std::rethrow_exception(exception);
            } catch (...) {
                std::throw_with_nested(std::runtime_error("level " + std::to_string(level)));
            }
        });
    }
    int levels = 0;
    for (auto copy = cross(exception); copy; ++levels) {
        std::exception_ptr next;
        expect<std::runtime_error>(copy, [&](const auto& error) {
            CHECK(error.what() == "level " + std::to_string(99 - levels));
            next = nested_in(error);
        });
        copy = next;
    }
    CHECK(levels == 32);
}

TEST_CASE("a codec that throws costs the type, not the exception", "[serialization]") {
    expect<cf::RemoteError>(cross(std::make_exception_ptr(ThrowingCodec("why"))),
                            [](const cf::RemoteError& error) {
                                CHECK(error.type_name() == "(anonymous namespace)::ThrowingCodec");
                                CHECK(error.message() == "why");
                            });
}

TEST_CASE("a copy constructor that throws costs the type, not the exception", "[serialization]") {
    const auto original = thrown_by([] { std::throw_with_nested(ThrowingCopy("why")); });
    ThrowingCopy::armed = true;
    const auto copy = cross(original);
    ThrowingCopy::armed = false;
    expect<cf::RemoteError>(copy, [](const cf::RemoteError& error) {
        CHECK(error.type_name() == "(anonymous namespace)::ThrowingCopy");
        CHECK(error.message() == "why");
    });
}

TEST_CASE("a constructor that throws costs the type, not the exception", "[serialization]") {
    expect<cf::RemoteError>(
        cross(std::make_exception_ptr(ThrowingConstructor())),
        [](const cf::RemoteError& error) { CHECK(error.message() == "refuse"); });
}

TEST_CASE("an exception_ptr crosses as a value", "[serialization]") {
    const std::pair<int, std::exception_ptr> value(1,
                                                   std::make_exception_ptr(std::range_error("x")));
    expect<std::range_error>(round_trip(value).second, [](const std::range_error& error) {
        CHECK(std::string(error.what()) == "x");
    });
}

TEST_CASE("decoding inside a handler does not nest what is being handled", "[serialization]") {
    const auto original = std::make_exception_ptr(std::range_error("x"));
    try {
        throw 1;
    } catch (int) {
        expect<std::range_error>(cross(original), [](const std::range_error& error) {
            CHECK(nested_in(error) == nullptr);
        });
    }
}

TEST_CASE("hostile exceptions are SerializationErrors", "[serialization]") {
    const auto decode = [](const cf::Encoder& encoder) {
        cf::Decoder decoder(encoder.bytes());
        (void)cf::detail::decode_exception(decoder, 1);
    };
    cf::Encoder form;
    form.encode(char{3});
    CHECK_THROWS_AS(decode(form), cf::SerializationError);

    cf::Encoder deep;
    for (int level = 0; level != 100'000; ++level) deep.encode(char{2});
    CHECK_THROWS_AS(decode(deep), cf::SerializationError);

    cf::Encoder none_inside;
    none_inside(char{2}, char{0});
    CHECK_THROWS_AS(decode(none_inside), cf::SerializationError);

    cf::Encoder surplus_body;
    surplus_body(char{1}, std::string(typeid(std::runtime_error).name()), std::string("T"),
                 std::string("m"), std::uint64_t{1}, 'x');
    CHECK_THROWS_AS(decode(surplus_body), cf::SerializationError);

    cf::Encoder null_in_text;
    null_in_text(char{1}, std::string(typeid(std::bad_alloc).name()), std::string("T"),
                 std::string("std::bad_alloc\0and more", 23), std::uint64_t{0});
    cf::Decoder null_decoder(null_in_text.bytes());
    expect<std::bad_alloc>(cf::detail::decode_exception(null_decoder, 1), [](const std::bad_alloc& error) {
        CHECK(typeid(error) == typeid(std::bad_alloc));  // what() ends there, so it says what it always says
    });

    cf::Encoder unknown_key;
    unknown_key(char{1}, std::string("_ZHostile"), std::string("T"), std::string("m"),
                std::uint64_t{0});
    CHECK_THROWS_AS(([&] {
                        cf::Decoder decoder(unknown_key.bytes());
                        std::rethrow_exception(cf::detail::decode_exception(decoder, 1));
                    }()),
                    cf::RemoteError);
}
