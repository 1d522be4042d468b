// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/wire/payload_arena.hpp>

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::Decoder;
using concurrent::futures::Encoder;
using concurrent::futures::SerializationError;
using Access = SharedMemory::Access;
constexpr std::size_t mebibyte = 1024 * 1024;

/// Both ends of a worker's results, in one process.
struct Results {
    explicit Results(std::size_t size = 64 * mebibyte) {
        const std::lock_guard lock(PoolDescriptors::instance().mutex);
        SharedMemory region = SharedMemory::make(size, Access::read);
        SharedMemory same = SharedMemory::map(region.descriptor(Access::write), Access::write);
        view = PayloadView::of_results(std::move(region));
        arena = PayloadArena::over(std::move(same));
    }
    ByteBuffer encoded(std::size_t size, char fill) const {
        Encoder encoder{ByteBuffer(arena.get())};
        encoder.encode(std::vector<char>(size, fill));
        return std::move(encoder).take();
    }
    PayloadHandle<PayloadView> view;
    PayloadHandle<PayloadArena> arena;
};

TEST_CASE("what grows large moves to shared memory, what stays small does not", "[payload_arena]") {
    const Results results;
    CHECK_FALSE(results.encoded(ByteStore::smallest / 2, 'a').is_stored());
    Encoder encoder{ByteBuffer(results.arena.get())};
    for (std::uint64_t i = 0; i < 100'000; ++i) encoder.write_u64(i);
    const ByteBuffer bytes = std::move(encoder).take();
    REQUIRE(bytes.is_stored());
    Decoder decoder(bytes.bytes());
    bool same = true;
    for (std::uint64_t i = 0; i < 100'000; ++i) same = same && decoder.read_u64() == i;
    CHECK(same);
}

TEST_CASE("the other side sees the bytes where they are", "[payload_arena]") {
    const Results results;
    ByteBuffer sent = results.encoded(mebibyte, 'b');
    REQUIRE(sent.is_stored());
    const auto place = results.arena->send(sent);
    REQUIRE(place);
    const ByteBuffer received = results.view->at(*place);
    CHECK(received.is_stored());
    CHECK(Decoder(received.bytes()).decode<std::vector<char>>() == std::vector<char>(mebibyte, 'b'));
}

TEST_CASE("memory is used again after the reader has let go of it, and not before", "[payload_arena]") {
    const Results results;
    ByteBuffer first = results.encoded(mebibyte, 'c');
    const auto place = results.arena->send(first);
    const auto before = results.view->region().provided();
    {
        const ByteBuffer received = results.view->at(*place);
        const ByteBuffer second = results.encoded(mebibyte, 'd');
        CHECK(results.arena->place_of(second).offset != place->offset);
        CHECK(Decoder(received.bytes()).decode<std::vector<char>>().back() == 'c');
    }
    const auto both = results.view->region().provided();
    CHECK(both > before);
    for (int i = 0; i < 100; ++i) {
        ByteBuffer bytes = results.encoded(mebibyte, 'e');
        const auto now = results.arena->send(bytes);
        REQUIRE(now);
        results.view->at(*now);
    }
    CHECK(results.view->region().provided() == both);
    CHECK(results.arena->trim());
    CHECK(results.view->region().provided() == SharedMemory::page);
    CHECK_FALSE(results.arena->trim());
}

TEST_CASE("so many results may be in flight, and one more goes another way", "[payload_arena]") {
    const Results results;
    std::vector<PayloadPlace> places;
    for (std::size_t i = 0; i < PayloadReturns::parcels; ++i) {
        ByteBuffer bytes = results.encoded(ByteStore::smallest, 'f');
        places.push_back(results.arena->send(bytes).value());
    }
    ByteBuffer bytes = results.encoded(ByteStore::smallest, 'g');
    CHECK_FALSE(results.arena->send(bytes));
    CHECK(bytes.is_stored());
    results.view->at(places[7]);
    CHECK(results.arena->send(bytes).value().parcel == places[7].parcel);
}

TEST_CASE("when the region is full the heap is next", "[payload_arena]") {
    const Results results(4 * mebibyte);
    const ByteBuffer most = results.encoded(3 * mebibyte, 'h');
    const ByteBuffer more = results.encoded(3 * mebibyte, 'i');
    CHECK(most.is_stored());
    CHECK_FALSE(more.is_stored());
    CHECK(Decoder(more.bytes()).decode<std::vector<char>>().size() == 3 * mebibyte);
}

TEST_CASE("a place that cannot be is refused", "[payload_arena]") {
    const Results results;
    ByteBuffer bytes = results.encoded(mebibyte, 'j');
    const PayloadPlace good = results.arena->send(bytes).value();
    constexpr auto huge = std::numeric_limits<std::uint64_t>::max();
    const auto with = [&](auto change) {
        PayloadPlace place = good;
        change(place);
        return place;
    };
    const PayloadPlace bad[]{
        with([](PayloadPlace& p) { p.offset = 0; }),            // the page that both write
        with([](PayloadPlace& p) { p.offset += 8; }),           // not aligned
        with([](PayloadPlace& p) { p.offset = huge - 15; }),    // far outside
        with([](PayloadPlace& p) { p.offset = 64 * mebibyte; }),
        with([](PayloadPlace& p) { p.length = 0; }),
        with([](PayloadPlace& p) { p.length = huge; }),
        with([](PayloadPlace& p) { p.length = 64 * mebibyte; }),
        with([](PayloadPlace& p) { p.length = 2 * mebibyte; }),  // more than there is memory for
        with([](PayloadPlace& p) { p.parcel = PayloadReturns::parcels; })};
    for (const PayloadPlace& place : bad) {
        CAPTURE(place.offset, place.length, place.parcel);
        CHECK_THROWS_AS(results.view->at(place), SerializationError);
    }
    CHECK_NOTHROW(results.view->at(good));
}

TEST_CASE("a frame gets its body from shared memory", "[payload_arena]") {
    const Results results;
    ByteBuffer bytes = results.encoded(mebibyte, 'k');
    const PayloadPlace place = results.arena->send(bytes).value();
    Frame frame;
    frame.header = make_header(FrameType::result, sizeof place, 1, 0, BodyKind::in_shared_memory);
    std::memcpy(frame.body.extend(sizeof place), &place, sizeof place);
    Frame without = {frame.header, ByteBuffer(), false};
    std::memcpy(without.body.extend(sizeof place), &place, sizeof place);
    CHECK_THROWS_AS(fetch_payload(without, nullptr), SerializationError);
    without.body.truncate(sizeof place - 1);
    CHECK_THROWS_AS(fetch_payload(without, results.view.get()), SerializationError);
    fetch_payload(frame, results.view.get());
    CHECK(frame.body.size() == place.length);
}

TEST_CASE("bytes may outlive everything else", "[payload_arena]") {
    ByteBuffer encoded;
    ByteBuffer received;
    {
        const Results results;
        encoded = results.encoded(mebibyte, 'l');
        ByteBuffer bytes = results.encoded(mebibyte, 'm');
        received = results.view->at(results.arena->send(bytes).value());
    }
    CHECK(Decoder(encoded.bytes()).decode<std::vector<char>>().back() == 'l');
    CHECK(Decoder(received.bytes()).decode<std::vector<char>>().back() == 'm');
}

TEST_CASE("memory of a result that has been read is used for the next one, before that is sent", "[payload_arena]") {
    for (std::size_t size = 2 * mebibyte;; size += 65'536) {
        const Results results(size);
        ByteBuffer sent = results.encoded(mebibyte, 'a');
        if (!sent.is_stored()) continue;  // the smallest that holds one
        const auto place = results.arena->send(sent);
        REQUIRE(place);
        static_cast<void>(results.view->at(*place));
        CHECK(results.encoded(mebibyte, 'b').is_stored());
        break;
    }
}

TEST_CASE("the body of a frame for which there was no memory is not looked for", "[payload_arena]") {
    Frame frame{make_header(FrameType::result, 0), {}, true};
    frame.header.body = BodyKind::in_shared_memory;
    CHECK_NOTHROW(fetch_payload(frame, nullptr));
    frame.lost = false;
    CHECK_THROWS_AS(fetch_payload(frame, nullptr), SerializationError);
}

}  // namespace
