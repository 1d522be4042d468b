// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/state/state_word.hpp>

#include <catch2/catch_test_macros.hpp>
#include <mutex>

#include <concurrent/futures/detail/platform/deadline.hpp>

namespace {

using namespace concurrent::futures::detail;

/// Opens what SharedState uses.
struct Word : StateWord {
    using StateWord::drop;
    using StateWord::failed_unobserved;
    using StateWord::handle;
    using StateWord::producer;
    using StateWord::publish;
    using StateWord::sleep;
    using StateWord::try_publish_untold;
    using StateWord::try_publish_untold_and_drop_producer;
    using StateWord::unlock_with_listener;
};

void add_listener(Word& word) {
    word.lock();
    REQUIRE(word.unlock_with_listener());
}

}  // namespace

TEST_CASE("each move of a state word is made once", "[unit]") {
    Word word;
    CHECK(word.begin());
    CHECK_FALSE(word.begin());
    CHECK_FALSE(word.begin_cancel());
    CHECK(word.claim());
    CHECK_FALSE(word.claim());
    CHECK_FALSE(word.publish(CallState::finished));
    CHECK(word.done());
    CHECK_FALSE(word.was_cancelled());
}

TEST_CASE("a state word that ends says whether there is a listener to tell", "[unit]") {
    Word word;
    add_listener(word);
    REQUIRE(word.begin());
    bool last = false;
    CHECK_FALSE(word.try_publish_untold(CallState::finished));
    CHECK_FALSE(word.try_publish_untold_and_drop_producer(CallState::finished, last));
    CHECK(word.state() == CallState::running);
    CHECK(word.publish(CallState::finished));
}

TEST_CASE("a state word that has ended takes no listener, and stays locked", "[unit]") {
    Word word;
    REQUIRE(word.begin_cancel());
    CHECK(word.try_publish_untold(CallState::cancelled));
    CHECK(word.was_cancelled());
    const std::lock_guard lock(word);
    CHECK_FALSE(word.unlock_with_listener());
}

TEST_CASE("the last reference that is dropped is told so", "[unit]") {
    Word word;
    word.add_handle();
    CHECK_FALSE(word.last_handle());
    CHECK_FALSE(word.drop(Word::handle));
    CHECK(word.last_handle());
    CHECK_FALSE(word.drop(Word::producer));
    CHECK(word.drop(Word::handle));

    Word ends_last;
    CHECK_FALSE(ends_last.drop(Word::handle));
    REQUIRE(ends_last.begin());
    bool last = false;
    CHECK(ends_last.try_publish_untold_and_drop_producer(CallState::failed, last));
    CHECK(last);
    CHECK(ends_last.failed_unobserved());
    ends_last.mark_observed();
    CHECK_FALSE(ends_last.failed_unobserved());
}

TEST_CASE("a state word tells of a failure that nobody has looked at, and of no other end", "[unit]") {
    for (const CallState end : {CallState::failed, CallState::finished, CallState::cancelled}) {
        Word word;
        CHECK_FALSE(word.failed_unobserved());
        REQUIRE((end == CallState::cancelled ? word.begin_cancel() : word.begin()));
        word.publish(end);
        CHECK(word.failed_unobserved() == (end == CallState::failed));
    }
}

TEST_CASE("no thread sleeps at a state word that has ended", "[unit]") {
    Word word;
    REQUIRE(word.begin());
    word.publish(CallState::finished);
    word.sleep(Deadline::never());
    CHECK(word.done());
}
