// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/worker_configuration.hpp>

#include <catch2/catch_test_macros.hpp>
#include <concurrent/futures/detail/platform/loaded_modules.hpp>
#include <concurrent/futures/detail/serialization/codecs.hpp>
#include <cstddef>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <typeinfo>
#include <utility>

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;

ByteBuffer bytes_of(const std::string& text) {
    cf::Encoder encoder;
    encoder.write_bytes(text.data(), text.size());
    return std::move(encoder).take();
}

TEST_CASE("the first frame of a worker names the program, and has the limit and the hooks", "[worker_configuration]") {
    ProcessSettings settings;
    settings.max_memory_bytes = 12345;
    settings.initializer = bytes_of("the initializer");
    settings.worker_exit = bytes_of("at the end");
    const ByteBuffer body = configuration_of(settings);
    cf::Decoder decoder(body.bytes());
    CHECK(decoder.read_u64() == program_identity());
    CHECK(decoder.read_u64() == 12345);
    const auto read_part = [&] {
        const auto size = static_cast<std::size_t>(decoder.read_u64());
        decoder.align(16);
        const auto* const begin = static_cast<const char*>(static_cast<const void*>(decoder.read(size, typeid(char))));
        return std::string(begin, size);
    };
    CHECK(read_part() == "the initializer");
    CHECK(read_part() == "at the end");
    const std::string out_of_memory = read_part();
    cf::Decoder of_exception(std::as_bytes(std::span(out_of_memory)));
    CHECK_THROWS_AS(std::rethrow_exception(decode_exception(of_exception, 0)), std::bad_alloc);
    decoder.expect_end();
}

}  // namespace
