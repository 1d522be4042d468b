// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^(submit: the task ended its thread|skipped: .*)
// expect-output: ^(cancelled thread: the task ended its thread|skipped: .*)
// expect-output: ^(AnyExecutor: the task ended its thread|skipped: .*)
// expect-output: ^(post: the task ended its thread|skipped: .*)
// expect-output: ^(retries: the task ended its thread|skipped: .*)
// expect-output: ^(then: the task ended its thread|skipped: .*)
// expect-output: ^(then, returns a future: the task ended its thread|skipped: .*)
// expect-output: ^(when_done: the task ended its thread|skipped: .*)
// expect-output: ^(or_else: the task ended its thread|skipped: .*)
// expect-output: ^(callback: the task ended its thread|skipped: .*)
// expect-output: ^(callbacks behind it: 2|skipped: .*)
// expect-output: ^(waits for it, outer: the task ended its thread|skipped: .*)
// expect-output: ^(waits for it, inner: the task ended its thread|skipped: .*)
// expect-output: ^(map: 20 items, the one that ended its thread failed: 1|skipped: .*)
// expect-output: ^(map_unordered: 20 items|skipped: .*)
// expect-output: ^(initializer: .*the initializer ended its thread|skipped: .*)
// expect-output: ^(workers ended as often as they started, and worker_exit ran in each: 1|skipped: .*)
// expect-no-output: terminate|FATAL
//
// pthread_exit() and pthread_cancel() in everything that a worker of a thread pool runs: the call fails, the worker is
// replaced, the pool goes on.
#include <concurrent/futures.hpp>
#include <pthread.h>

#include <atomic>
#include <cstdio>
#include <numeric>
#include <vector>

namespace cf = concurrent::futures;

namespace {

std::atomic<int> started{0}, ended{0};

int end_thread() { ::pthread_exit(nullptr); }

void show(const char* what, const std::exception_ptr& error) {
    try {
        if (error) std::rethrow_exception(error);
        std::printf("%s: no error\n", what);
    } catch (const cf::BrokenPromiseError& e) {
        std::printf("%s: %s\n", what, e.what());
    } catch (const cf::BrokenThreadPool& e) {
        std::printf("%s: %s\n", what, e.what());
    }
}

template <class T>
void show(const char* what, const cf::Future<T>& future) {
    show(what, future.exception());
}

[[maybe_unused]] void try_all(cf::ThreadPoolExecutor& pool) {
    show("submit", pool.submit(end_thread));
    show("AnyExecutor", cf::AnyExecutor(pool).submit(end_thread));
    show("cancelled thread", pool.submit([] {
        ::pthread_cancel(::pthread_self());
        ::pthread_testcancel();
    }));
    pool.post(end_thread);
    show("retries", pool.submit({.retries = 2}, end_thread));

    const auto chain = [&](auto link) {
        cf::Promise<int> go;
        auto last = pool.submit([begin = go.get_future()] { return begin.result(); }).then(link);
        go.set_value(1);
        return last;
    };
    show("then", chain([](int) { return end_thread(); }));
    show("then, returns a future", chain([&pool](int) -> cf::Future<int> {
        static_cast<void>(end_thread());
        return pool.submit([] { return 1; });
    }));

    const auto look_at_end = [&](auto look, auto task) {
        cf::Promise<int> go;
        auto last = look(pool.submit([begin = go.get_future(), task] { return task(begin.result()); }));
        go.set_value(1);
        return last;
    };
    show("when_done", look_at_end([](const auto& f) { return cf::when_done(f, [](const auto&) { end_thread(); }); },
                                  [](int n) { return n; }));
    show("or_else", look_at_end([](const auto& f) { return cf::or_else(f, [](auto) { return end_thread(); }); },
                                [](int) -> int { throw 1; }));

    std::atomic<int> behind{0};
    {
        cf::Promise<int> go;
        const auto call = pool.submit([begin = go.get_future()] { return begin.result(); });
        call.add_done_callback([](const cf::Future<int>&) { end_thread(); });
        call.add_done_callback([&](const cf::Future<int>&) { ++behind; });
        const auto last = call.then([&](int) { ++behind; });
        go.set_value(1);
        last.result();
    }
    std::printf("callbacks behind it: %d\n", behind.load());

    cf::Future<int> inner;
    const auto outer = pool.submit([&] {
        inner = pool.submit(end_thread);
        return inner.result();
    });
    show("waits for it, outer", outer);
    show("waits for it, inner", inner);

    std::vector<int> numbers(20);
    std::iota(numbers.begin(), numbers.end(), 0);
    const auto fails_once = [](int n) { return n == 7 ? end_thread() : n; };
    int items = 0;
    bool failed = false;
    auto results = pool.map(fails_once, numbers);
    for (auto at = results.begin(); at != results.end(); ++at, ++items) {
        try {
            static_cast<void>(*at);
        } catch (const cf::BrokenPromiseError&) {
            failed = failed || items == 7;
        }
    }
    std::printf("map: %d items, the one that ended its thread failed: %d\n", items, failed);
    items = 0;
    auto unordered = pool.map_unordered(fails_once, numbers);
    for (auto at = unordered.begin(); at != unordered.end(); ++at, ++items) {
        try {
            static_cast<void>(*at);
        } catch (const cf::BrokenPromiseError&) {
        }
    }
    std::printf("map_unordered: %d items\n", items);
}

}  // namespace

int main([[maybe_unused]] int argc, char**) {
#if defined(__GLIBCXX__) && defined(__GLIBC__)
#if defined(__SANITIZE_ADDRESS__)
    std::printf("skipped: the undefined behaviour sanitizer of this lane reports each handler, falsely\n");
    if (argc > 0) return 0;  // a condition, so that the compiler sees what is below in use
#endif
    for (const std::size_t workers : {1u, 2u}) {
        cf::ThreadPoolExecutor pool({.max_workers = workers,
                                     .initializer = [] { ++started; },
                                     .worker_exit = [] { ++ended; },
                                     .on_unhandled_exception = [](const std::exception_ptr& error) {
                                         static std::atomic<int> reports{0};
                                         show(reports++ % 2 == 0 ? "post" : "callback", error);
                                     }});
        try_all(pool);
        if (pool.submit([] { return 3; }).result() != 3) return 1;
    }
    cf::ThreadPoolExecutor broken({.max_workers = 1, .initializer = [] { end_thread(); }});
    show("initializer", broken.submit([] {}));
    std::printf("workers ended as often as they started, and worker_exit ran in each: %d\n",
                started == ended && started > 10);
#else
    std::printf("skipped: this standard library has no name for what unwinds a thread that ends\n");
#endif
}
