// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/wire/block_with_bytes.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace {

using namespace concurrent::futures::detail;

template <std::size_t Alignment>
struct alignas(Alignment) Call {
    Call(ByteBuffer&& its_bytes, int its_number) noexcept : bytes(std::move(its_bytes)), number(its_number) {}
    static void operator delete(void* place) noexcept { BlockWithBytes<Call>::free(place); }
    ByteBuffer bytes;
    int number;
};

template <class Call>
void make_and_check(std::size_t size) {
    CallRoom room;
    ByteBuffer bytes(nullptr, room.bytes);
    std::memset(bytes.extend(size), 7, size);
    Call* const call = BlockWithBytes<Call>::make(std::move(bytes), 3);
    room.bytes.fill(std::byte{0});
    CHECK(reinterpret_cast<std::uintptr_t>(call) % alignof(Call) == 0);
    CHECK((call->number == 3 && call->bytes.size() == size));
    for (std::size_t i = 0; i < size; ++i) CHECK(call->bytes.data()[i] == std::byte{7});
    const auto* const end = static_cast<const std::byte*>(static_cast<const void*>(call + 1));
    const bool is_behind = call->bytes.is_lent();
    CHECK(is_behind == (size <= sizeof(CallRoom)));
    if (is_behind) {
        CHECK(call->bytes.data() >= end);
        CHECK(reinterpret_cast<std::uintptr_t>(call->bytes.data()) % 16 == 0);
    }
    delete call;
}

TEST_CASE("few bytes are in one block with their call, many have memory of their own", "[block_with_bytes]") {
    for (const std::size_t size : {0u, 1u, 16u, 255u, 256u, 257u, 5'000u}) {
        make_and_check<Call<16>>(size);
        make_and_check<Call<64>>(size);
    }
}

/// Gives out one piece of memory.
struct Store final : ByteStore {
    std::byte* allocate(std::size_t& size) noexcept override { return size <= memory.size() ? memory.data() : nullptr; }
    void release(std::byte*, std::size_t) noexcept override { ++released; }
    std::array<std::byte, 64 * 1024> memory;
    int released = 0;
};

TEST_CASE("a call of a few bytes does not keep memory of the store, one of many does", "[block_with_bytes]") {
    Store store;
    for (const bool few : {true, false}) {
        CallRoom room;
        ByteBuffer bytes(&store, room.bytes);
        bytes.extend(40'000);
        REQUIRE(bytes.is_stored());
        if (few) bytes.truncate(4);
        auto* const call = BlockWithBytes<Call<16>>::make(std::move(bytes), 0);
        CHECK(call->bytes.is_stored() == !few);
        CHECK(store.released == (few ? 1 : 0));
        store.released = 0;
        delete call;
        CHECK(store.released == (few ? 0 : 1));
        store.released = 0;
    }
}

}  // namespace
