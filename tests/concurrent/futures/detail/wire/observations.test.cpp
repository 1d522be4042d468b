// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/wire/observations.hpp>

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/named_events.hpp"

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;
using Kind = Observation::Kind;

struct Log final : support::NamedEvents {
    void told(std::string_view what, const cf::CallEvent& call) override {
        lines.push_back(std::string(what) + " " + std::to_string(call.call) + " " + std::string(call.name) + " in " +
                        std::to_string(call.pid));
    }
    void told(std::string_view what, const cf::WorkerEvent& event, std::string_view how) override {
        lines.push_back(std::string(what) + (how.empty() ? "" : ": " + std::string(how)) + " " +
                        std::to_string(event.number) + " " + std::string(event.name));
    }
    std::vector<std::string> lines;
};

TEST_CASE("what was noted under a lock is told later, each as what it was", "[observations]") {
    const auto log = std::make_shared<Log>();
    const PoolWatch watch(log, "processes", {}, 1, {});
    Observations noted;
    CHECK(noted.empty());
    for (const Kind kind : {Kind::started, Kind::completed, Kind::failed, Kind::stopped, Kind::cancelled, Kind::retried,
                            Kind::timed_out})
        noted.add({.kind = kind, .pid = 12, .number = 7, .text = "resize"});
    for (const Kind kind : {Kind::worker_started, Kind::worker_ended, Kind::worker_died})
        noted.add({.kind = kind, .pid = 12, .number = 3, .text = "signal 9"});
    CHECK((!noted.empty() && log->lines.empty()));
    const std::vector<Observation> taken = noted.take();
    CHECK(noted.empty());
    for (const Observation& each : taken) each.tell(watch);
    CHECK(log->lines == std::vector<std::string>{
                            "started 7 resize in 12", "completed 7 resize in 12", "failed 7 resize in 12",
                            "stopped 7 resize in 12", "cancelled 7 resize in 12", "retried 7 resize in 12",
                            "timed out 7 resize in 12", "worker started 3 worker 12", "worker ended 3 worker 12",
                            "worker died: signal 9 3 worker 12"});
}

TEST_CASE("an event of a task on a rank is told with the number of its worker", "[observations]") {
    struct Workers final : cf::Observer {
        void started(const cf::CallEvent& call) override { seen = call.worker; }
        std::size_t seen = 0;
    };
    const auto workers = std::make_shared<Workers>();
    const PoolWatch watch(workers, "ranks", {}, 1, {});
    Observation{.kind = Kind::started, .worker = 3}.tell(watch);
    CHECK(workers->seen == 3);
}

TEST_CASE("an event is told with the time at which it was noted", "[observations]") {
    struct Times final : cf::Observer {
        void started(const cf::CallEvent& call) override { seen = call.time; }
        std::chrono::steady_clock::time_point seen;
    };
    const auto times = std::make_shared<Times>();
    const PoolWatch watch(times, "processes", {}, 1, {});
    Observation{.kind = Kind::started, .time = 1'234'567}.tell(watch);
    CHECK(times->seen.time_since_epoch() == std::chrono::nanoseconds(1'234'567));
}

}  // namespace
