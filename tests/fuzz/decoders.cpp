// SPDX-License-Identifier: MIT
//
// decoders.cpp: everything that turns bytes of another process into something, fed with any bytes.
//
// What decodes must encode again, and decode to the same bytes; what does not must say so with
// SerializationError; and nothing may ask for more memory at once than the bytes that arrived can need.
#include <concurrent/futures/detail/map/map_chunk.hpp>
#include <concurrent/futures/detail/processes/control_page.hpp>
#include <concurrent/futures/detail/wire/frame.hpp>
#include <concurrent/futures/detail/wire/remote_call.hpp>
#include <concurrent/futures/broadcast.hpp>
#include <concurrent/futures/serialization.hpp>
#include <concurrent/futures/shared_array.hpp>

#include <algorithm>
#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <cstring>
#include <deque>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include "fuzz.hpp"

namespace cf = concurrent::futures;
namespace detail = concurrent::futures::detail;
using fuzz::require;

namespace {

// ---- types ----

enum class Colour : unsigned char { red, green };
struct Point {
    int x = 0;
    double y = 0;
    std::string name{};
    std::array<short, 3> more{};
};
struct Tree {
    int value = 0;
    std::vector<std::unique_ptr<Tree>> children{};
};
struct Archived {
    std::vector<int> numbers;
    bool flag = false;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(numbers, flag);
    }
};
struct Odd {
    int value;
};
struct Empty {};

}  // namespace

template <>
struct concurrent::futures::Codec<Odd> {
    static void encode(Encoder& encoder, const Odd& odd) { encoder.encode(odd.value); }
    static Odd decode(Decoder& decoder) {
        const int value = decoder.decode<int>();
        if (value % 2 == 0) throw SerializationError("not odd");
        return {value};
    }
};

namespace {

/// An element may take more room than bytes: an empty std::optional<Point> takes one byte.
constexpr std::size_t expansion = 256;
constexpr std::size_t some = 256 * 1024;  // elements without bytes: 65536 in one message

template <class T>
void round_trip(fuzz::Bytes bytes) {
    fuzz::largest_allocation();
    try {
        cf::Decoder decoder(bytes);
        const T value = decoder.decode<T>();
        require(fuzz::largest_allocation() <= some + expansion * bytes.size(), "too much memory for a value");
        cf::Encoder first;
        first.encode(value);
        cf::Decoder again(first.bytes());
        const T same = again.decode<T>();
        again.expect_end();
        cf::Encoder second;
        second.encode(same);
        require(std::ranges::equal(first.bytes(), second.bytes()), "a value changed on the way");
    } catch (const cf::SerializationError&) {
        require(fuzz::largest_allocation() <= some + expansion * bytes.size(), "too much memory for no value");
    }
}
template <class... Ts>
void round_trips(fuzz::Bytes bytes) {
    if (bytes.empty()) return;
    const auto which = static_cast<std::size_t>(bytes[0]) % sizeof...(Ts);
    std::size_t index = 0;
    ((index++ == which ? round_trip<Ts>(bytes.subspan(1)) : void()), ...);
}

template <class T>
void seed(const char* target, unsigned char which, const T& value) {
    cf::Encoder encoder;
    encoder.encode(value);
    std::vector<std::byte> bytes{std::byte{which}};
    bytes.insert(bytes.end(), encoder.bytes().begin(), encoder.bytes().end());
    fuzz::write_seed(target, bytes);
}

FUZZ_TARGET(scalars) {
    round_trips<bool, int, double, Colour, std::complex<float>, std::chrono::nanoseconds, std::bitset<70>,
                std::optional<bool>, std::variant<std::monostate, int, std::string>,
                std::tuple<char, std::string, bool>, std::filesystem::path, std::error_code>(bytes);
}
FUZZ_TARGET(containers) {
    round_trips<std::string, std::vector<int>, std::vector<bool>, std::vector<std::string>, std::deque<Point>,
                std::list<std::vector<char>>, std::set<std::string>, std::map<int, std::string>,
                std::unordered_map<std::string, std::vector<int>>, std::vector<Empty>,
                std::vector<std::vector<Empty>>, std::multimap<std::string, std::optional<Colour>>,
                std::array<std::string, 3>, std::vector<std::optional<Point>>>(bytes);
}
FUZZ_TARGET(aggregates) {
    round_trips<Point, Tree, Archived, Odd, std::unique_ptr<Tree>, std::shared_ptr<Point>,
                std::vector<std::variant<Point, Archived, Odd>>, std::pair<Tree, Empty>>(bytes);
}
FUZZ_TARGET(map_chunks) {
    round_trips<detail::MapChunkResults<int>, detail::MapChunkResults<std::string>, detail::MapChunkResults<void>,
                std::vector<std::tuple<int, std::string>>>(bytes);
}
void exception_round_trip(fuzz::Bytes bytes) {
    fuzz::largest_allocation();
    try {
        cf::Decoder decoder(bytes);
        const std::exception_ptr error = detail::decode_exception(decoder, 42);
        require(fuzz::largest_allocation() <= some + expansion * bytes.size(), "too much memory for an exception");
        cf::Encoder first, second;
        detail::encode_exception(first, error);
        cf::Decoder again(first.bytes());
        detail::encode_exception(second, detail::decode_exception(again, 42));
        again.expect_end();
        require(std::ranges::equal(first.bytes(), second.bytes()), "an exception changed on the way");
    } catch (const cf::SerializationError&) {
    }
}
FUZZ_TARGET(exceptions) { exception_round_trip(bytes); }

/// The long names of types, which no mutation finds, are written here. The first byte says how many are nested;
/// then, of each, one for the type, and message and body with a byte for the length.
FUZZ_TARGET(exception_types) {
    std::size_t place = 0;
    const auto byte = [&] { return place < bytes.size() ? static_cast<std::size_t>(bytes[place++]) : 0; };
    const auto text = [&] {
        const std::size_t wanted = byte();  // moves on to the text
        const std::size_t size = std::min(wanted, bytes.size() - place);
        const std::string_view found(reinterpret_cast<const char*>(bytes.data()) + place, size);
        place += size;
        return found;
    };
    cf::Encoder encoder;
    const std::size_t levels = 1 + byte() % 4;
    for (std::size_t level = 1; level < levels; ++level) encoder.encode(detail::ExceptionForm::nested);
    encoder.encode(detail::ExceptionForm::plain);
    for (std::size_t level = 0; level < levels; ++level) {
        encoder.encode(detail::standard_exceptions[byte() % std::size(detail::standard_exceptions)].key());
        encoder.encode(std::string_view("type"));
        encoder.encode(text());
        encoder.encode(text());
    }
    exception_round_trip(encoder.bytes());
}
FUZZ_TARGET(views) {
    if (bytes.empty()) return;
    std::vector<std::byte> aligned(bytes.begin() + 1, bytes.end());
    try {
        cf::Decoder decoder(aligned);
        unsigned sum = 0;
        if (bytes[0] == std::byte{0}) {
            for (const int each : decoder.decode_view<std::span<const int>>()) sum += static_cast<unsigned>(each);
        } else {
            for (const char each : decoder.decode_view<std::string_view>()) sum += static_cast<unsigned char>(each);
        }
        [[maybe_unused]] volatile const unsigned kept = sum;
    } catch (const cf::SerializationError&) {
    }
}

/// The first byte chooses what the others change: by exclusive or, what names an array or a broadcast that is
/// there; or they are what is in the memory of a broadcast.
FUZZ_TARGET(shared_memory) {
    static const cf::SharedArray<int> array(100, 7);
    static const auto words = cf::broadcast(std::vector<std::string>{"one", "two"});
    using Words = cf::Broadcast<std::vector<std::string>>;
    if (bytes.empty()) return;
    const auto which = static_cast<unsigned>(bytes[0]) % 3;
    const fuzz::Bytes rest = bytes.subspan(1);
    try {
        cf::Encoder name;
        if (which == 2) {
            cf::Encoder contents;
            contents.write_u64(detail::type_mark<std::vector<std::string>>());
            contents.write_bytes(rest.data(), rest.size());
            detail::SharedBlock block = detail::SharedBlock::draft(contents.size());
            std::memcpy(block.data(), contents.bytes().data(), contents.size());
            block.freeze(contents.size());
            detail::encode_region(name, detail::SharedRegion::over(std::move(block), true));
        } else {
            which == 0 ? name.encode(array) : name.encode(words);
        }
        std::vector<std::byte> changed(name.bytes().begin(), name.bytes().end());
        bool same = true;
        for (std::size_t i = 0; which != 2 && i < std::min(rest.size(), changed.size()); ++i) {
            changed[i] ^= rest[i];
            same = same && rest[i] == std::byte{0};
        }
        cf::Decoder decoder(changed);
        if (which == 0) {
            const auto found = decoder.decode<cf::SharedArray<int>>();
            require(found.empty() || (same && found == array), "an array that its name does not name");
        } else {
            const auto found = decoder.decode<Words>();
            require(which == 2 || (same && found == words), "a broadcast that its name does not name");
            require(found->size() <= rest.size() || which == 1, "more words than there are bytes");
        }
    } catch (const cf::SerializationError&) {
    }
}

// ---- calls ----

constexpr auto join = [](const std::vector<std::string>& parts, std::optional<int> n, std::string_view view) {
    std::string text(view);
    for (const std::string& part : parts) text += part;
    return static_cast<int>(text.size()) + n.value_or(0) % 2;
};
using Join = detail::RemoteCallFor<decltype(join), std::vector<std::string>, std::optional<int>, std::string>;

/// The location of the code must be one that is registered; then come the arguments.
FUZZ_TARGET(calls) {
    if (bytes.empty()) return;
    cf::Encoder call, result;
    if (bytes[0] != std::byte{0})
        detail::encode_location(call, detail::RegisteredTask<Join>::location());
    call.write_bytes(bytes.data() + 1, bytes.size() - 1);
    const detail::ByteBuffer aligned = std::move(call).take();
    try {
        cf::Decoder decoder(aligned.bytes());
        detail::run_encoded_call(decoder, result);
    } catch (const cf::SerializationError&) {
    }
}

// ---- frames and the control page ----

/// The first bytes say in what portions the others come.
FUZZ_TARGET(frames) {
    detail::FrameAssembler assembler;
    const std::size_t portions = bytes.empty() ? 0 : static_cast<std::size_t>(bytes[0]) % 8;
    if (bytes.size() < portions + 1) return;
    const fuzz::Bytes sizes = bytes.subspan(1, portions);
    fuzz::Bytes rest = bytes.subspan(1 + portions);
    const std::size_t all = rest.size();
    std::size_t turn = 0, whole = 0;
    try {
        while (!rest.empty()) {
            const std::size_t wanted = sizes.empty() ? 1000 : 1 + static_cast<std::size_t>(sizes[turn++ % sizes.size()]);
            const std::span<std::byte> room = assembler.room();
            require(!room.empty(), "there is no room for more");
            const std::size_t size = std::min({room.size(), rest.size(), wanted});
            std::memcpy(room.data(), rest.data(), size);
            assembler.commit(size);
            rest = rest.subspan(size);
            while (const auto frame = assembler.next()) {
                whole += sizeof(detail::FrameHeader) + frame->body.size() + frame->header.padding();
                require(frame->body.size() == frame->header.length, "a body of another length than its header says");
                require(whole <= all - rest.size(), "a frame of bytes that did not arrive");
                require(frame->body.capacity() <= 600 * 1024 + 3 * all, "too much memory for a body");
            }
        }
    } catch (const cf::SerializationError&) {
    }
}

/// A dead worker's page, whatever it left there.
FUZZ_TARGET(control_page) {
    alignas(detail::ControlPage) std::array<std::byte, sizeof(detail::ControlPage)> memory{};
    const std::unique_ptr<detail::ControlPage, void (*)(detail::ControlPage*)> page(
        ::new (memory.data()) detail::ControlPage, [](detail::ControlPage* each) { each->~ControlPage(); });
    if (!bytes.empty()) std::memcpy(memory.data(), bytes.data(), std::min(bytes.size(), memory.size()));
    constexpr std::int64_t now = 1'000'000'000'000;
    for (std::size_t slot = 0; slot < detail::ControlPage::slot_count; ++slot) {
        for (const std::uint64_t task : {0U, 1U, 2U, 100U}) {
            page->state(slot, task);
            page->try_revoke(slot, task);
        }
        const std::int64_t started = detail::plausible_start(page->started(slot), now);
        require(started >= 0 && started <= now, "a start that cannot be");
    }
    const std::string words = page->last_words().text();
    require(words.size() <= detail::LastWords::room, "more last words than there is room for");
    for (const char c : words) require(static_cast<unsigned char>(c) >= ' ', "last words in several lines");
    page->first_peak();
    page->hook_started();
}

// ---- seeds ----

[[maybe_unused]] const fuzz::Seeds seeds([] {
    seed("scalars", 0, true);
    seed("scalars", 1, 7);
    seed("scalars", 4, std::complex<float>(1, 2));
    seed("scalars", 6, std::bitset<70>(0x5555));
    seed("scalars", 8, std::variant<std::monostate, int, std::string>("text"));
    seed("scalars", 9, std::tuple<char, std::string, bool>('x', "y", true));
    seed("scalars", 10, std::filesystem::path("/a/b"));
    seed("scalars", 11, std::make_error_code(std::errc::io_error));
    seed("containers", 1, std::vector{1, 2, 3});
    seed("containers", 2, std::vector<bool>(13, true));
    seed("containers", 3, std::vector<std::string>{"a", "", "ccc"});
    seed("containers", 4, std::deque<Point>{{1, 2.0, "p", {1, 2, 3}}});
    seed("containers", 6, std::set<std::string>{"a", "b"});
    seed("containers", 7, std::map<int, std::string>{{1, "a"}, {2, "b"}});
    seed("containers", 8, std::unordered_map<std::string, std::vector<int>>{{"a", {1}}});
    seed("containers", 9, std::vector<Empty>(5));
    seed("containers", 10, std::vector<std::vector<Empty>>(3));
    seed("aggregates", 0, Point{1, 2.0, "p", {1, 2, 3}});
    Tree tree;
    tree.children.push_back(std::make_unique<Tree>());
    tree.children[0]->children.push_back(nullptr);
    seed("aggregates", 1, tree);
    seed("aggregates", 2, Archived{{1, 2}, true});
    seed("aggregates", 3, Odd{7});
    seed("aggregates", 6, std::vector<std::variant<Point, Archived, Odd>>{Odd{1}, Point{}});
    detail::MapChunkResults<int> chunk;
    chunk.emplace_back(std::in_place_index<0>, 5);
    chunk.emplace_back(std::in_place_index<1>, std::make_exception_ptr(std::out_of_range("far")));
    seed("map_chunks", 0, chunk);
    seed("map_chunks", 3, std::vector<std::tuple<int, std::string>>{{1, "x"}});
    const auto exception = [](const std::exception_ptr& error) {
        cf::Encoder encoder;
        detail::encode_exception(encoder, error);
        fuzz::write_seed("exceptions", encoder.bytes());
    };
    exception(nullptr);
    exception(std::make_exception_ptr(std::domain_error("not that")));
    exception(std::make_exception_ptr(std::system_error(2, std::generic_category(), "open")));
    exception(std::make_exception_ptr(std::filesystem::filesystem_error("x", "/a", std::error_code(2, std::generic_category()))));
    exception(std::make_exception_ptr(cf::WorkerDiedError("gone", 12, 3, std::nullopt)));
    exception(std::make_exception_ptr(42));
    try {
        try {
            throw std::runtime_error("inner");
        } catch (...) {
            std::throw_with_nested(std::logic_error("outer"));
        }
    } catch (...) {
        exception(std::current_exception());
    }
    const auto types = [](std::string_view text) { fuzz::write_seed("exception_types", std::as_bytes(std::span(text))); };
    types(std::string_view("\0\12\4open\22\0\2\0\0\0\1\4\0\0\0\0\0\0\0open", 26));  // a std::system_error
    types(std::string_view("\1\3\5inner\0\6\5outer\0", 17));
    seed("shared_memory", 0, std::array<char, 33>{});
    seed("shared_memory", 0, std::array<char, 33>{0, 1});
    seed("shared_memory", 1, std::array<char, 32>{});
    seed("shared_memory", 2, std::vector<std::string>{"a", "", "ccc"});
    seed("views", 0, std::vector{1, 2, 3});
    seed("views", 1, std::string("text"));
    cf::Encoder arguments;
    arguments.encode(std::vector<std::string>{"a", "b"});
    arguments.encode(std::optional<int>(3));
    arguments.encode(std::string("view"));
    std::vector<std::byte> call{std::byte{1}};
    call.insert(call.end(), arguments.bytes().begin(), arguments.bytes().end());
    fuzz::write_seed("calls", call);
    detail::ByteBuffer stream;
    const std::array<std::byte, 3> portions{std::byte{2}, std::byte{5}, std::byte{40}};
    std::memcpy(stream.extend(portions.size()), portions.data(), portions.size());
    detail::append_frame(stream, detail::make_header(detail::FrameType::ready, 0), {});
    detail::append_frame(stream, detail::make_header(detail::FrameType::result, 3, 7, 1),
                         std::as_bytes(std::span("abc", 3)));
    fuzz::write_seed("frames", stream.bytes());
    detail::ControlPage page;
    page.put(0, 1);
    page.start(0, 1);
    page.last_words().write("the last words");
    fuzz::write_seed("control_page", std::as_bytes(std::span(&page, 1)));
});

}  // namespace
