// SPDX-License-Identifier: MIT
//
// execution_library_cases.hpp: does execution.hpp conform to a library of senders: its concepts, its algorithms on our
// senders and schedulers. Behind execution_cases.hpp.
#include <algorithm>
#include <mutex>
#include <numeric>
#include <set>

namespace {

using Pool = cf::ThreadPoolExecutor;
using Scheduler = decltype(cf::scheduler_of(std::declval<Pool&>()));
template <class T>
using SenderOf = decltype(cf::sender_of(std::declval<cf::Future<T>>()));

static_assert(ex::scheduler<Scheduler>);
static_assert(ex::sender<ex::schedule_result_t<Scheduler>>);
static_assert(ex::sender_in<ex::schedule_result_t<Scheduler>, ex::env<>>);
static_assert(ex::sender_in<SenderOf<int>, ex::env<>>);
static_assert(ex::sender_in<SenderOf<int&>, ex::env<>>);
static_assert(ex::sender_in<SenderOf<void>, ex::env<>>);
static_assert(ex::sender_to<SenderOf<int>, Receiver<int>>);
static_assert(ex::operation_state<ex::connect_result_t<SenderOf<int>, Receiver<int>>>);
static_assert(ex::operation_state<ex::connect_result_t<ex::schedule_result_t<Scheduler>, Receiver<>>>);

template <class Sender>
auto value_of(Sender&& sender) {
    return std::get<0>(ex::sync_wait(std::forward<Sender>(sender)).value());
}

TEST_CASE("algorithms of a library run on senders of calls", "[execution]") {
    Pool pool(2);
    CHECK(value_of(cf::sender_of(pool.submit([] { return 6; })) | ex::then([](int n) { return n * 7; })) == 42);
    const auto add_one = [&](int n) { return cf::sender_of(pool.submit([n] { return n + 1; })); };
    CHECK(value_of(ex::just(4) | ex::let_value(add_one)) == 5);
    CHECK_THROWS_AS(ex::sync_wait(cf::sender_of(pool.submit([] { throw std::domain_error("no"); }))), std::domain_error);
    CHECK(value_of(cf::sender_of(pool.submit([]() -> int { throw 1; })) |
                   ex::upon_error([](std::exception_ptr) { return -1; })) == -1);
    cf::Promise<int> cancelled;
    cancelled.get_future().cancel();
    CHECK(!ex::sync_wait(cf::sender_of(cancelled.get_future())));
    CHECK(value_of(cf::sender_of(cancelled.get_future()) | ex::stopped_as_optional()) == std::nullopt);

    auto both = ex::sync_wait(ex::when_all(cf::sender_of(pool.submit([] { return std::make_unique<int>(3); })),
                                           ex::schedule(cf::scheduler_of(pool)) | ex::then([] { return 2.5; })));
    CHECK(*std::get<0>(*both) == 3);
    CHECK(std::get<1>(*both) == 2.5);
}

TEST_CASE("when_all cancels the calls of the others when one fails", "[execution]") {
    Pool pool(1);
    support::Gate may_end;
    bool ran = false;
    cf::Promise<void> failing;
    pool.post([&] { may_end.wait(); });
    auto queued = pool.submit([&] { ran = true; });
    failing.set_exception(std::make_exception_ptr(std::runtime_error("first")));
    CHECK_THROWS_AS(ex::sync_wait(ex::when_all(cf::sender_of(queued), cf::sender_of(failing.get_future()))),
                    std::runtime_error);
    CHECK(queued.cancelled());
    CHECK(!ran);
    may_end.open();
}

TEST_CASE("starts_on and continues_on go to a worker", "[execution]") {
    Pool pool(1);
    const std::thread::id worker = pool.submit([] { return std::this_thread::get_id(); }).result();
    const auto here = [] { return std::this_thread::get_id(); };
    CHECK(value_of(ex::starts_on(cf::scheduler_of(pool), ex::just() | ex::then(here))) == worker);
    CHECK(value_of(ex::just() | ex::continues_on(cf::scheduler_of(pool)) | ex::then(here)) == worker);
    CHECK(value_of(ex::schedule(cf::scheduler_of(pool)) | ex::then(here)) == worker);
}

TEST_CASE("bulk runs each index once, on the workers of the pool alone", "[execution]") {
    Pool pool(3);
    std::mutex mutex;
    std::set<std::thread::id> threads;
    std::vector<int> counts(20'000);
    const auto note = [&] {
        const std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
    };
    const auto size = static_cast<int>(counts.size());
    const int given = value_of(ex::schedule(cf::scheduler_of(pool)) | ex::then([] { return 7; }) |
                               ex::bulk(ex::par, size, [&](int i, int& value) {
                                   counts[static_cast<std::size_t>(i)] += value;
                                   if (i % 100 == 0) note();
                               }));
    CHECK(given == 7);
    CHECK(std::ranges::all_of(counts, [](int count) { return count == 7; }));
    CHECK(!threads.contains(std::this_thread::get_id()));

    ex::sync_wait(ex::schedule(cf::scheduler_of(pool)) | ex::bulk_chunked(ex::par_unseq, size, [&](int begin, int end) {
                      for (; begin != end; ++begin) ++counts[static_cast<std::size_t>(begin)];
                  }));
    ex::sync_wait(ex::schedule(cf::scheduler_of(pool)) |
                  ex::bulk_unchunked(ex::par, size, [&](int i) { ++counts[static_cast<std::size_t>(i)]; }));
    CHECK(std::ranges::all_of(counts, [](int count) { return count == 9; }));
}

TEST_CASE("bulk_chunked with seq is one chunk; with par two workers meet in it", "[execution]") {
    Pool pool(2);
    std::atomic<int> chunks{0};
    ex::sync_wait(ex::schedule(cf::scheduler_of(pool)) | ex::bulk_chunked(ex::seq, 1000, [&](int, int) { ++chunks; }));
    CHECK(chunks == 1);

    std::atomic<int> inside{0};
    support::Gate both;
    ex::sync_wait(ex::schedule(cf::scheduler_of(pool)) | ex::bulk(ex::par, 2, [&](int) {
                      if (++inside == 2) both.open();
                      both.wait();
                  }));
    CHECK(inside == 2);
}

TEST_CASE("what bulk's function throws is its error; an empty bulk and errors before it call nothing", "[execution]") {
    Pool pool(2);
    const auto at_77 = [](int i) {
        if (i == 77) throw std::out_of_range("77");
    };
    CHECK_THROWS_AS(ex::sync_wait(ex::schedule(cf::scheduler_of(pool)) | ex::bulk(ex::par, 1000, at_77)), std::out_of_range);
    int calls = 0;
    ex::sync_wait(ex::schedule(cf::scheduler_of(pool)) | ex::bulk(ex::par, 0, [&](int) { ++calls; }));
    ex::sync_wait(ex::schedule(cf::scheduler_of(pool)) | ex::bulk(ex::par, -1, [&](int) { ++calls; }));
    pool.shutdown();
    CHECK_THROWS_AS(ex::sync_wait(ex::schedule(cf::scheduler_of(pool)) | ex::bulk(ex::par, 9, [&](int) { ++calls; })),
                    cf::ShutdownError);
    CHECK(calls == 0);
}

}  // namespace
