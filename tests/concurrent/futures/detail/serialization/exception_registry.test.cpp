// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/serialization/exception_registry.hpp>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <stdexcept>
#include <thread>
#include <vector>

#include "round_trip.hpp"

namespace {

struct RegisteredBelow : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Unknown : std::runtime_error {
    using std::runtime_error::runtime_error;
};

template <int number>
struct Numbered : std::runtime_error {
    using std::runtime_error::runtime_error;
};

template <int... numbers>
bool all_found(std::integer_sequence<int, numbers...>) {
    return ((cf::detail::find_entry(Numbered<numbers>("")) != nullptr) && ...);
}

template <int... numbers>
bool register_all(std::integer_sequence<int, numbers...>) {
    (cf::detail::add_exception_entry<Numbered<numbers>>(), ...);
    return all_found(std::integer_sequence<int, numbers...>());
}

std::size_t registered_count() {
    std::size_t count = 0;
    cf::detail::find_entry_if([&](const cf::detail::ExceptionEntry&) {
        ++count;
        return false;
    });
    return count;
}

}  // namespace

TEST_CASE("an exception is found by exactly its type", "[serialization]") {
    const cf::detail::ExceptionEntry* const entry = cf::detail::find_entry(std::out_of_range("x"));
    REQUIRE(entry != nullptr);
    CHECK(*entry->type == typeid(std::out_of_range));
    CHECK(cf::detail::find_entry(entry->key()) == entry);
    CHECK(cf::detail::find_entry(Unknown("x")) == nullptr);
    CHECK(cf::detail::find_entry("no such key") == nullptr);
}

TEST_CASE("an exception is found by what throw_with_nested makes of it", "[serialization]") {
    const auto found_for_nested = [](auto&& error) -> const std::type_info* {
        try {
            std::throw_with_nested(std::forward<decltype(error)>(error));
        } catch (const std::exception& thrown) {
            const auto* const entry = cf::detail::find_entry(thrown);
            return entry == nullptr ? nullptr : entry->type;
        }
    };
    const std::domain_error constant("x");
    std::domain_error variable("x");
    for (const std::type_info* const found :
         {found_for_nested(constant), found_for_nested(variable),
          found_for_nested(std::domain_error("x"))}) {
        REQUIRE(found != nullptr);
        CHECK(*found == typeid(std::domain_error));
    }
    CHECK(found_for_nested(Unknown("x")) == nullptr);
}

TEST_CASE("a type is known before main if register_exception names it anywhere", "[serialization]") {
    CHECK(cf::detail::find_entry(RegisteredBelow("x")) != nullptr);
    const std::size_t before = registered_count();
    CHECK(cf::register_exception<RegisteredBelow>());
    CHECK(registered_count() == before);
}

TEST_CASE("registering is idempotent and safe from many threads", "[serialization]") {
    constexpr auto numbers = std::make_integer_sequence<int, 20>();
    const std::size_t before = registered_count();
    CHECK_FALSE(all_found(std::integer_sequence<int, 0>()));
    std::atomic<bool> all_true = true;
    {
        std::vector<std::jthread> threads;
        for (int thread = 0; thread != 4; ++thread) {
            threads.emplace_back([&] {
                if (!register_all(numbers)) all_true = false;
            });
        }
    }
    CHECK(all_true);
    CHECK(registered_count() == before + 20);
    CHECK(register_all(numbers));
    CHECK(registered_count() == before + 20);
}
