// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/event_poller.hpp>

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

namespace {

using namespace concurrent::futures::detail;

WorkerLink* worker(int& place) { return reinterpret_cast<WorkerLink*>(&place); }

TEST_CASE("a poll says for each worker what has happened, in the order in which they were added", "[event_poller]") {
    const WakeUp wake_up;
    Pipe first = make_pipe();
    Pipe second = make_pipe();
    int one = 0, other = 0;
    EventPoller poller;
    poller.reserve(2);
    for (int round = 0; round < 2; ++round) {
        poller.begin(wake_up.fd(), -1);
        poller.add({worker(one), first.read_end.get(), -1, -1});
        poller.add({worker(other), -1, -1, second.read_end.get()});
        poller.poll(0, false);
        CHECK((!poller.was_woken() && !poller.template_spoke()));
        REQUIRE(poller.ready().size() == 2);
        CHECK(poller.ready()[0].worker == worker(one));
        CHECK(poller.ready()[1].worker == worker(other));
        for (const EventPoller::Ready& each : poller.ready()) CHECK((!each.results && !each.exited));
    }
    REQUIRE(::write(first.write_end.get(), "x", 1) == 1);
    wake_up.notify();
    poller.begin(wake_up.fd(), -1);
    poller.add({worker(one), first.read_end.get(), -1, -1});
    poller.add({worker(other), -1, -1, second.read_end.get()});
    second.write_end.reset();  // its end, too, is news
    poller.poll(-1, true);
    CHECK(poller.was_woken());
    CHECK((poller.ready()[0].results && !poller.ready()[0].exited));
    CHECK((!poller.ready()[1].results && poller.ready()[1].exited));
}

TEST_CASE("the socket of a template is news of its own", "[event_poller]") {
    const WakeUp wake_up;
    Pipe socket = make_pipe();
    EventPoller poller;
    REQUIRE(::write(socket.write_end.get(), "x", 1) == 1);
    poller.begin(wake_up.fd(), socket.read_end.get());
    poller.poll(-1, true);
    CHECK((poller.template_spoke() && !poller.was_woken() && poller.ready().empty()));
}

TEST_CASE("a descriptor that cannot be polled is an exit, unless a template tells of exits", "[event_poller]") {
    const WakeUp wake_up;
    int closed = -1;
    {
        const Pipe gone = make_pipe();
        closed = gone.read_end.get();
    }
    int one = 0;
    EventPoller poller;
    poller.reserve(1);
    for (const bool is_exit : {true, false}) {
        poller.begin(wake_up.fd(), -1);
        poller.add({worker(one), -1, -1, closed});
        poller.poll(0, false);
        CHECK(poller.ready()[0].exited == is_exit);
        poller.trust_exits_only();
    }
}

TEST_CASE("a look is due after a while, and a poll that slept is not followed by a spin", "[event_poller]") {
    const WakeUp wake_up;
    EventPoller poller;
    CHECK(!poller.slept_briefly());
    wake_up.notify();
    poller.begin(wake_up.fd(), -1);
    poller.poll(0, false);
    const std::int64_t now = monotonic_nanoseconds();
    CHECK(poller.is_look_due(now + 1'000'000));
    CHECK(!poller.is_look_due(now - 1'000'000'000));
    CHECK(!poller.slept_briefly());  // that was no sleep
}

}  // namespace
