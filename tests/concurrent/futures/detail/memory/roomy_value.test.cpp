// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/memory/roomy_value.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <memory>
#include <utility>

namespace {

using concurrent::futures::detail::RoomyValue;

struct Frame {
    explicit Frame(int first) { pixels[0] = first; }
    Frame(const Frame&) = delete;
    std::array<int, 3 << 20> pixels;  // more than a stack has
};

TEST_CASE("a large value lies on the heap, constructed there", "[roomy_value]") {
    RoomyValue<Frame> frame(std::in_place, 7);
    CHECK(frame->pixels[0] == 7);
    RoomyValue<Frame> made([] { return Frame(8); });
    CHECK((*made).pixels[0] == 8);
    CHECK(sizeof frame == sizeof(void*));
}

TEST_CASE("a small value lies where it is declared", "[roomy_value]") {
    RoomyValue<std::unique_ptr<int>> box(std::in_place, new int(7));
    const auto* const begin = reinterpret_cast<const std::byte*>(&box);
    const auto* const place = reinterpret_cast<const std::byte*>(std::addressof(*box));
    CHECK((begin <= place && place < begin + sizeof box));
    CHECK(**box == 7);
}

}  // namespace
