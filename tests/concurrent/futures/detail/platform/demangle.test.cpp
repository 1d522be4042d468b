// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/demangle.hpp>

#include <catch2/catch_test_macros.hpp>
#include <exception>
#include <stdexcept>
#include <string>

namespace cf = concurrent::futures;

TEST_CASE("types are named as the source spells them", "[platform]") {
    CHECK(cf::detail::demangle(typeid(int)) == "int");
    CHECK(cf::detail::demangle(typeid(std::runtime_error)) == "std::runtime_error");
}

TEST_CASE("the type being handled is named, whatever it is", "[platform]") {
    try {
        throw 42;
    } catch (...) {
        CHECK(cf::detail::current_exception_type_name() == "int");
    }
}

TEST_CASE("the name of a nested exception is that of what was thrown", "[platform]") {
    const auto name_of = [](auto&& original) -> std::string {
        try {
            std::throw_with_nested(std::forward<decltype(original)>(original));
        } catch (const std::exception& error) {
            return cf::detail::demangle_thrown(typeid(error));
        }
    };
    const std::runtime_error constant("x");
    CHECK(name_of(std::runtime_error("x")) == "std::runtime_error");
    CHECK(name_of(constant) == "std::runtime_error");
}
