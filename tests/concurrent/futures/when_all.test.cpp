// SPDX-License-Identifier: MIT
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/when_all.hpp>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/deadline.hpp"
#include "support/gate.hpp"

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

template <class T>
cf::Future<T> finished(T value) {
    cf::Promise<T> promise;
    promise.set_value(std::move(value));
    return promise.get_future();
}
cf::Future<int> failed() {
    cf::Promise<int> promise;
    promise.set_exception(std::make_exception_ptr(std::runtime_error("no luck")));
    return promise.get_future();
}
cf::Future<int> cancelled() {
    const cf::Promise<int> promise;
    const auto future = promise.get_future();
    future.cancel();
    return future;
}
std::vector<cf::Future<int>> futures_of(const std::vector<cf::Promise<int>>& promises) {
    std::vector<cf::Future<int>> futures;
    for (const auto& promise : promises) futures.push_back(promise.get_future());
    return futures;
}

TEST_CASE("when_all of a range is done when all are, and gives them in order", "[when_all]") {
    std::vector<cf::Promise<int>> promises(3);
    const auto futures = futures_of(promises);
    const auto all = cf::when_all(futures);
    static_assert(std::is_same_v<decltype(all), const cf::Future<std::vector<cf::Future<int>>>>);
    promises[2].set_value(2);
    promises[0].set_value(0);
    CHECK_FALSE(all.done());
    promises[1].set_value(1);
    REQUIRE(all.done());
    CHECK(all.result() == futures);
}

TEST_CASE("when_all takes any range of futures, and a pack of different ones", "[when_all]") {
    const std::list<cf::Future<int>> list{finished(1), finished(2)};
    CHECK(cf::when_all(list).result().back().result() == 2);
    CHECK(cf::when_all(std::array{finished(3)}).result().front().result() == 3);

    cf::Promise<void> nothing;
    const auto pack = cf::when_all(finished(1), finished(std::string("text")), nothing.get_future());
    static_assert(std::is_same_v<decltype(pack), const cf::Future<std::tuple<cf::Future<int>, cf::Future<std::string>,
                                                                             cf::Future<void>>>>);
    CHECK_FALSE(pack.done());
    nothing.set_value();
    const auto& [number, text, none] = pack.result();
    CHECK(number.result() == 1);
    CHECK(text.result() == "text");
    CHECK(none.done());
}

TEST_CASE("when_all and when_any of nothing are done at once", "[when_all]") {
    const std::vector<cf::Future<int>> none;
    CHECK(cf::when_all(none).result().empty());
    CHECK(cf::when_all().done());
    const auto any = cf::when_any(none);
    REQUIRE(any.done());
    CHECK(any.result().index == static_cast<std::size_t>(-1));
    CHECK(any.result().futures.empty());
    CHECK(cf::when_any().result().index == static_cast<std::size_t>(-1));
}

TEST_CASE("when_all succeeds also with failed and cancelled futures, which are seen one by one", "[when_all]") {
    const auto all = cf::when_all(std::vector{finished(1), failed(), cancelled()});
    REQUIRE(all.exception() == nullptr);
    CHECK(all.result()[0].result() == 1);
    CHECK_THROWS_AS(all.result()[1].result(), std::runtime_error);
    CHECK(all.result()[2].cancelled());
}

TEST_CASE("a future that comes twice is given twice", "[when_all]") {
    cf::Promise<int> promise;
    const auto future = promise.get_future();
    const auto all = cf::when_all(std::vector{future, future});
    const auto any = cf::when_any(future, future);
    promise.set_value(1);
    CHECK(all.result() == std::vector{future, future});
    CHECK(any.result().index == 0);
}

TEST_CASE("when_any is done with the first, and says which", "[when_all]") {
    std::vector<cf::Promise<int>> promises(3);
    const auto futures = futures_of(promises);
    const auto any = cf::when_any(futures);
    CHECK_FALSE(any.done());
    promises[1].set_value(1);
    REQUIRE(any.done());
    CHECK(any.result().index == 1);
    CHECK(any.result().futures == futures);
    promises[0].set_value(0);
    promises[2].set_value(2);
    CHECK(any.result().index == 1);

    cf::Promise<std::string> text;
    const auto pack = cf::when_any(text.get_future(), cancelled());
    CHECK(pack.result().index == 1);
    CHECK(std::get<1>(pack.result().futures).cancelled());
    CHECK_FALSE(std::get<0>(pack.result().futures).done());
    CHECK(cf::when_any(std::vector{failed(), finished(1)}).result().index == 0);
}

TEST_CASE("cancelling the combined future leaves the parts alone", "[when_all]") {
    std::vector<cf::Promise<int>> promises(2);
    const auto futures = futures_of(promises);
    const auto all = cf::when_all(futures);
    const auto any = cf::when_any(futures);
    CHECK(all.cancel());
    CHECK(any.cancel());
    CHECK(all.cancelled());
    CHECK_THROWS_AS(any.result(), cf::CancelledError);
    for (const auto& future : futures) CHECK_FALSE(future.done());
    for (auto& promise : promises) promise.set_value(1);
    for (const auto& future : futures) CHECK(future.result() == 1);
    CHECK(all.cancelled());
}

TEST_CASE("an empty future is refused, and nothing is left behind", "[when_all]") {
    cf::Promise<int> promise;
    const auto future = promise.get_future();
    CHECK_THROWS_AS(cf::when_all(std::vector{future, cf::Future<int>()}), cf::InvalidStateError);
    CHECK_THROWS_AS(cf::when_all(future, cf::Future<void>()), cf::InvalidStateError);
    CHECK_THROWS_AS(cf::when_any(std::vector{cf::Future<int>(), future}), cf::InvalidStateError);
    CHECK_THROWS_AS(cf::when_any(cf::Future<int>()), cf::InvalidStateError);
    promise.set_value(1);
}

TEST_CASE("the combined future keeps the parts alive, and lets them go", "[when_all]") {
    auto value = std::make_shared<int>(1);
    const std::weak_ptr<int> watch = value;
    {
        cf::Promise<std::shared_ptr<int>> promise;
        cf::Promise<std::shared_ptr<int>> never;
        auto all = cf::when_all(promise.get_future());
        const auto any = cf::when_any(promise.get_future(), never.get_future());
        promise.set_value(std::move(value));
        CHECK(*std::get<0>(all.result()).result() == 1);
        CHECK(any.result().index == 0);
    }
    CHECK(watch.expired());
}

TEST_CASE("a combined future that everybody has dropped does no harm", "[when_all]") {
    std::vector<cf::Promise<int>> promises(2);
    static_cast<void>(cf::when_all(futures_of(promises)));
    static_cast<void>(cf::when_any(futures_of(promises)));
    for (auto& promise : promises) promise.set_value(1);
    std::optional<cf::Promise<int>> dropped(std::in_place);
    const auto all = cf::when_all(dropped->get_future());
    dropped.reset();
    CHECK_THROWS_AS(std::get<0>(all.result()).result(), cf::BrokenPromiseError);
}

TEST_CASE("when_any in a loop leaves nothing on a future that lives on", "[when_all]") {
    // Each round's result holds its futures, and what waits for them holds this token.
    const auto token = std::make_shared<int>(0);
    cf::Promise<std::shared_ptr<int>> never;
    const auto lives_on = never.get_future();
    for (int round = 0; round < 10'000; ++round) {
        cf::Promise<std::shared_ptr<int>> soon;
        const auto any = cf::when_any(std::vector{lives_on, soon.get_future()});
        soon.set_value(token);
        CHECK(any.result().index == 1);
    }
    CHECK(token.use_count() == 1);
    never.set_value(token);
    CHECK(lives_on.result() == token);
}

/// How many parts of combinations wait for the future: what is told after it ends, by thread.
struct Marked {
    explicit Marked(std::shared_ptr<int> m) : mark(std::move(m)) {}
    std::shared_ptr<int> mark;
};

TEST_CASE("what is left of combinations goes when they end early or are cancelled", "[when_all]") {
    // A combination lives as long as a part of it waits in some future's list; it keeps its futures.
    cf::Promise<Marked> never;
    const auto lives_on = never.get_future();
    const auto mark = std::make_shared<int>(0);
    const auto marked = finished(Marked(mark));
    REQUIRE(mark.use_count() == 2);
    {
        const auto of_done = finished(Marked(mark));
        static_cast<void>(cf::when_any(of_done, lives_on));
        static_cast<void>(cf::when_any(lives_on, of_done));
    }
    CHECK(mark.use_count() == 2);
    {
        const auto of_done = finished(Marked(mark));
        CHECK(cf::when_all(of_done, lives_on).cancel());
        const cf::Promise<Marked> pending;
        CHECK(cf::when_any(pending.get_future().then([of_done](const Marked&) {}), lives_on).cancel());
    }
    CHECK(mark.use_count() == 2);
    never.set_value(mark);
}

TEST_CASE("combinations combine, and functions follow them", "[when_all]") {
    cf::Promise<int> one, two, three;
    const auto all =
        cf::when_all(cf::when_all(one.get_future(), two.get_future()), cf::when_any(three.get_future(), one.get_future()))
            .then([](const auto& done) {
                const auto& [pair, any] = done;
                const auto& [first, second] = pair.result();
                return first.result() + second.result() + static_cast<int>(any.result().index);
            });
    two.set_value(20);
    three.set_value(0);
    CHECK_FALSE(all.done());
    one.set_value(1);
    CHECK(all.result() == 21);
}

TEST_CASE("a task on the only worker may wait for the combination of calls of its pool", "[when_all]") {
    cf::ThreadPoolExecutor pool(1);
    CHECK(pool.submit([&] {
                  std::vector<cf::Future<int>> parts;
                  for (int i = 0; i < 10; ++i) parts.push_back(pool.submit([i] { return i; }));
                  int sum = 0;
                  for (const auto& part : cf::when_all(parts).result()) sum += part.result();
                  const auto [a, b] = cf::when_all(pool.submit([] { return 1; }), pool.submit([] {})).result();
                  return sum + a.result() + b.done();
              })
              .result() == 47);
    CHECK(pool.submit([&] {
                  const auto first = pool.submit([] { return 1; });
                  const auto second = pool.submit([] { return 2; });
                  return cf::when_any(first, second).result().index;
              })
              .result() == 0);
    CHECK(pool.submit([&] {
                  const auto first = pool.submit([] { return 1; }).then(pool, [](int n) { return n + 1; });
                  return std::get<0>(cf::when_all(first, pool.submit([] {})).result()).result();
              })
              .result() == 2);
}

TEST_CASE("when_any on the only worker is not held up by calls of others that never end", "[when_all]") {
    cf::ThreadPoolExecutor pool(1);
    const cf::Promise<int> never;
    CHECK(pool.submit([&] {
                  return cf::when_any(never.get_future(), pool.submit([] { return 2; })).result().index;
              })
              .result() == 1);
    static_cast<void>(never.get_future().cancel());
}

TEST_CASE("parts that end in several threads while the combination starts", "[when_all]") {
    for (int round = 0; round < 300; ++round) {
        std::vector<cf::Promise<int>> promises(6);
        const auto futures = futures_of(promises);
        support::Gate start;
        std::vector<std::thread> threads;
        for (std::size_t t = 0; t < 3; ++t)
            threads.emplace_back([&, t] {
                start.wait();
                promises[t].set_value(1);
                promises[5 - t].set_value(1);
            });
        start.open();
        const auto any = cf::when_any(futures);
        const auto all = cf::when_all(futures);
        const auto other = cf::when_any(futures);
        other.cancel();
        CHECK(any.result().futures[any.result().index].done());
        int sum = 0;
        for (const auto& part : all.result()) {
            CHECK(part.done());
            sum += part.result();
        }
        CHECK(sum == 6);
        for (std::thread& thread : threads) thread.join();
    }
}

}  // namespace
