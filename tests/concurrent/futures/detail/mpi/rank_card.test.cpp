// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/mpi/rank_card.hpp>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <string>
#include <vector>

namespace {

using namespace concurrent::futures::detail;

RankCard card(std::uint64_t program, const std::string& host, const std::string& executable) {
    RankCard made;
    made.program = program;
    std::memcpy(made.host.data(), host.data(), host.size());
    std::memcpy(made.executable.data(), executable.data(), executable.size());
    return made;
}

TEST_CASE("a process says which program it is, and where", "[rank_card]") {
    const RankCard own = own_rank_card();
    CHECK(own.pid == ::getpid());
    CHECK(!own.host_name().empty());
    CHECK(own.executable_name().find('/') != std::string::npos);
    CHECK(same_program(own, own_rank_card()));
    RankCard other = own;
    ++other.abi;
    CHECK(!same_program(own, other));
}

TEST_CASE("the ranks that run the same program are listed with their hosts", "[rank_card]") {
    std::vector<RankCard> cards{card(1, "a", "/bin/one"), card(2, "b", "/bin/two"), card(1, "c", "/bin/one")};
    CHECK(list_of_ranks(cards, cards[0]) == "ranks 0 on a, 2 on c: /bin/one");
    CHECK(list_of_ranks(cards, cards[1]) == "rank 1 on b: /bin/two");
    cards.resize(12, cards[0]);
    CHECK(list_of_ranks(cards, cards[0]) ==
          "ranks 0 on a, 2 on c, 3 on a, 4 on a, 5 on a, 6 on a, 7 on a, 8 on a and 3 more: /bin/one");
}

}  // namespace
