// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/wire/remote_call.hpp>
#include <concurrent/futures/detail/wire/task_registry.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <cstring>
#include <string>

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::Decoder;
using concurrent::futures::Encoder;
using concurrent::futures::SerializationError;

int add(int a, int b) { return a + b; }
int subtract(int a, int b) { return a - b; }

ByteBuffer call_at(const CodeLocation& location) {
    Encoder encoder;
    encode_location(encoder, location);
    return std::move(encoder).take();
}

Encoder run(const ByteBuffer& bytes) {
    Decoder call(bytes.bytes());
    Encoder result;
    run_encoded_call(call, result);
    return result;
}

TEST_CASE("an encoded call runs and leaves its result", "[task_registry]") {
    const Encoder sum = run(encode_call(add, 40, 2));
    Decoder decoder(sum.bytes());
    CHECK(decoder.decode<int>() == 42);
    // The same kind of call with another function of the same type.
    const Encoder difference = run(encode_call(subtract, 40, 2));
    Decoder other(difference.bytes());
    CHECK(other.decode<int>() == 38);
}

TEST_CASE("a location where no task is registered is an error and never a jump", "[task_registry]") {
    using Call = RemoteCallFor<int (*)(int, int), int, int>;
    const CodeLocation good = RegisteredTask<Call>::location();
    REQUIRE(good.module != 0);
    CHECK(TaskEntry::find(resolve(good, false)) == &RegisteredTask<Call>::entry);
    static int some_data = 0;
    for (const CodeLocation& wrong :
         {CodeLocation{}, CodeLocation{good.module, good.offset + 1},
          CodeLocation{good.module, good.offset + 8}, CodeLocation{good.module, 0},
          CodeLocation{good.module, UINT64_MAX}, CodeLocation{good.module + 1, good.offset},
          CodeLocation{12345, 678},
          locate(reinterpret_cast<std::uintptr_t>(&add), true),
          locate(reinterpret_cast<std::uintptr_t>(&some_data), false)}) {
        INFO(wrong.module << " " << wrong.offset);
        CHECK_THROWS_AS(run(call_at(wrong)), SerializationError);
    }
}

TEST_CASE("a function pointer that leads to no code is an error", "[task_registry]") {
    using Call = RemoteCallFor<int (*)(int, int), int, int>;
    static int some_data = 0;
    for (const CodeLocation& wrong :
         {CodeLocation{}, CodeLocation{77, 88},
          locate(reinterpret_cast<std::uintptr_t>(&some_data), false)}) {
        Encoder encoder;
        encode_location(encoder, RegisteredTask<Call>::location());
        encode_location(encoder, wrong);
        encoder.encode(1);
        encoder.encode(2);
        CHECK_THROWS_AS(run(std::move(encoder).take()), SerializationError);
    }
}

TEST_CASE("a call that is cut short or too long is an error", "[task_registry]") {
    const ByteBuffer whole = encode_call(add, 1, 2);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        INFO("cut to " << size);
        Decoder call(whole.bytes().first(size));
        Encoder result;
        CHECK_THROWS_AS(run_encoded_call(call, result), SerializationError);
    }
    Encoder longer;
    longer.write_bytes(whole.bytes().data(), whole.size());
    longer.encode(std::string("more"));
    Decoder call(longer.bytes());
    Encoder result;
    CHECK_THROWS_AS(run_encoded_call(call, result), SerializationError);
}

TEST_CASE("entries that come later, as those of a library, are found as well", "[task_registry]") {
    const auto code = [](Decoder&, Encoder& result, const StopLine&) { result.encode(99); };
    CHECK(TaskEntry::find(std::uintptr_t{0}) == nullptr);
    static const TaskEntry late(code);  // for good: entries stay in the list
    const CodeLocation where = locate(reinterpret_cast<std::uintptr_t>(&late), false);
    const Encoder result = run(call_at(where));
    Decoder decoder(result.bytes());
    CHECK(decoder.decode<int>() == 99);
}

/// What a plugin with a copy of this code leaves in its variables: an entry that is in no list of ours.
struct CopiedEntry {
    alignas(TaskEntry) std::array<std::byte, sizeof(TaskEntry)> bytes;
};

TEST_CASE("an entry of another list is known by its signature, and only with code of its module",
          "[task_registry]") {
    using Call = RemoteCallFor<int (*)(int, int), int, int>;
    static CopiedEntry copy;
    static CopiedEntry nonsense;
    std::memcpy(copy.bytes.data(), &RegisteredTask<Call>::entry, sizeof(TaskEntry));
    const CodeLocation where = locate(reinterpret_cast<std::uintptr_t>(&copy), false);
    const auto run_copy = [&] {
        Encoder call;
        encode_location(call, where);
        encode_location(call, locate(reinterpret_cast<std::uintptr_t>(&add), true));
        call.encode(40);
        call.encode(2);
        const Encoder result = run(std::move(call).take());
        Decoder decoder(result.bytes());
        return decoder.decode<int>();
    };
    CHECK(run_copy() == 42);
    const CopiedEntry good = copy;
    for (std::size_t i = 0; i < 8; ++i) {  // the signature
        copy = good;
        copy.bytes[i] ^= std::byte{1};
        CHECK_THROWS_AS(run_copy(), SerializationError);
    }
    for (const auto target : {std::uintptr_t{0}, std::uintptr_t{16}, std::uintptr_t{UINTPTR_MAX},
                              reinterpret_cast<std::uintptr_t>(&nonsense)}) {
        copy = good;
        std::memcpy(copy.bytes.data() + 8, &target, sizeof target);
        CHECK_THROWS_AS(run_copy(), SerializationError);
    }
}

}  // namespace
