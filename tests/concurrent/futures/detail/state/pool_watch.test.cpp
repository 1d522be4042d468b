// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/state/pool_watch.hpp>

#include <pthread.h>

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "support/deadline.hpp"
#include "support/named_events.hpp"

namespace {

namespace cf = concurrent::futures;
using cf::detail::ObservedIds;
using cf::detail::PoolWatch;
using cf::detail::WatchedCall;
using cf::detail::WatchedRun;

/// What it was told, and how many tasks waited then.
class Recorder : public support::NamedEvents {
  public:
    void told(std::string_view what, const cf::CallEvent& call) override {
        told_of.push_back(std::string(call.name) + " " + std::string(what) + " " + std::to_string(call.waiting));
    }
    using NamedEvents::told;

    std::vector<std::string> told_of;
};

TEST_CASE("without an observer there is nothing to tell, and no name", "[pool_watch]") {
    const PoolWatch watch(nullptr, "threads", {}, 2, {});
    CHECK(!watch);
    WatchedRun run(nullptr);
    run.finished(true);
}

TEST_CASE("a pool without a name is called by kind and number, and pools differ", "[pool_watch]") {
    const auto recorder = std::make_shared<Recorder>();
    const PoolWatch one(recorder, "threads", {}, 2, {}), other(recorder, "threads", {}, 3, {}),
        named(recorder, "ranks", "mine", 4, {});
    const cf::CallEvent event = one.call_event(7, "task");
    CHECK(event.pool.name == "threads" + std::to_string(event.pool.id));
    CHECK(event.pool.kind == "threads");
    CHECK(event.pool.max_workers == 2);
    CHECK(event.pool.id != other.call_event(8, "").pool.id);
    CHECK(named.worker_event(3, "rank 3").pool.name == "mine");
    CHECK(named.worker_event(3, "rank 3").number == 3);
}

TEST_CASE("a call is submitted, started and finished; what waits is counted", "[pool_watch]") {
    const auto recorder = std::make_shared<Recorder>();
    const PoolWatch watch(recorder, "threads", "pool", 2, {});
    WatchedCall first(watch, "first"), second(watch, {});
    second.set_name("second");
    CHECK(first.id() != second.id());
    first.submitted();
    second.submitted();
    {
        WatchedRun run(&first);
        run.finished(false);
    }
    second.cancelled();
    first.around_callback([&] { recorder->told_of.emplace_back("in it"); });
    CHECK(recorder->told_of == std::vector<std::string>{"first submitted 1", "second submitted 2", "first started 1",
                                                     "first failed 1", "second cancelled 0", "first callback 0",
                                                     "in it", "first callback over 0"});
}

TEST_CASE("the call that this thread runs is known, also when one runs inside another", "[pool_watch]") {
    const PoolWatch watch(std::make_shared<Recorder>(), "threads", "pool", 2, {});
    const WatchedCall outer(watch, "outer"), inner(watch, "inner");
    CHECK(cf::detail::running_watched_call == nullptr);
    WatchedRun one(&outer);
    CHECK(cf::detail::running_watched_call == &outer);
    WatchedRun two(&inner);
    CHECK(cf::detail::running_watched_call == &inner);
    two.finished(true);
    CHECK(cf::detail::running_watched_call == &outer);
    one.finished(true);
    CHECK(cf::detail::running_watched_call == nullptr);
}

TEST_CASE("what an observer throws goes to the pool's hook", "[pool_watch]") {
    struct Thrower : cf::Observer {
        void submitted(const cf::CallEvent&) override { throw std::runtime_error("no more room"); }
    };
    std::string text;
    const PoolWatch watch(std::make_shared<Thrower>(), "threads", "pool", 2, [&](std::exception_ptr error) {
        try {
            std::rethrow_exception(std::move(error));
        } catch (const std::exception& what) {
            text = what.what();
        }
    });
    WatchedCall(watch, {}).submitted();
    CHECK(text == "no more room");
}

TEST_CASE("numbers of calls differ, also between threads", "[pool_watch]") {
    std::vector<std::vector<std::uint64_t>> taken(3);
    std::vector<std::thread> threads;
    for (auto& numbers : taken)
        threads.emplace_back([&numbers] {
            for (int n = 0; n < 3000; ++n) numbers.push_back(ObservedIds::next());
        });
    for (std::thread& thread : threads) thread.join();
    std::set<std::uint64_t> all;
    for (const auto& numbers : taken) all.insert(numbers.begin(), numbers.end());
    CHECK(all.size() == 9000);
    CHECK(!all.contains(0));
}

#if defined(__GLIBCXX__) && defined(__GLIBC__)  // there pthread_exit() unwinds the stack
TEST_CASE("the end of a callback is told also where it ends its thread", "[pool_watch]") {
    if (support::address_sanitized) SKIP("UndefinedBehaviorSanitizer knows of no object that a forced unwind throws");
    const auto recorder = std::make_shared<Recorder>();
    const PoolWatch watch(recorder, "threads", "pool", 2, {});
    const WatchedCall call(watch, "call");
    std::thread([&] { call.around_callback([] { ::pthread_exit(nullptr); }); }).join();
    CHECK(recorder->told_of == std::vector<std::string>{"call callback 0", "call callback over 0"});
}
#endif

}  // namespace
