// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/processes/worker_life.hpp>

#include <catch2/catch_test_macros.hpp>

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("a worker starts, is ready, stops, exits and is reaped", "[worker_life]") {
    WorkerLife life;
    CHECK(life.state() == WorkerState::starting);
    CHECK((life.is_starting() && life.is_open() && life.awaits_start_report()));
    CHECK(life.note_ready());
    CHECK(life.state() == WorkerState::ready);
    CHECK((life.is_ready() && life.is_initialized() && !life.awaits_start_report()));
    life.note_stop();
    CHECK(life.state() == WorkerState::stopping);
    CHECK(!life.is_open());
    life.note_exit();
    CHECK(life.state() == WorkerState::exited);
    CHECK((life.has_exited() && !life.is_reaped()));
    life.note_reaped({.exit_code = 3});
    CHECK(life.state() == WorkerState::reaped);
    life.note_exit();  // the system may say it twice
    CHECK(life.state() == WorkerState::reaped);
    CHECK(life.exit_status().exit_code == 3);
    CHECK(life.last_phase() == WorkerState::stopping);
}

TEST_CASE("a worker that says ready and exits was ready, though the message is read after the exit", "[worker_life]") {
    WorkerLife life;
    life.note_exit();
    CHECK(life.last_phase() == WorkerState::starting);
    CHECK(life.note_ready());
    CHECK(life.last_phase() == WorkerState::ready);
    CHECK(!life.is_ready());
    CHECK(life.state() == WorkerState::exited);
}

TEST_CASE("a worker whose start failed stops by itself and was never initialized", "[worker_life]") {
    WorkerLife life;
    life.note_start_failed();
    CHECK(life.state() == WorkerState::stopping);
    CHECK((!life.is_initialized() && !life.awaits_start_report()));
}

TEST_CASE("a worker that was told to stop while it started does not become ready", "[worker_life]") {
    WorkerLife life;
    life.note_stop();
    CHECK(life.note_ready());
    CHECK(life.state() == WorkerState::stopping);
    CHECK(life.is_initialized());  // so that what runs too long from here on is its worker_exit
}

TEST_CASE("a worker that is being ended is too late to be ready", "[worker_life]") {
    WorkerLife life;
    life.force_at(50);
    CHECK(life.is_dying());
    CHECK(!life.note_ready());
    CHECK((!life.is_ready() && !life.is_initialized() && !life.awaits_start_report()));
}

TEST_CASE("the earlier time of an end by force counts, and none after the kill", "[worker_life]") {
    WorkerLife life;
    CHECK(!life.is_dying());
    CHECK(life.kill_at() == TaskLimits::never);
    life.force_by(70);
    life.force_by(90);
    CHECK(life.kill_at() == 70);
    life.force_at(80);
    CHECK(life.kill_at() == 80);
    life.note_kill();
    life.note_kill();
    CHECK((life.is_killed() && life.is_dying()));
    life.force_by(10);
    life.force_at(10);
    CHECK(life.kill_at() == TaskLimits::never);
}

TEST_CASE("a worker is ended because of one task, and the first complaint stays unless it is replaced", "[worker_life]") {
    WorkerLife life;
    CHECK(!life.is_evicted_for(4));
    life.evict(WorkerLife::Eviction::Cause::timeout, 4);
    CHECK((life.is_evicted_for(4) && !life.is_evicted_for(5) && life.is_dying()));
    life.complain("first");
    life.complain("second");
    CHECK(life.complaint() == "first");
    life.complain_instead("third");
    CHECK(life.complaint() == "third");
}

}  // namespace
