// SPDX-License-Identifier: MIT
#include <concurrent/futures/coroutine.hpp>
#include <concurrent/futures/inline_executor.hpp>
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/promise.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/wait.hpp>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <concepts>
#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/deadline.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"

namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

constexpr int deep = support::sanitized ? 10'000 : 100'000;

// ---- what sender/receiver libraries ask of an awaitable ----

template <class T>
concept SuspendResult =
    std::is_void_v<T> || std::same_as<T, bool> || std::convertible_to<T, std::coroutine_handle<>>;
template <class Awaiter>
concept IsAwaiter = requires(Awaiter& awaiter, std::coroutine_handle<> waiting) {
    { awaiter.await_ready() } -> std::convertible_to<bool>;
    { awaiter.await_suspend(waiting) } -> SuspendResult;
    awaiter.await_resume();
};
template <class Awaitable>
decltype(auto) awaiter_of(Awaitable&& awaitable) {
    if constexpr (requires { std::forward<Awaitable>(awaitable).operator co_await(); })
        return std::forward<Awaitable>(awaitable).operator co_await();
    else if constexpr (requires { operator co_await(std::forward<Awaitable>(awaitable)); })
        return operator co_await(std::forward<Awaitable>(awaitable));
    else
        return std::forward<Awaitable>(awaitable);
}
template <class Awaitable>
concept IsAwaitable = requires(Awaitable&& awaitable) {
    { awaiter_of(std::forward<Awaitable>(awaitable)) } -> IsAwaiter;
};
template <class Awaitable>
using AwaitResult = decltype(awaiter_of(std::declval<Awaitable>()).await_resume());

static_assert(IsAwaitable<cf::Future<int>> && IsAwaitable<const cf::Future<int>&>);
static_assert(IsAwaitable<cf::Future<void>> && IsAwaitable<cf::Future<std::unique_ptr<int>>>);
static_assert(!IsAwaitable<int>);
static_assert(std::is_same_v<AwaitResult<cf::Future<std::string>>, std::string>);
static_assert(std::is_same_v<AwaitResult<cf::Future<std::string>&>, const std::string&>);
static_assert(std::is_same_v<AwaitResult<cf::Future<int&>>, int&>);
static_assert(std::is_void_v<AwaitResult<cf::Future<void>>>);

// ---- a coroutine type of another library ----

/// What a sender/receiver library does to connect an awaitable: a coroutine of its own, with its own promise
/// type, awaits it and tells the receiver. It starts when told to, and ends without resuming anybody.
class Operation {
  public:
    struct promise_type {
        Operation get_return_object() noexcept {
            return Operation(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        std::suspend_always final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }
    };
    Operation(Operation&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
    Operation& operator=(Operation&&) = delete;
    ~Operation() {
        if (coroutine_) coroutine_.destroy();
    }
    void start() const { coroutine_.resume(); }

  private:
    explicit Operation(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}
    std::coroutine_handle<promise_type> coroutine_;
};

template <class Awaitable, class Receiver>
Operation connect(Awaitable awaitable, Receiver& receiver) {
    try {
        if constexpr (std::is_void_v<AwaitResult<Awaitable>>) {
            co_await std::move(awaitable);
            receiver.set_value();
        } else {
            receiver.set_value(co_await std::move(awaitable));
        }
    } catch (const cf::CancelledError&) {
        receiver.set_stopped();
    } catch (...) {
        receiver.set_error(std::current_exception());
    }
}

struct Receiver {
    std::string heard;
    support::Gate told{"the receiver is told"};

    void set_value() { hear("nothing"); }
    void set_value(std::unique_ptr<int> value) { hear("value " + std::to_string(*value)); }
    void set_stopped() { hear("stopped"); }
    void set_error(const std::exception_ptr& error) {
        try {
            std::rethrow_exception(error);
        } catch (const std::exception& e) {
            hear(e.what());
        }
    }
    void hear(std::string text) {
        heard = std::move(text);
        told.open();
    }
};

TEST_CASE("a library with coroutines of its own takes a Future as it is", "[coroutine]") {
    cf::ThreadPoolExecutor pool(1);
    support::Gate gate;
    Receiver value, nothing, error, stopped;
    {
        const auto busy = pool.submit([&] { gate.wait(); });
        auto waiting = pool.submit([] {});
        const Operation operations[] = {
            connect(pool.submit([] { return std::make_unique<int>(7); }), value),
            connect(pool.submit([] {}), nothing),
            connect(pool.submit([]() -> std::unique_ptr<int> { throw std::domain_error("no"); }), error),
            connect(waiting, stopped)};
        for (const Operation& operation : operations) operation.start();
        CHECK(value.heard.empty());
        CHECK(waiting.cancel());
        CHECK(stopped.heard == "stopped");
        gate.open();
        for (Receiver* const receiver : {&value, &nothing, &error}) receiver->told.wait();
        pool.shutdown();  // the coroutines have ended when the worker has
    }
    CHECK(value.heard == "value 7");
    CHECK(nothing.heard == "nothing");
    CHECK(error.heard == "no");
}

/// Starts at once; whoever has it may destroy it while it is suspended.
struct Eager {
    struct promise_type {
        Eager get_return_object() noexcept {
            return Eager{std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_always final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }
    };
    std::coroutine_handle<promise_type> handle;
};

Eager count_end(cf::Future<int> future, int& ends) {
    static_cast<void>(co_await std::move(future));
    ++ends;
}
Eager count_end_of(const cf::Future<int>& future, int& ends) {
    static_cast<void>(co_await future);
    ++ends;
}

TEST_CASE("a coroutine that is destroyed while it awaits is not resumed", "[coroutine]") {
    int ends = 0;
    cf::Promise<int> promise;
    auto future = std::make_unique<cf::Future<int>>(promise.get_future());
    const Eager first = count_end(*future, ends), second = count_end(*future, ends), by_reference = count_end_of(*future, ends);
    future.reset();
    first.handle.destroy();
    by_reference.handle.destroy();
    promise.set_value(1);
    CHECK(ends == 1);
    CHECK(second.handle.done());
    second.handle.destroy();
}

TEST_CASE("a coroutine that is destroyed by another one, which the same call resumes first, is not resumed",
          "[coroutine]") {
    int ends = 0;
    cf::Promise<int> promise;
    const auto future = promise.get_future();
    std::coroutine_handle<> victim;
    const auto destroys = future.then([&](int) { victim.destroy(); });
    victim = count_end(future, ends).handle;
    promise.set_value(1);
    CHECK(destroys.done());
    CHECK(ends == 0);
}

cf::Future<std::string> await_foreign(std::coroutine_handle<>& suspended, std::shared_ptr<int> kept) {
    struct Foreign {
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> waiting) const noexcept { out = waiting; }
        void await_resume() const noexcept {}
        std::coroutine_handle<>& out;
    };
    co_await Foreign{suspended};
    co_return std::to_string(*kept);
}

TEST_CASE("a coroutine that somebody destroys at another library's awaitable ends cancelled", "[coroutine]") {
    std::coroutine_handle<> suspended;
    const auto kept = std::make_shared<int>(1);
    const auto future = await_foreign(suspended, kept);
    suspended.destroy();
    CHECK(future.cancelled());
    CHECK(kept.use_count() == 1);
}

struct Throwing {
    ~Throwing() noexcept(false) { throw std::runtime_error("late"); }
};
cf::Future<std::shared_ptr<int>> throws_behind_its_return(std::shared_ptr<int> value) {
    const Throwing late;
    co_return value;
}

TEST_CASE("an exception behind co_return is the failure, and the value goes", "[coroutine]") {
    const auto value = std::make_shared<int>(1);
    CHECK_THROWS_AS(throws_behind_its_return(value).result(), std::runtime_error);
    CHECK(value.use_count() == 1);
}

// ---- values ----

template <class T>
cf::Future<T> finished(T value) {
    cf::Promise<T> promise;
    promise.set_value(std::move(value));
    return promise.get_future();
}

cf::Future<int> sum(cf::Future<int> a, cf::Future<int> b) { co_return co_await a + co_await std::move(b); }

TEST_CASE("a coroutine runs in its caller until it awaits what is not done", "[coroutine]") {
    CHECK(sum(finished(1), finished(2)).done());
    cf::Promise<int> promise;
    const auto total = sum(finished(1), promise.get_future());
    CHECK_FALSE(total.done());
    CHECK(total.running());
    CHECK_FALSE(total.cancel());
    promise.set_value(2);
    REQUIRE(total.done());
    CHECK(total.result() == 3);
}

TEST_CASE("a coroutine goes on in the thread that ended the call", "[coroutine]") {
    cf::Promise<int> promise;
    const auto id = [](cf::Future<int> f) -> cf::Future<std::thread::id> {
        co_await f;
        co_return std::this_thread::get_id();
    }(promise.get_future());
    std::thread other([&] { promise.set_value(1); });
    const auto other_id = other.get_id();
    CHECK(id.result() == other_id);
    other.join();
}

TEST_CASE("coroutines return nothing, references and move-only values", "[coroutine]") {
    int number = 1;
    const auto reference = [](int& n) -> cf::Future<int&> { co_return n; };
    CHECK(&reference(number).result() == &number);
    const auto pointer = []() -> cf::Future<std::unique_ptr<int>> { co_return std::make_unique<int>(2); };
    CHECK(*pointer().result() == 2);
    const auto braces = []() -> cf::Future<std::vector<int>> { co_return {1, 2, 3}; };
    CHECK(braces().result() == std::vector{1, 2, 3});
    const auto all = [&]() -> cf::Future<void> {
        ++co_await reference(number);
        std::unique_ptr<int> taken = co_await pointer();
        number += *taken;
        co_await cf::InlineExecutor().submit([&] { ++number; });
        const auto shared = pointer();
        number += *co_await shared;
        CHECK(shared.valid());
    };
    all().result();
    CHECK(number == 7);
}

// ---- errors and cancellation ----

cf::Future<std::string> caught(cf::Future<int> call) {
    try {
        co_return std::to_string(co_await call);
    } catch (const cf::CancelledError&) {
        co_return "cancelled";
    } catch (const std::exception& error) {
        co_return error.what();
    }
}
cf::Future<int> passed_on(cf::Future<int> call) { co_return co_await call; }

TEST_CASE("an awaited failure is thrown in the coroutine, and out of it into its future", "[coroutine]") {
    cf::Promise<int> promise;
    const auto text = caught(promise.get_future());
    const auto next = passed_on(promise.get_future());
    promise.set_exception(std::make_exception_ptr(std::runtime_error("no luck")));
    CHECK(text.result() == "no luck");
    CHECK_THROWS_AS(next.result(), std::runtime_error);
    CHECK(next.exception() == promise.get_future().exception());
}

TEST_CASE("an awaited cancellation can be caught; uncaught it cancels the coroutine's future", "[coroutine]") {
    const cf::Promise<int> promise;
    const auto text = caught(promise.get_future());
    const auto next = passed_on(passed_on(promise.get_future()));
    CHECK(promise.get_future().cancel());
    CHECK(text.result() == "cancelled");
    CHECK(next.cancelled());
    CHECK_THROWS_AS(next.result(), cf::CancelledError);
}

TEST_CASE("a promise that is dropped ends the coroutine that awaits it", "[coroutine]") {
    std::optional<cf::Promise<int>> promise(std::in_place);
    const auto next = passed_on(promise->get_future());
    promise.reset();
    CHECK_THROWS_AS(next.result(), cf::BrokenPromiseError);
}

TEST_CASE("awaiting an empty future throws in the coroutine", "[coroutine]") {
    CHECK_THROWS_AS(passed_on(cf::Future<int>()).result(), cf::InvalidStateError);
}

// ---- lifetime and depth ----

TEST_CASE("locals and parameters of a coroutine are gone before its future is done", "[coroutine]") {
    cf::Promise<int> promise;
    auto parameter = std::make_shared<int>(1);
    const std::weak_ptr<int> first = parameter;
    std::weak_ptr<int> second;
    bool gone = false;
    const auto next = [](std::shared_ptr<int> kept, cf::Future<int> call, std::weak_ptr<int>& watch) -> cf::Future<int> {
        const auto local = std::make_shared<int>(2);
        watch = local;
        co_return co_await call + *kept + *local;
    }(std::move(parameter), promise.get_future(), second);
    next.add_done_callback([&](const cf::Future<int>&) { gone = first.expired() && second.expired(); });
    CHECK_FALSE(first.expired());
    promise.set_value(1);
    CHECK(next.result() == 4);
    CHECK(gone);
}

TEST_CASE("a coroutine whose future nobody keeps still runs to its end", "[coroutine]") {
    cf::Promise<int> promise;
    bool ended = false;
    static_cast<void>([](cf::Future<int> call, bool& flag) -> cf::Future<void> {
        co_await call;
        flag = true;
    }(promise.get_future(), ended));
    promise.set_value(1);
    CHECK(ended);
}

TEST_CASE("a long chain of coroutines, each awaiting the one before, does not recurse", "[coroutine]") {
    const auto next = [](cf::Future<int> before) -> cf::Future<int> { co_return co_await std::move(before) + 1; };
    cf::Promise<int> promise;
    auto pending = promise.get_future();
    auto done = finished(0);
    for (int i = 0; i < deep; ++i) {
        pending = next(std::move(pending));
        done = next(std::move(done));
    }
    promise.set_value(0);
    CHECK(pending.result() == deep);
    CHECK(done.result() == deep);
}

TEST_CASE("a loop of awaits does not recurse, whether the calls are done or not", "[coroutine]") {
    cf::ThreadPoolExecutor pool(1);
    cf::InlineExecutor here;
    const auto total = [](cf::ThreadPoolExecutor& threads, cf::InlineExecutor& inlined) -> cf::Future<int> {
        int n = 0;
        for (int i = 0; i < deep; ++i) {
            n += co_await finished(1);
            co_await cf::resume_on(inlined);
        }
        for (int i = 0; i < deep / 10; ++i) n += co_await threads.submit([] { return 1; });
        co_return n;
    }(pool, here);
    CHECK(total.result() == deep + deep / 10);
}

TEST_CASE("the only worker of a pool may wait for a coroutine that awaits calls of the pool", "[coroutine]") {
    cf::ThreadPoolExecutor pool(1);
    const auto load = [](cf::ThreadPoolExecutor& threads) -> cf::Future<int> {
        const int first = co_await threads.submit([] { return 1; });
        co_await cf::resume_on(threads);
        co_return first + co_await threads.submit([] { return 2; });
    };
    CHECK(pool.submit([&] { return load(pool).result(); }).result() == 3);
    CHECK(load(pool).then([&](int n) { return load(pool).result() + n; }).result() == 6);
}

TEST_CASE("awaiting races with the end of the call", "[coroutine]") {
    for (int round = 0; round < 500; ++round) {
        cf::Promise<int> promise;
        std::thread ends([&] { promise.set_value(round); });
        CHECK(passed_on(promise.get_future()).result() == round);
        ends.join();
    }
}

// ---- resume_on ----

template <class Executor>
cf::Future<std::thread::id> hop(Executor& executor, std::string* error = nullptr) {
    try {
        co_await cf::resume_on(executor);
    } catch (const std::exception& e) {
        if (error) *error = e.what();
        throw;
    }
    co_return std::this_thread::get_id();
}

// g++ 12 destroys members of aggregates twice in expressions with co_await: see option_value.hpp.

const std::string long_name(100, 'n');  // on the heap, as "load" is not

cf::Future<int> with_task_options(cf::ThreadPoolExecutor& pool, std::string name) {
    const auto seven = [](std::stop_token) { return 7; };
    int sum = co_await pool.submit({.timeout = 60s}, seven);
    sum += co_await pool.submit({.name = "load"}, seven);
    sum += co_await pool.submit({.name = long_name}, seven);
    sum += co_await pool.submit({.name = name, .timeout = 60s, .retries = 1}, seven);
    sum += co_await pool.submit({.name = std::string("a name ") + name}, seven);
    sum += co_await pool.submit({}, seven);
    sum += co_await pool.submit(cf::TaskOptions{.name = name, .priority = cf::Priority::high}, seven);
    sum += co_await pool.submit(cf::TaskOptions{}, seven);
    sum += co_await pool.submit(cf::TaskOptions(name, cf::Priority::low), seven);
    const cf::TaskOptions kept{.name = name};
    sum += co_await pool.submit(kept, seven);
    co_return sum;
}

TEST_CASE("options in braces live once in an expression with co_await", "[coroutine]") {
    cf::ThreadPoolExecutor pool(1);
    CHECK(with_task_options(pool, "load").result() == 70);
    CHECK(with_task_options(pool, long_name).result() == 70);
}

cf::Future<int> with_other_options(cf::ThreadPoolExecutor& pool, const std::vector<int>& numbers) {
    const auto same = [](int number) { return number; };
    int sum = co_await pool.submit(same, *pool.map({.timeout = 60s, .buffersize = 2}, same, numbers).begin());
    const std::vector futures{pool.submit(same, 1)};  // g++ 12 cannot compile a list in such an expression
    sum += co_await cf::wait(futures, {.timeout = 60s}).done.front();
    sum += co_await pool.submit(same, (cf::ThreadPoolExecutor(1).shutdown({.cancel_futures = true}), 1));
    co_return sum;
}

TEST_CASE("options of map, wait and shutdown live once in an expression with co_await", "[coroutine]") {
    cf::ThreadPoolExecutor pool(1);
    CHECK(with_other_options(pool, {1, 2, 3}).result() == 3);
}

cf::Future<int> with_thread_pool_options(std::shared_ptr<std::atomic<int>> counter, std::string prefix) {
    const std::function<void()> count = [counter] { ++*counter; };
    int sum = co_await cf::ThreadPoolExecutor({.max_workers = 1,
                                               .thread_name_prefix = "load",
                                               .initializer = count,
                                               .worker_exit = count,
                                               .on_unhandled_exception = [](const std::exception_ptr&) {}})
                  .submit([] { return 1; });
    sum += co_await cf::ThreadPoolExecutor({.max_workers = 1, .thread_name_prefix = prefix}).submit([] {
        return 1;
    });
    sum += co_await cf::ThreadPoolExecutor(cf::ThreadPoolOptions{.initializer = count}).submit([] { return 1; });
    sum += co_await cf::ThreadPoolExecutor(cf::ThreadPoolOptions{}).submit([] { return 1; });
    co_return sum;
}

TEST_CASE("options of a thread pool live once in an expression with co_await", "[coroutine]") {
    const auto counter = std::make_shared<std::atomic<int>>(0);
    CHECK(with_thread_pool_options(counter, long_name).result() == 4);
    // Each pool is destroyed by its own worker, which ends after that.
    CHECK(support::eventually([&] { return *counter == 3 && counter.use_count() == 1; }));
}

int next_of(const std::string& text, std::size_t number) { return static_cast<int>(text.size() + number); }
void hook_of_text(const std::string&) {}

cf::Future<int> with_process_options(std::string text) {
    int sum = co_await cf::ProcessPoolExecutor({.max_workers = 1,
                                                .initializer = cf::bind_task(hook_of_text, text),
                                                .worker_exit = cf::bind_task(hook_of_text, text),
                                                .on_unhandled_exception = [](const std::exception_ptr&) {}})
                  .submit({.name = text, .timeout = 60s}, next_of, text, std::size_t{1});
    co_return sum;
}

TEST_CASE("options of a process pool live once in an expression with co_await", "[coroutine]") {
    CHECK(with_process_options("load").result() == 5);
    CHECK(with_process_options(long_name).result() == 101);
}

TEST_CASE("resume_on goes on in a worker of the executor", "[coroutine]") {
    cf::ThreadPoolExecutor pool(1);
    cf::InlineExecutor here;
    const auto worker = pool.submit([] { return std::this_thread::get_id(); }).result();
    CHECK(hop(pool).result() == worker);
    CHECK(hop(here).result() == std::this_thread::get_id());
    pool.shutdown();
    CHECK(pool.stats().completed == 2);
}

TEST_CASE("resume_on throws ShutdownError in the coroutine after shutdown", "[coroutine]") {
    cf::ThreadPoolExecutor pool(1);
    pool.shutdown();
    std::string error;
    const auto end = hop(pool, &error);
    CHECK_THROWS_AS(end.result(), cf::ShutdownError);
    CHECK(error.find("shutdown") != std::string::npos);
}

TEST_CASE("resume_on throws what a full pool throws, and runs where the caller runs the work", "[coroutine]") {
    for (const auto on_full : {cf::QueueFull::raise, cf::QueueFull::caller_runs}) {
        support::Gate busy, may_end;
        cf::ThreadPoolExecutor pool({.max_workers = 1, .max_pending = 1, .on_full = on_full});
        pool.post([&] {
            busy.open();
            may_end.wait();
        });
        busy.wait();
        pool.post([] {});
        const auto end = hop(pool);
        if (on_full == cf::QueueFull::raise)
            CHECK_THROWS_AS(end.result(), cf::QueueFullError);
        else
            CHECK(end.result() == std::this_thread::get_id());
        may_end.open();
    }
}

TEST_CASE("a coroutine whose executor gives up its work goes on with CancelledError", "[coroutine]") {
    support::Gate busy, may_end;
    cf::ThreadPoolExecutor pool(1);
    pool.post([&] {
        busy.open();
        may_end.wait();
    });
    busy.wait();
    std::string error;
    const auto end = hop(pool, &error);
    CHECK_FALSE(end.done());
    pool.shutdown({.wait = false, .cancel_futures = true});
    REQUIRE(end.done());
    CHECK(end.cancelled());
    CHECK_FALSE(error.empty());
    may_end.open();
}

// ---- processes ----

int square(int n) { return n * n; }
int refuse(int) { throw std::out_of_range("in a worker"); }

TEST_CASE("calls of a process pool can be awaited", "[coroutine]") {
    cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
    const auto total = [](cf::ProcessPoolExecutor& processes) -> cf::Future<int> {
        const int first = co_await processes.submit(square, 3);
        const int second = co_await processes.submit(square, first);
        try {
            co_await processes.submit(refuse, 1);
        } catch (const std::out_of_range&) {
            co_return first + second;
        }
        co_return 0;
    }(pool);
    CHECK(total.result(support::deadline(30s)) == 90);
}

TEST_CASE("a task that ends while a coroutine is about to sleep is let go of once", "[coroutine]") {
    const auto kept = std::make_shared<int>(1);
    std::optional<cf::Promise<std::shared_ptr<int>>> promise(std::in_place);
    std::optional<cf::Future<std::shared_ptr<int>>> future = promise->get_future();
    {
        auto awaiter = awaiter_of(*future);
        CHECK_FALSE(awaiter.await_ready());
        promise->set_value(kept);
        CHECK_FALSE(awaiter.await_suspend(std::noop_coroutine()));
    }
    promise.reset();
    CHECK(kept.use_count() == 2);  // the future keeps it
    future.reset();
    CHECK(kept.use_count() == 1);
}

/// Keeps what is posted until it is told to run it, and then also runs what is posted meanwhile, inside post().
class Collecting {
  public:
    template <class Work>
    void post(Work work) {
        waiting_.push_back([shared = std::make_shared<Work>(std::move(work))] { (*shared)(); });
        while (runs && !waiting_.empty()) {
            const auto next = std::move(waiting_.front());
            waiting_.erase(waiting_.begin());
            next();
        }
    }
    bool runs = false;

  private:
    std::vector<std::function<void()>> waiting_;
};

cf::Future<int> go_on_there(Collecting& executor, int number) {
    co_await cf::resume_on(executor);
    co_await cf::resume_on(executor);
    co_return number;
}

TEST_CASE("an executor may resume other coroutines while one is posted", "[coroutine]") {
    Collecting executor;
    const auto first = go_on_there(executor, 1);
    const auto second = go_on_there(executor, 2);
    CHECK((!first.done() && !second.done()));
    executor.runs = true;
    const auto third = go_on_there(executor, 3);
    CHECK((first.done() && second.done() && third.done()));
    CHECK(first.result() + second.result() + third.result() == 6);
}

cf::Future<void> hold(Collecting& executor, const std::shared_ptr<int> held) {
    co_await cf::resume_on(executor);
    CHECK(held);  // the parameter itself goes with the frame
}

TEST_CASE("parameters of a coroutine are gone when callbacks of its future run", "[coroutine]") {
    Collecting executor;
    auto held = std::make_shared<int>(0);
    const std::weak_ptr<int> left = held;
    const auto coroutine = hold(executor, std::move(held));
    bool was_gone = false;
    coroutine.add_done_callback([&](const cf::Future<void>&) { was_gone = left.expired(); });
    CHECK(!left.expired());
    executor.runs = true;
    executor.post([] {});
    CHECK((coroutine.done() && was_gone));
}

}  // namespace
