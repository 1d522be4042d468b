// SPDX-License-Identifier: MIT
//
// A lane of a rank that has a thread of its own.
#include <concurrent/futures/detail/mpi/rank_lane.hpp>

#include <atomic>
#include <catch2/catch_test_macros.hpp>

#include "support/gate.hpp"

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("a lane's thread runs all jobs before it is stopped", "[rank_lane]") {
    RankLane lane(1);
    std::atomic<int> ran{0};
    for (int job = 0; job < 100; ++job) lane.push_for_thread({}, [&](RankLane&, const RankJob&) { ++ran; });
    lane.stop_thread();
    CHECK(ran == 100);
}

// Destructors of the user run when a thread ends. They may wait for other tasks, so the thread that receives does not wait
// for them.
TEST_CASE("a job is given to a lane whose thread has not quite ended", "[rank_lane]") {
    struct Blocks {
        support::Gate *begun, *gate;
        ~Blocks() {
            begun->open();
            gate->wait();
        }
    };
    support::Gate begun, gate;
    std::atomic<int> ran{0};
    RankLane lane(1);
    lane.push_for_thread({}, [&](RankLane&, const RankJob&) {
        static thread_local Blocks blocks{&begun, &gate};
        ran += blocks.gate == &gate;
    });
    begun.wait();  // no pool uses the lane, so the thread ends
    lane.push_for_thread({}, [&](RankLane&, const RankJob&) { ++ran; });
    CHECK(ran == 1);
    gate.open();
    lane.stop_thread();
    CHECK(ran == 2);
}

}  // namespace
