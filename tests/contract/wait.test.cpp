// SPDX-License-Identifier: MIT
//
// The contract of every executor, part 4: wait() and as_completed().
#include <algorithm>
#include <array>
#include <list>
#include <stdexcept>
#include <thread>
#include <vector>

#include "contract/executors.hpp"

namespace contract {
namespace {

using Futures = std::vector<cf::Future<int>>;

/// Two workers, each held at a gate of its own, and a third call that waits for one of them.
template <class Pool>
struct TwoBusy {
    support::ProcessCounter started;
    support::ProcessGate first_gate, second_gate;
    Pool pool{2};
    cf::Future<int> first = pool.submit(stay, started.path(), first_gate.path(), 1);
    cf::Future<int> second = pool.submit(stay, started.path(), second_gate.path(), 2);

    TwoBusy() { started.wait_for(2); }
    ~TwoBusy() {
        first_gate.open();
        second_gate.open();
    }
};

CONTRACT_CASE("wait() for all gives every call as done, in the order of the input, each once") {
    TestType pool;
    const auto a = pool.submit(square, 1), b = pool.submit(fail_with, std::string("no")),
               c = pool.submit(square, 3);
    const auto [done, not_done] = cf::wait(Futures{c, a, b, a, c});
    CHECK(done == Futures{c, a, b});
    CHECK(not_done.empty());
}

CONTRACT_CASE("wait() for nothing returns at once") {
    const auto [done, not_done] = cf::wait(Futures{});
    CHECK(done.empty());
    CHECK(not_done.empty());
    CHECK(cf::wait(Futures{}, {.return_when = cf::ReturnWhen::first_completed}).done.empty());
    TestType pool;
    CHECK(cf::wait(std::array{pool.submit(square, 2)}).done.size() == 1);
}

CONTRACT_CASE("any range of futures can be waited for") {
    TestType pool;
    std::list<cf::Future<int>> list{pool.submit(square, 2), pool.submit(square, 3)};
    const cf::Future<int> array[] = {pool.submit(square, 4)};
    CHECK(cf::wait(list).done.size() == 2);
    CHECK(cf::wait(array).done.size() == 1);
}

CONCURRENT_CASE("wait() with a limit gives what is done by then and does not throw") {
    BusyPool<TestType> busy;
    const auto waiting = busy.pool.submit(square, 2), cancelled = busy.pool.submit(square, 3);
    cancelled.cancel();
    const auto [done, not_done] = cf::wait(Futures{busy.call(), waiting, cancelled}, {.timeout = 1ms});
    CHECK(done == Futures{cancelled});
    CHECK(not_done == Futures{busy.call(), waiting});
    CHECK(cf::wait(Futures{waiting, cancelled}, {.timeout = 0s}).done == Futures{cancelled});
    CHECK(cf::wait(Futures{waiting, cancelled}, {.timeout = -1s}).done == Futures{cancelled});
    busy.open();
    CHECK(cf::wait(Futures{busy.call(), waiting, cancelled}).not_done.empty());
}

CONCURRENT_CASE("wait() for the first returns when one has ended") {
    TwoBusy<TestType> busy;
    busy.second_gate.open();
    const auto [done, not_done] =
        cf::wait(Futures{busy.first, busy.second}, {.return_when = cf::ReturnWhen::first_completed});
    CHECK(done == Futures{busy.second});
    CHECK(not_done == Futures{busy.first});
}

CONCURRENT_CASE("wait() for the first returns at once when one had ended before") {
    BusyPool<TestType> busy;
    const auto cancelled = busy.pool.submit(square, 3);
    cancelled.cancel();
    const auto [done, not_done] = cf::wait(Futures{busy.call(), cancelled},
                                           {.return_when = cf::ReturnWhen::first_completed});
    CHECK(done == Futures{cancelled});
    CHECK(not_done == Futures{busy.call()});
}

CONCURRENT_CASE("wait() for the first exception returns when a call has thrown") {
    support::ProcessGate gate;
    TestType pool(2);
    support::ProcessGate never;
    const auto stays = pool.submit(stay_at, never.path(), 1);
    const auto fails = pool.submit(fail_behind, gate.path(), std::string("no"));
    gate.open();
    const auto [done, not_done] =
        cf::wait(Futures{stays, fails}, {.return_when = cf::ReturnWhen::first_exception});
    CHECK(done == Futures{fails});
    CHECK(not_done == Futures{stays});
    never.open();
}

CONCURRENT_CASE("a cancelled call is no exception for wait()") {
    BusyPool<TestType> busy;
    const auto cancelled = busy.pool.submit(square, 3);
    cancelled.cancel();
    const auto [done, not_done] =
        cf::wait(Futures{busy.call(), cancelled},
                 {.timeout = 1ms, .return_when = cf::ReturnWhen::first_exception});
    CHECK(done == Futures{cancelled});
    CHECK(not_done == Futures{busy.call()});
}

CONTRACT_CASE("wait() for the first exception waits for all when there is none") {
    TestType pool;
    Futures futures;
    for (int i = 0; i < 20; ++i) futures.push_back(pool.submit(square, i));
    const auto result = cf::wait(futures, {.return_when = cf::ReturnWhen::first_exception});
    CHECK(result.done == futures);
    CHECK(result.not_done.empty());
}

CONCURRENT_CASE("cancel() wakes a thread that waits in wait()") {
    BusyPool<TestType> busy;
    const auto waiting = busy.pool.submit(square, 1);
    support::Gate asked;
    std::size_t done = 0;
    {
        const std::jthread other([&] {
            asked.open();
            done = cf::wait(Futures{waiting}).done.size();
        });
        asked.wait();
        CHECK(waiting.cancel());
    }
    CHECK(done == 1);
}

CONTRACT_CASE("futures of different executors can be waited for together") {
    TestType pool;
    Threads threads;
    Inline here;
    const Futures futures{pool.submit(square, 1), threads.submit(square, 2), here.submit(square, 3)};
    CHECK(cf::wait(futures).done == futures);
    int total = 0;
    for (const auto& future : cf::as_completed(futures)) total += future.result();
    CHECK(total == 14);
}

CONTRACT_CASE("an empty future cannot be waited for") {
    TestType pool;
    const Futures futures{pool.submit(square, 1), cf::Future<int>()};
    CHECK_THROWS_AS(cf::wait(futures), cf::InvalidStateError);
    CHECK_THROWS_AS(cf::as_completed(futures), cf::InvalidStateError);
}

CONTRACT_CASE("as_completed() gives every call once") {
    TestType pool;
    Futures futures;
    for (int i = 0; i < 50; ++i) futures.push_back(pool.submit(square, i));
    Futures twice = futures;
    twice.insert(twice.end(), futures.begin(), futures.end());
    std::vector<int> results;
    for (cf::Future<int>& future : cf::as_completed(twice)) results.push_back(future.result());
    std::sort(results.begin(), results.end());
    std::vector<int> expected;
    for (int i = 0; i < 50; ++i) expected.push_back(i * i);
    CHECK(results == expected);
}

CONTRACT_CASE("as_completed() of nothing is empty") {
    int count = 0;
    for (const auto& future : cf::as_completed(Futures{})) count += future.valid();
    CHECK(count == 0);
    TestType pool;
    for (const auto& future : cf::as_completed(std::array{pool.submit(square, 2)}))
        count += future.result();
    CHECK(count == 4);
}

CONCURRENT_CASE("as_completed() gives first what has ended, then each as it ends") {
    TwoBusy<TestType> busy;
    const auto cancelled = busy.pool.submit(square, 3);
    cancelled.cancel();
    auto range = cf::as_completed(Futures{busy.first, busy.second, cancelled});
    auto position = range.begin();
    CHECK(*position == cancelled);
    busy.second_gate.open();
    ++position;
    CHECK(*position == busy.second);
    busy.first_gate.open();
    ++position;
    CHECK(*position == busy.first);
    ++position;
    CHECK(position == range.end());
}

CONCURRENT_CASE("as_completed() counts the unfinished when the time is up, after giving the rest") {
    const auto timeout = GENERATE(0ms, 1ms);
    TwoBusy<TestType> busy;
    const auto cancelled = busy.pool.submit(square, 3), another = busy.pool.submit(square, 4);
    cancelled.cancel();
    another.cancel();
    auto range = cf::as_completed(Futures{busy.first, cancelled, busy.second, another}, timeout);
    int given = 0;
    const std::string message = message_of([&] {
        for (const auto& future : range) given += future.cancelled();
    });
    CHECK(given == 2);
    CHECK(message == "2 (of 4) futures unfinished");
}

CONCURRENT_CASE("as_completed() throws TimeoutError, and the calls go on") {
    BusyPool<TestType> busy;
    auto range = cf::as_completed(Futures{busy.call()}, 0s);
    CHECK_THROWS_AS(range.begin(), cf::TimeoutError);
    busy.open();
    CHECK(busy.call().result() == 7);
}

CONCURRENT_CASE("as_completed() may be given up in the middle") {
    BusyPool<TestType> busy;
    const auto cancelled = busy.pool.submit(square, 3);
    cancelled.cancel();
    for (const auto& future : cf::as_completed(Futures{busy.call(), cancelled})) {
        CHECK(future == cancelled);
        break;
    }
    busy.open();
    CHECK(busy.call().result() == 7);
}

CONCURRENT_CASE("a call that the loop over as_completed() cancels is given too") {
    BusyPool<TestType> busy;
    const auto a = busy.pool.submit(square, 1), b = busy.pool.submit(square, 2);
    a.cancel();
    Futures given;
    for (const auto& future : cf::as_completed(Futures{a, b})) {
        b.cancel();
        given.push_back(future);
    }
    CHECK(given == Futures{a, b});
}

}  // namespace
}  // namespace contract
