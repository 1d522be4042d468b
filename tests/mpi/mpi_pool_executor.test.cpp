// SPDX-License-Identifier: MIT
//
// What MPIPoolExecutor does beyond the contract of every executor, and what it refuses. Runs on any number of ranks.
#include <concurrent/futures/as_completed.hpp>
#include <concurrent/futures/broadcast.hpp>
#include <concurrent/futures/mpi_pool_executor.hpp>
#include <concurrent/futures/promise.hpp>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <map>
#include <numeric>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "support/deep_callbacks.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"
#include "support/named_events.hpp"
#include "support/process_log.hpp"

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;
using support::ProcessCounter;
using support::ProcessGate;

int ranks() {
    int size = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    return size;
}

int twice(int n) { return 2 * n; }
int pid_of(int) { return ::getpid(); }
int throw_out_of_range(int n) { throw std::out_of_range("no " + std::to_string(n)); }
int throw_nested(int) {
    try {
        throw std::invalid_argument("the reason");
    } catch (...) {
        std::throw_with_nested(std::runtime_error("the consequence"));
    }
}
int stay(const std::string& started, const std::string& gate, int result) {
    support::count_event(started);
    support::wait_at_gate(gate);
    return result;
}
int stay_with(const std::string& started, const std::string& gate, const std::vector<char>& bytes) {
    return stay(started, gate, static_cast<int>(bytes.size()));
}
int work_for(int microseconds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(microseconds);
    while (std::chrono::steady_clock::now() < end) {}
    return microseconds;
}
void stay_at(const std::string& gate) { support::wait_at_gate(gate); }
int count_and_return(const std::string& log, int n) {
    support::count_event(log);
    return n;
}
bool stops(std::stop_token stop, const std::string& started) {
    support::count_event(started);
    while (!stop.stop_requested()) std::this_thread::yield();
    return true;
}
void fail_to_start(const std::string& reason) { throw std::runtime_error(reason); }
void count(const std::string& log) { support::count_event(log); }
int fail_twice(const std::string& log) {
    support::count_event(log);
    std::ifstream file(log);
    if (std::count(std::istreambuf_iterator<char>(file), {}, '\n') < 3) throw std::runtime_error("not yet");
    return 3;
}
std::vector<std::uint64_t> reversed(const std::vector<std::uint64_t>& numbers) { return {numbers.rbegin(), numbers.rend()}; }
std::string make_pool(int) {
    try {
        cf::MPIPoolExecutor pool;
    } catch (const cf::BrokenProcessPool& error) {
        return error.what();
    }
    return {};
}
int sum_of_own_communicator(int n) {
    int sum = 0;
    MPI_Allreduce(&n, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_SELF);
    return sum;
}

int decoded_here = 0;
struct Model {
    std::vector<int> weights;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(weights);
        ++decoded_here;
    }
};
int decoded_after(const Model& model, int n) { return model.weights.empty() ? -1 : decoded_here + 0 * n; }
cf::Broadcast<Model> own_broadcast(int n) { return cf::broadcast(Model{{n}}); }
cf::Broadcast<Model> given_back(const cf::Broadcast<Model>& model) { return model; }
int weight(const Model& model, int n) { return model.weights[static_cast<std::size_t>(n)]; }

/// What this process has in memory.
long resident_kibibytes() {
    std::ifstream file("/proc/self/statm");
    long size = 0, resident = 0;
    file >> size >> resident;
    return resident * (::sysconf(_SC_PAGESIZE) / 1024);
}
std::vector<char> changed(std::vector<char> bytes) {
    bytes.front() = 'b';
    bytes.back() = 'e';
    return bytes;
}

template <class Call>
std::string message_of(Call call) {
    try {
        call();
    } catch (const std::exception& error) {
        return error.what();
    }
    return {};
}
/// The text of the innermost of the nested exceptions.
std::string innermost(const std::exception& error) {
    try {
        std::rethrow_if_nested(error);
    } catch (const std::exception& inner) {
        return innermost(inner);
    }
    return error.what();
}

TEST_CASE("calls run on all other ranks, or in this process if there are none") {
    cf::MPIPoolExecutor pool;
    std::set<int> pids;
    CHECK(support::eventually([&] {
        for (const int pid : pool.map(pid_of, std::vector<int>(100))) pids.insert(pid);
        return pids.size() == pool.max_workers();
    }));
    CHECK(pids.contains(::getpid()) == (ranks() == 1));
    CHECK(pool.max_workers() == static_cast<std::size_t>(std::max(1, ranks() - 1)));
}

TEST_CASE("an exception of a rank keeps its type and text, and says rank, host and process below") {
    cf::MPIPoolExecutor pool;
    const auto failed = pool.submit(throw_out_of_range, 3);
    try {
        failed.result();
        FAIL("result() did not throw");
    } catch (const std::out_of_range& error) {
        CHECK(std::string(error.what()) == "no 3");
        const std::string where = innermost(error);
        CHECK(where.find(ranks() == 1 ? "rank 0" : "rank ") != std::string::npos);
        CHECK(where.find("host ") != std::string::npos);
        CHECK(where.find("process ") != std::string::npos);
    }
    try {
        pool.submit(throw_nested, 3).result();
        FAIL("result() did not throw");
    } catch (const std::runtime_error& error) {
        CHECK_THROWS_AS(std::rethrow_if_nested(error), std::invalid_argument);
        CHECK(innermost(error).find("rank ") != std::string::npos);
    }
}

TEST_CASE("a timeout is refused, because MPI cannot end a call") {
    cf::MPIPoolExecutor pool;
    CHECK_THROWS_AS(pool.submit({.timeout = 1s}, twice, 1), std::invalid_argument);
    CHECK(message_of([&] { pool.submit({.timeout = 1s}, twice, 1); }).find("MPI") != std::string::npos);
    CHECK(pool.stats().pending == 0);
}

TEST_CASE("request_stop() of a running call without std::stop_token is refused, and the call goes on") {
    ProcessCounter started;
    ProcessGate gate;
    cf::MPIPoolExecutor pool;
    const auto call = pool.submit(stay, started.path(), gate.path(), 7);
    started.wait_for(1);
    CHECK_THROWS_AS(call.request_stop(), std::invalid_argument);
    CHECK(message_of([&] { call.request_stop(); }).find("MPI") != std::string::npos);
    gate.open();
    CHECK(call.result() == 7);
}

TEST_CASE("request_stop() reaches the std::stop_token of a call on a rank") {
    ProcessCounter started;
    cf::MPIPoolExecutor pool;
    const auto call = pool.submit(stops, started.path());
    started.wait_for(1);
    call.request_stop();
    CHECK(call.result());
    // Before it has started, it is cancelled or stops at once.
    const auto early = pool.submit(stops, started.path());
    early.request_stop();
    early.wait();
    CHECK((early.cancelled() || early.result()));
}

TEST_CASE("an initializer that throws on a rank breaks the pool with its text, rank and host") {
    cf::MPIPoolExecutor pool({.initializer = cf::bind_task(fail_to_start, std::string("no licence"))});
    const auto call = pool.submit(twice, 1);
    CHECK_THROWS_AS(call.result(), cf::BrokenProcessPool);
    const std::string text = message_of([&] { call.result(); });
    CHECK(text.find("no licence") != std::string::npos);
    CHECK(text.find("rank ") != std::string::npos);
    CHECK(text.find("host ") != std::string::npos);
    CHECK_THROWS_AS(pool.submit(twice, 1), cf::BrokenProcessPool);
    CHECK(cf::MPIPoolExecutor().submit(twice, 4).result() == 8);
}

TEST_CASE("the text of an initializer that throws on a rank may be long") {
    const std::string reason(200'000, 'r');
    cf::MPIPoolExecutor pool({.initializer = cf::bind_task(fail_to_start, reason)});
    const auto call = pool.submit(twice, 1);
    CHECK(message_of([&] { call.result(); }).find(reason) != std::string::npos);
}

TEST_CASE("initializer and worker_exit run once in every worker that was used") {
    ProcessCounter begun, ended;
    std::size_t workers = 0;
    {
        cf::MPIPoolExecutor pool({.max_workers = 3,
                                  .initializer = cf::bind_task(count, begun.path()),
                                  .worker_exit = cf::bind_task(count, ended.path())});
        for (const int y : pool.map(twice, std::vector<int>(200))) CHECK(y == 0);
        workers = pool.stats().workers;
        CHECK(begun.value() == workers);
        CHECK(ended.value() == 0);
    }
    CHECK(ended.value() == workers);
}

TEST_CASE("a worker_exit that throws on a rank goes to on_unhandled_exception, once for each worker") {
    std::mutex mutex;
    std::vector<std::string> told;
    std::size_t workers = 0;
    {
        cf::MPIPoolExecutor pool({.max_workers = 3,
                                  .worker_exit = cf::bind_task(fail_to_start, std::string("no goodbye")),
                                  .on_unhandled_exception = [&](const std::exception_ptr& error) {
                                      std::string text = message_of([&] { std::rethrow_exception(error); });
                                      const std::lock_guard lock(mutex);
                                      told.push_back(std::move(text));
                                  }});
        for (const int y : pool.map(twice, std::vector<int>(200))) CHECK(y == 0);
        workers = pool.stats().workers;
    }
    CHECK(workers > 0);
    const std::lock_guard lock(mutex);
    CHECK(told == std::vector<std::string>(workers, "no goodbye"));
    CHECK(cf::MPIPoolExecutor().submit(twice, 4).result() == 8);
}

TEST_CASE("a Broadcast that was made in a task is no result of a rank, and one of the root is") {
    cf::MPIPoolExecutor pool;
    const auto of_root = cf::broadcast(Model{{1, 2, 3}});
    CHECK(pool.submit(given_back, of_root).result()->weights == std::vector{1, 2, 3});
    auto own = pool.submit(own_broadcast, 7);
    if (ranks() == 1) {
        CHECK(own.result()->weights == std::vector{7});
    } else {
        CHECK_THROWS_AS(own.result(), cf::SerializationError);
        CHECK(message_of([&] { own.result(); }).find("return the value") != std::string::npos);
    }
    CHECK(pool.submit(twice, 4).result() == 8);
}

TEST_CASE("pools live one after the other and in each other's scope") {
    for (int round = 0; round < 20; ++round) {
        cf::MPIPoolExecutor outer;
        const auto first = outer.submit(twice, round);
        cf::MPIPoolExecutor inner({.max_workers = 1});
        CHECK(inner.submit(twice, round).result() == 2 * round);
        CHECK(first.result() == 2 * round);
    }
}

TEST_CASE("a rank that runs calls has no pools of its own") {
    cf::MPIPoolExecutor pool;
    const std::string text = pool.submit(make_pool, 1).result();
    CHECK((ranks() == 1 ? text.empty() : text.find("only the root has pools") != std::string::npos));
}

TEST_CASE("calls and the program may use MPI beside the pool") {
    cf::MPIPoolExecutor pool;
    std::vector<cf::Future<int>> futures;
    for (int i = 0; i < 200; ++i) {
        futures.push_back(pool.submit(sum_of_own_communicator, i));
        CHECK(sum_of_own_communicator(i) == i);
    }
    for (int i = 0; i < 200; ++i) CHECK(futures[static_cast<std::size_t>(i)].result() == i);
}

TEST_CASE("a call that was sent ahead can be cancelled, exactly") {
    ProcessCounter started, ran;
    ProcessGate gate;
    cf::MPIPoolExecutor pool({.max_workers = 1});
    for (const int y : pool.map({.chunksize = 1}, twice, std::vector<int>(100))) CHECK(y == 0);  // short: many at a time
    const auto busy = pool.submit(stay, started.path(), gate.path(), 1);
    std::vector<cf::Future<int>> behind;
    for (int i = 0; i < 100; ++i) behind.push_back(pool.submit(count_and_return, ran.path(), i));
    started.wait_for(1);
    for (std::size_t i = 0; i < behind.size(); i += 2) CHECK(behind[i].cancel());
    CHECK_FALSE(busy.cancel());
    gate.open();
    for (std::size_t i = 1; i < behind.size(); i += 2) CHECK(behind[i].result() == static_cast<int>(i));
    pool.shutdown();
    CHECK(ran.value() == 50);
    CHECK(pool.stats().cancelled == 50);
}

TEST_CASE("shutdown() with cancel_futures takes back what was sent ahead") {
    ProcessCounter started, ran;
    ProcessGate gate;
    cf::MPIPoolExecutor pool({.max_workers = 1});
    for (const int y : pool.map({.chunksize = 1}, twice, std::vector<int>(100))) CHECK(y == 0);
    const auto busy = pool.submit(stay, started.path(), gate.path(), 1);
    std::vector<cf::Future<int>> behind;
    for (int i = 0; i < 100; ++i) behind.push_back(pool.submit(count_and_return, ran.path(), i));
    started.wait_for(1);
    pool.shutdown({.wait = false, .cancel_futures = true});
    for (const auto& each : behind) CHECK(each.cancelled());
    gate.open();
    pool.shutdown();
    CHECK(busy.result() == 1);
    CHECK(ran.value() == 0);
}

TEST_CASE("calls behind one that takes long go to a worker that has nothing to do") {
    ProcessCounter started;
    ProcessGate gate;
    cf::MPIPoolExecutor pool({.max_workers = 2});
    for (const int y : pool.map({.chunksize = 1}, twice, std::vector<int>(200))) CHECK(y == 0);
    std::vector<cf::Future<int>> others;
    const auto busy = pool.submit(stay, started.path(), gate.path(), 1);
    for (int i = 0; i < 100; ++i) others.push_back(pool.submit(twice, i));
    for (int i = 0; i < 100; ++i) CHECK(others[static_cast<std::size_t>(i)].result(1h) == 2 * i);
    CHECK_FALSE(busy.done());
    gate.open();
    CHECK(busy.result() == 1);
}

// The engine thread, which sees the tasks together, gives each worker two. Then only time tells it that one is stuck: no
// message comes, and no thread looks for results.
TEST_CASE("a task behind one that takes long goes to another worker although no message comes") {
    ProcessCounter started;
    ProcessGate gate;
    support::Gate others_are_over;
    cf::MPIPoolExecutor pool({.max_workers = 2});
    for (const int y : pool.map({.chunksize = 1}, twice, std::vector<int>(200))) CHECK(y == 0);
    std::atomic<int> left{3};
    cf::Future<int> busy;
    pool.submit(twice, 1).add_done_callback([&](const cf::Future<int>&) {
        busy = pool.submit(stay, started.path(), gate.path(), 1);
        for (int i = 0; i < 3; ++i)
            pool.submit(twice, i).add_done_callback([&](const cf::Future<int>&) {
                if (--left == 0) others_are_over.open();
            });
    });
    others_are_over.wait();
    CHECK_FALSE(busy.done());
    gate.open();
    CHECK(busy.result() == 1);
}

TEST_CASE("a task behind a long one of another pool goes to another worker") {
    ProcessCounter started;
    cf::MPIPoolExecutor one({.max_workers = 2}), other({.max_workers = 2});
    ProcessGate gates[2];
    for (cf::MPIPoolExecutor* const pool : {&one, &other})
        for (const int y : pool->map({.chunksize = 1}, twice, std::vector<int>(200))) CHECK(y == 0);
    const auto a = one.submit(stay, started.path(), gates[0].path(), 1);
    const auto b = one.submit(stay, started.path(), gates[1].path(), 2);
    started.wait_for(2);
    const auto c = other.submit(twice, 1), d = other.submit(twice, 2);
    gates[1].open();
    CHECK(c.wait_for(support::deadline(30s)) == std::future_status::ready);
    CHECK(d.wait_for(support::deadline(30s)) == std::future_status::ready);
    CHECK_FALSE(a.done());
    gates[0].open();
    CHECK((a.result() == 1 && b.result() == 2));
}

// Together the arguments are longer than the ring to a rank on the root's node, and no result comes before all are there.
TEST_CASE("tasks that wait for each other all start, however long their arguments are") {
    constexpr int tasks = 8;
    cf::MPIPoolExecutor pool({.max_workers = tasks});
    for (const std::size_t length : {0u, 30'000u}) {  // first all workers get to know the pool
        ProcessCounter started;
        ProcessGate gate;
        std::vector<cf::Future<int>> all;
        for (int i = 0; i < tasks; ++i)
            all.push_back(pool.submit(stay_with, started.path(), gate.path(), std::vector<char>(length)));
        started.wait_for(tasks);
        gate.open();
        for (const auto& each : all) CHECK(each.result() == static_cast<int>(length));
    }
}

// The helper thread of the rank may receive the task that stays at the moment when the one before it ends.
TEST_CASE("a result comes while another worker of the rank is busy, whenever its task came") {
    cf::MPIPoolExecutor pool({.max_workers = 2});
    for (int round = 0; round < 30; ++round) {
        ProcessCounter started;
        ProcessGate gate;
        if (round % 2 == 0) pool.submit(twice, 1).result();  // so that each worker has the first turn
        const auto some_time = pool.submit(work_for, 2000 + round * 37);
        pool.submit(twice, 1).result();
        some_time.result();
        const auto busy = pool.submit(stay, started.path(), gate.path(), 1);
        const auto other = pool.submit(twice, round);
        REQUIRE(other.wait_for(support::deadline(30s)) == std::future_status::ready);
        gate.open();
        CHECK((busy.result() == 1 && other.result() == 2 * round));
    }
}

TEST_CASE("a pool is not idle while a callback waits for a task of another pool") {
    ProcessCounter started;
    support::Gate waits;
    std::atomic<int> seen{0};
    cf::MPIPoolExecutor pool({.max_workers = 2}), other({.max_workers = 2});
    ProcessGate gate, first_gate;
    const auto busy = other.submit(stay, started.path(), gate.path(), 1);
    const auto first = pool.submit(stay, started.path(), first_gate.path(), 2);
    started.wait_for(2);
    first.add_done_callback([&](const cf::Future<int>&) {  // by the engine, since it has not ended
        waits.open();
        seen = busy.result();
    });
    first_gate.open();
    waits.wait();
    CHECK_THROWS_AS(pool.wait_idle_for(20ms), cf::TimeoutError);
    gate.open();
    pool.wait_idle();
    CHECK(seen == 1);
}

TEST_CASE("a pool is idle although another one always has something to do") {
    cf::MPIPoolExecutor pool({.max_workers = 2}), other({.max_workers = 2});
    std::atomic<bool> ends{false};
    std::atomic<int> chains{20};
    support::Gate over;
    std::function<void()> go_on = [&] {
        if (!ends) return other.submit(twice, 1).add_done_callback([&](const cf::Future<int>&) { go_on(); });
        if (--chains == 0) over.open();
    };
    for (int chain = 0; chain < 20; ++chain) go_on();
    pool.submit(twice, 1).result();
    pool.wait_idle_for(support::deadline(30s));
    ends = true;
    over.wait();
}

TEST_CASE("large arguments and results cross, several at a time and between small ones") {
    cf::MPIPoolExecutor pool;
    std::vector<cf::Future<std::vector<std::uint64_t>>> large;
    std::vector<cf::Future<int>> small;
    for (std::uint64_t i = 0; i < 12; ++i) {
        std::vector<std::uint64_t> numbers(i * 100'000);
        std::iota(numbers.begin(), numbers.end(), i);
        large.push_back(pool.submit(reversed, numbers));
        small.push_back(pool.submit(twice, static_cast<int>(i)));
    }
    for (std::uint64_t i = 0; i < 12; ++i) {
        const auto& numbers = large[i].result();
        REQUIRE(numbers.size() == i * 100'000);
        CHECK((numbers.empty() || (numbers.back() == i && numbers.front() == i + numbers.size() - 1)));
        CHECK(small[i].result() == 2 * static_cast<int>(i));
    }
}

TEST_CASE("a large argument and a large result cross, whatever their size") {
    // The long form, which needs five times as much memory: CONCURRENT_FUTURES_MPI_BYTES=2200000000, beyond INT_MAX
    const char* const given = std::getenv("CONCURRENT_FUTURES_MPI_BYTES");
    const std::size_t size = given ? std::strtoull(given, nullptr, 10) : 5'000'000;
    cf::MPIPoolExecutor pool({.max_workers = 1});
    auto future = pool.submit(changed, std::vector<char>(size, 'm'));
    const std::vector<char> result = std::move(future).result();
    REQUIRE(result.size() == size);
    CHECK(result.front() == 'b');
    CHECK(result.back() == 'e');
    CHECK(std::count(result.begin(), result.end(), 'm') == static_cast<std::ptrdiff_t>(size - 2));
}

TEST_CASE("a broadcast is sent to a rank and decoded there once") {
    cf::MPIPoolExecutor pool({.max_workers = static_cast<std::size_t>(std::max(1, ranks() - 1))});
    for (const int size : {10, 100'000}) {
        Model model;
        for (int i = 0; i < size; ++i) model.weights.push_back(i);
        const int before = pool.submit(decoded_after, cf::broadcast(Model{{1}}), 0).result();
        CHECK(before >= 0);
        const auto shared = cf::broadcast(model);
        std::vector<cf::Future<int>> futures;
        for (int i = 0; i < 10; ++i) futures.push_back(pool.submit(weight, shared, i));
        for (int i = 0; i < 10; ++i) CHECK(futures[static_cast<std::size_t>(i)].result() == i);
        if (ranks() == 2) {
            CHECK(pool.submit(decoded_after, shared, 0).result() == before + 1);
            CHECK(pool.submit(decoded_after, shared, 0).result() == before + 1);
        }
    }
}

TEST_CASE("a call runs again as often as retries says") {
    ProcessCounter tries;
    cf::MPIPoolExecutor pool;
    CHECK(pool.submit({.retries = 2}, fail_twice, tries.path()).result() == 3);
    CHECK(tries.value() == 3);
    CHECK_THROWS_AS(pool.submit({.retries = 1}, throw_out_of_range, 1).result(), std::out_of_range);
}

TEST_CASE("a callback may wait for another call of the pool") {
    cf::MPIPoolExecutor pool;
    support::Gate over;
    int seen = 0;
    pool.submit(twice, 1).add_done_callback([&](const cf::Future<int>& f) {
        seen = pool.submit(twice, f.result()).result();
        over.open();
    });
    over.wait();
    CHECK(seen == 4);
}

TEST_CASE("every wait of an MPI pool first runs the callbacks that its thread has put off") {
    using Wait = void (*)(const std::string& gate);
    // In each, a task ends only when the callback has opened the gate.
    const std::pair<const char*, Wait> waits[] = {
        {"wait_idle", [](const std::string& gate) {
             cf::MPIPoolExecutor pool;
             pool.post(stay_at, gate);
             pool.wait_idle();
         }},
        {"shutdown_for", [](const std::string& gate) {
             cf::MPIPoolExecutor pool;
             pool.post(stay_at, gate);
             pool.shutdown_for(1h);
         }},
        {"the destructor", [](const std::string& gate) {
             cf::MPIPoolExecutor pool;
             pool.post(stay_at, gate);
         }},
        {"submit at max_pending", [](const std::string& gate) {
             cf::MPIPoolExecutor pool({.max_workers = 1, .max_pending = 1});
             for (int n = 0; n < 3; ++n) pool.post(stay_at, gate);
         }},
    };
    for (const auto& [name, wait] : waits) {
        CAPTURE(name);
        support::ProcessGate gate;
        cf::Promise<void> promise;
        bool is_open = false;
        promise.get_future().add_done_callback([&](const cf::Future<void>&) {
            gate.open();
            is_open = true;
        });
        support::in_deep_callbacks<cf::Promise<void>>([&] {
            promise.set_value();
            CHECK_FALSE(is_open);
            wait(gate.path());
        });
        CHECK(is_open);
    }
}

TEST_CASE("cancel_pending() of an MPI pool first runs the callbacks that its thread has put off") {
    ProcessCounter started;
    ProcessGate first_gate, gate;
    support::Gate callback_runs, put_off_ran, in_time;
    cf::MPIPoolExecutor pool({.max_workers = 1});
    for (const int y : pool.map({.chunksize = 1}, twice, std::vector<int>(100))) CHECK(y == 0);  // short: many at a time
    const auto first = pool.submit(stay, started.path(), first_gate.path(), 1);
    const auto busy = pool.submit(stay, started.path(), gate.path(), 2);
    const auto behind = pool.submit(twice, 2);  // sent ahead, if there is another rank
    started.wait_for(1);
    // While the engine thread is in this callback, no task comes back from a rank.
    first.add_done_callback([&](const cf::Future<int>&) {
        callback_runs.open();
        put_off_ran.wait();
        in_time.open();
    });
    first_gate.open();
    callback_runs.wait();
    cf::Promise<void> promise;
    promise.get_future().add_done_callback([&](const cf::Future<void>&) { put_off_ran.open(); });
    support::in_deep_callbacks<cf::Promise<void>>([&] {
        promise.set_value();
        CHECK_FALSE(put_off_ran.is_open());
        pool.cancel_pending();
    });
    CHECK(behind.cancelled());
    gate.open();
    in_time.wait();
}

TEST_CASE("a map of many short items gives them all, in order") {
    cf::MPIPoolExecutor pool;
    std::vector<int> numbers(50'000);
    std::iota(numbers.begin(), numbers.end(), 0);
    int expected = 0;
    bool all = true;
    for (const int y : pool.map(twice, numbers)) all = all && y == 2 * expected++;
    CHECK(all);
    CHECK(expected == 50'000);
}

TEST_CASE("many calls with exceptions and cancels among them all end as they should") {
    // The long form: CONCURRENT_FUTURES_MPI_CALLS=1000000
    const char* const given = std::getenv("CONCURRENT_FUTURES_MPI_CALLS");
    const int calls = given ? std::atoi(given) : 20'000;
    std::size_t returned = 0, thrown = 0, cancelled = 0, wrong = 0;
    cf::MPIPoolExecutor pool;
    constexpr int window = 2'000;
    long root_memory = 0, rank_memory = 0;
    std::size_t asked = 0;  // tasks that told the memory of their rank
    const auto most_of_ranks = [&] {
        std::vector<cf::Future<long>> each;
        for (int n = 0; n < 4 * ranks(); ++n) each.push_back(pool.submit(resident_kibibytes));
        long most = 0;
        for (const auto& one : each) most = std::max(most, one.result());
        asked += each.size();
        return most;
    };
    for (int first = 0; first < calls; first += window) {
        if (first == 50 * window) {  // the long form: from here on memory must not grow
            root_memory = resident_kibibytes();
            rank_memory = most_of_ranks();
        }
        std::vector<cf::Future<int>> futures;
        for (int i = first; i < std::min(calls, first + window); ++i)
            futures.push_back(i % 7 == 0 ? pool.submit(throw_out_of_range, i) : pool.submit(twice, i));
        for (std::size_t i = futures.size(); i-- > 0;)
            if (i % 5 == 0) cancelled += futures[i].cancel();
        for (std::size_t i = 0; i < futures.size(); ++i) {
            const int n = first + static_cast<int>(i);
            try {
                wrong += futures[i].result() != 2 * n || n % 7 == 0;
                ++returned;
            } catch (const std::out_of_range& error) {
                wrong += error.what() != "no " + std::to_string(n) || n % 7 != 0;
                ++thrown;
            } catch (const cf::CancelledError&) {
            }
        }
    }
    if (root_memory != 0) {
        const long root_at_the_end = resident_kibibytes(), rank_at_the_end = most_of_ranks();
        std::printf("%d tasks on %d ranks: the root had %ld KiB and has %ld, the largest rank had %ld and has %ld\n", calls,
                    ranks(), root_memory, root_at_the_end, rank_memory, rank_at_the_end);
        CHECK(root_at_the_end < root_memory + 8 * 1024);
        CHECK(rank_at_the_end < rank_memory + 8 * 1024);
    }
    pool.shutdown();
    CHECK(wrong == 0);
    CHECK(returned + thrown + cancelled == static_cast<std::size_t>(calls));
    const auto stats = pool.stats();
    CHECK(stats.completed == returned + asked);
    CHECK(stats.failed == thrown);
    CHECK(stats.cancelled == cancelled);
}

/// Writes down what it is told, by call or worker.
struct Recorder : support::NamedEvents {
    void told(std::string_view what, const cf::CallEvent& call) override { add(what, call); }
    void told(std::string_view what, const cf::WorkerEvent& worker, std::string_view) override { add(what, worker); }

    std::string of(const std::string& name) const {
        const std::lock_guard lock(mutex);
        std::string found;
        for (const auto& [what, whom] : lines)
            if (whom == name) found += (found.empty() ? "" : ", ") + what;
        return found;
    }
    std::size_t count(const std::string& what) const {
        const std::lock_guard lock(mutex);
        return static_cast<std::size_t>(
            std::count_if(lines.begin(), lines.end(), [&](const auto& line) { return line.first == what; }));
    }
    template <class Event>
    void add(std::string_view what, const Event& event) {
        const std::lock_guard lock(mutex);
        lines.emplace_back(what, event.name);
        // Of one call, times do not go back.
        if constexpr (requires { event.call; }) {
            in_order = in_order && latest[event.call] <= event.time;
            latest[event.call] = event.time;
        }
        is_of_ranks = is_of_ranks && event.pool.kind == "ranks";
    }

    mutable std::mutex mutex;
    std::vector<std::pair<std::string, std::string>> lines;
    std::map<std::uint64_t, std::chrono::steady_clock::time_point> latest;
    bool in_order = true, is_of_ranks = true;
};

TEST_CASE("the observer of an MPI pool is told of calls before their futures are done, and of workers", "[mpi]") {
    const auto recorder = std::make_shared<Recorder>();
    {
        support::ProcessCounter tries;
        cf::MPIPoolExecutor pool(cf::MPIPoolOptions{.max_workers = 1, .observer = recorder});
        CHECK(recorder->count("worker started") == 0);
        pool.submit({.name = "good"}, twice, 3).result();
        CHECK(recorder->of("good") == "submitted, started, completed");
        CHECK(recorder->count("worker started") == 1);
        CHECK_THROWS_AS(pool.submit({.name = "bad"}, throw_out_of_range, 3).result(), std::out_of_range);
        CHECK(recorder->of("bad") == "submitted, started, failed");
        CHECK(pool.submit({.name = "again", .retries = 2}, fail_twice, tries.path()).result() == 3);
        CHECK(recorder->of("again") == "submitted, started, retried, started, retried, started, completed");
        std::vector<cf::Future<int>> many;
        for (int n = 0; n < 500; ++n) many.push_back(pool.submit({.name = "many"}, twice, n));
        for (auto& each : many) each.wait();
        CHECK(recorder->count("completed") == 502);
        CHECK(recorder->count("worker ended") == 0);
    }
    CHECK(recorder->count("worker started") == 1);
    CHECK(recorder->count("worker ended") == 1);
    CHECK(recorder->in_order);
    CHECK(recorder->is_of_ranks);
}

TEST_CASE("the observer of an MPI pool is told of calls that will not run", "[mpi]") {
    const auto recorder = std::make_shared<Recorder>();
    support::ProcessCounter started;
    support::ProcessGate gate;
    cf::MPIPoolExecutor pool(cf::MPIPoolOptions{.max_workers = 1, .observer = recorder});
    const auto running = pool.submit({.name = "running"}, stay, started.path(), gate.path(), 1);
    started.wait_for(1);
    auto one = pool.submit({.name = "one"}, twice, 1);
    const auto other = pool.submit({.name = "other"}, twice, 2);
    CHECK(one.cancel());
    CHECK(recorder->of("one") == "submitted, cancelled");
    pool.shutdown({.wait = false, .cancel_futures = true});
    CHECK(other.cancelled());
    CHECK(recorder->of("other") == "submitted, cancelled");
    CHECK_THROWS_AS(pool.submit({.name = "late"}, twice, 2), cf::ShutdownError);
    CHECK(recorder->of("late") == "submitted, cancelled");
    gate.open();
    running.wait();
    CHECK(recorder->of("running") == "submitted, started, completed");
}

TEST_CASE("the observer of an MPI pool is told of calls of a pool that is broken", "[mpi]") {
    const auto recorder = std::make_shared<Recorder>();
    cf::MPIPoolExecutor pool({.max_workers = 1,
                              .initializer = cf::bind_task(fail_to_start, std::string("no")),
                              .on_unhandled_exception = [](std::exception_ptr) {},
                              .observer = recorder});
    CHECK_THROWS_AS(pool.submit({.name = "in vain"}, twice, 3).result(), cf::BrokenProcessPool);
    CHECK((recorder->of("in vain") == "submitted, cancelled" || recorder->of("in vain") == "submitted, started, failed"));
}

}  // namespace
