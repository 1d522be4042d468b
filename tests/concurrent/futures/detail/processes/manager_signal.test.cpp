// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/manager_signal.hpp>

#include <poll.h>

#include <catch2/catch_test_macros.hpp>

namespace {

using concurrent::futures::detail::ManagerSignal;

bool is_notified(ManagerSignal& signal) {
    pollfd entry{signal.wake_up().fd(), POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
}

TEST_CASE("a manager thread that is awake is not notified, one that sleeps is notified once", "[manager_signal]") {
    ManagerSignal signal;
    signal.wake();
    CHECK(!is_notified(signal));
    signal.fall_asleep();
    CHECK(signal.is_asleep());
    signal.wake();
    CHECK(is_notified(signal));
    CHECK(!signal.is_asleep());
    signal.wake_up().clear();
    signal.wake();  // it is on its way
    CHECK(!is_notified(signal));
}

TEST_CASE("news stays until the manager thread takes note of it", "[manager_signal]") {
    ManagerSignal signal;
    CHECK(!signal.has_news());
    signal.note_news();
    signal.fall_asleep();
    signal.rise();
    CHECK(signal.has_news());
    signal.clear_news();
    CHECK(!signal.has_news());
}

}  // namespace
