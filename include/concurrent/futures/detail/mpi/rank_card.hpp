// SPDX-License-Identifier: MIT
//
// rank_card.hpp: what each rank of an MPI job says of itself at the start: its program, process and host.
//
//     const RankCard card = own_rank_card();
//     if (!same_program(cards[0], card)) … list_of_ranks(cards, card) …
#pragma once

#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "concurrent/futures/detail/platform/hash_bytes.hpp"
#include "concurrent/futures/detail/platform/loaded_modules.hpp"
#include "concurrent/futures/version.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Of a fixed layout: the other side may be another build.
struct RankCard {
    std::uint64_t program = 0;   // build id
    std::uint64_t abi = 0;       // sizes and byte order, and the version of the library
    std::int64_t pid = 0;
    std::array<char, 104> host{};
    std::array<char, 128> executable{};

    std::string host_name() const { return {host.data(), ::strnlen(host.data(), host.size())}; }
    std::string executable_name() const { return {executable.data(), ::strnlen(executable.data(), executable.size())}; }
};
static_assert(sizeof(RankCard) == 256);

inline RankCard own_rank_card() {
    RankCard card;
    card.program = program_identity();
    constexpr std::array sizes{sizeof(void*), sizeof(long), sizeof(wchar_t), sizeof(long double),
                               sizeof(std::string), std::size_t{CONCURRENT_FUTURES_VERSION}};
    card.abi = hash_bytes(sizes.data(), sizeof sizes);
    card.pid = ::getpid();
    ::gethostname(card.host.data(), card.host.size() - 1);
    const ssize_t length = ::readlink("/proc/self/exe", card.executable.data(), card.executable.size() - 1);
    if (length < 0) card.executable[0] = '?';
    return card;
}

inline bool same_program(const RankCard& one, const RankCard& other) noexcept {
    return one.program == other.program && one.abi == other.abi;
}

/// Those that run the same program as `other`: "ranks 0 on node1, 2 on node2: /path/of/program". Eight at most are named.
inline std::string list_of_ranks(const std::vector<RankCard>& cards, const RankCard& other) {
    std::string ranks;
    std::size_t count = 0;
    for (std::size_t rank = 0; rank < cards.size(); ++rank) {
        if (!same_program(cards[rank], other)) continue;
        if (++count <= 8) ranks += (count == 1 ? "" : ", ") + std::to_string(rank) + " on " + cards[rank].host_name();
    }
    if (count > 8) ranks += " and " + std::to_string(count - 8) + " more";
    return (count == 1 ? "rank " : "ranks ") + ranks + ": " + other.executable_name();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
