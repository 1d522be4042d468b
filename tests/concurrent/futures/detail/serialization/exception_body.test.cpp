// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/serialization/exception_body.hpp>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

#include "round_trip.hpp"

namespace {

template <class E>
E rebuilt(const E& error) {
    cf::Encoder encoder;
    cf::detail::ExceptionBody<E>::encode(encoder, error);
    cf::Decoder decoder(encoder.bytes());
    E result = cf::detail::ExceptionBody<E>::decode(decoder, error.what());
    decoder.expect_end();
    return result;
}

struct Stateful : std::exception {
    int state = 0;
};
struct Stateless : std::exception {};

}  // namespace

TEST_CASE("a system_error says the same on both sides", "[serialization]") {
    const auto code = std::make_error_code(std::errc::no_such_file_or_directory);
    for (const std::system_error& error :
         {std::system_error(code), std::system_error(code, "open"), std::system_error(code, ""),
          std::system_error(2, std::system_category(), "a: b: c"),
          std::system_error(code, code.message()), std::system_error(code, std::string("ends\0here", 9))}) {
        const std::system_error result = rebuilt(error);
        CHECK(std::string(result.what()) == error.what());
        CHECK(result.code() == error.code());
    }
}

TEST_CASE("a filesystem_error keeps code, text and paths", "[serialization]") {
    using std::filesystem::filesystem_error;
    static_assert(cf::detail::CanRebuild<filesystem_error>);
    const auto code = std::make_error_code(std::errc::permission_denied);
    for (const filesystem_error& error :
         {filesystem_error("cannot remove", "/a", "/b", code),
          filesystem_error("cannot remove", "/a", code), filesystem_error("cannot remove", code)}) {
        const filesystem_error result = rebuilt(error);
        CHECK(result.code() == code);
        CHECK(result.path1() == error.path1());
        CHECK(result.path2() == error.path2());
        CHECK(std::string(result.what()) == error.what());
    }
}

TEST_CASE("the fields of this library's errors cross", "[serialization]") {
    const cf::WorkerDiedError died = rebuilt(cf::WorkerDiedError("it died", 12, std::nullopt, 9));
    CHECK(std::string(died.what()) == "it died");
    CHECK(died.pid() == 12);
    CHECK_FALSE(died.exit_code().has_value());
    CHECK(died.signal() == 9);
    const cf::RemoteError remote = rebuilt(cf::RemoteError("my::Error", "text", 13));
    CHECK(remote.type_name() == "my::Error");
    CHECK(remote.message() == "text");
    CHECK(remote.pid() == 13);
}

TEST_CASE("a type whose state cannot be carried cannot be rebuilt", "[serialization]") {
    static_assert(!cf::detail::CanRebuild<Stateful>);
    static_assert(cf::detail::CanRebuild<Stateless>);
    static_assert(cf::detail::CanRebuild<std::runtime_error>);
    SUCCEED();
}
