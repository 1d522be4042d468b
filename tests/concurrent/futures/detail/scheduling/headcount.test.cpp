// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/scheduling/headcount.hpp>

#include <catch2/catch_test_macros.hpp>

namespace {

using concurrent::futures::detail::Headcount;

Headcount& with_workers(Headcount& count, int workers) {
    for (int n = 0; n < workers; ++n) {
        count.add_starting();
        count.note_started();
    }
    return count;
}

}  // namespace

TEST_CASE("a thread that is blocked leaves its place to a substitute, which is one too many later", "[unit]") {
    Headcount count(2, 0);
    with_workers(count, 2);
    CHECK(count.places() == 0);
    count.note_blocked(true);
    CHECK((count.at_work() == 1 && count.places() == 1));
    with_workers(count, 1);
    CHECK((count.has_substitutes() && !count.too_many()));
    count.note_blocked(false);
    CHECK((count.too_many() && count.places() == 0));
}

TEST_CASE("while a pool is paused each thread at work is one too many", "[unit]") {
    Headcount count(2, 0);
    with_workers(count, 1);
    count.set_paused(true);
    CHECK((count.too_many() && count.most_at_work() == 0 && count.places() == 0));
    count.note_idle(true);
    CHECK((!count.too_many() && count.all_idle()));
    count.set_paused(false);
    CHECK(count.places() == 2);
}

TEST_CASE("threads that leave do not count among those that stay", "[unit]") {
    Headcount count(3, 1);
    with_workers(count, 2);
    CHECK(!count.all_are_kept());
    count.note_leaving();
    CHECK((count.staying() == 1 && count.all_are_kept()));
    count.note_end(true);
    CHECK((count.alive() == 1 && count.staying() == 1));
    count.note_end(false);
    CHECK(count.staying() == 0);
}

TEST_CASE("a lower max_workers makes threads too many", "[unit]") {
    Headcount count(3, 0);
    with_workers(count, 3);
    count.set_max_workers(2);
    CHECK((count.too_many() && count.has_substitutes()));
}
