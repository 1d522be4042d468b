// SPDX-License-Identifier: MIT
//
// A result that the waiting thread decodes itself, while the pool shuts down.
#include <concurrent/futures/process_pool_executor.hpp>
#include <signal.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <thread>

#include "support/eventually.hpp"
#include "support/gate.hpp"

namespace late_results {

struct Held {
    int value = 0;
};
std::function<void()> on_decode;  // in this process

Held held(int value) { return {value}; }

}  // namespace late_results

namespace concurrent::futures {

template <>
struct Codec<late_results::Held> {
    static void encode(Encoder& encoder, const late_results::Held& item) { encoder.encode(item.value); }
    static late_results::Held decode(Decoder& decoder) {
        if (late_results::on_decode) late_results::on_decode();
        return {decoder.decode<int>()};
    }
};

}  // namespace concurrent::futures

namespace late_results {
namespace {

namespace cf = concurrent::futures;

/// A pool whose worker is warm, so that a thread that waits for a task reads the result itself.
struct WarmPool {
    WarmPool() {
        on_decode = nullptr;
        for (int n = 0; n < 100; ++n) REQUIRE(pool.submit(held, n).result().value == n);
    }
    ~WarmPool() { on_decode = nullptr; }
    cf::ProcessPoolExecutor pool{1};
};

TEST_CASE("a result that a waiting thread decodes while its pool ends is not lost, and callbacks run", "[process_pool]") {
    for (int round = 0; round < 5; ++round) {
        WarmPool warm;
        support::Gate decodes, go;
        on_decode = [&] {
            decodes.open();
            go.wait();
        };
        const int worker = warm.pool.worker_pids().at(0);
        std::atomic<bool> told{false};
        int value = 0;
        std::thread reader([&] {
            const cf::Future<Held> future = warm.pool.submit(held, 3);
            // The callback is left to the manager thread.
            future.add_done_callback([&](const cf::Future<Held>&) { told = true; });
            value = future.result().value;
        });
        decodes.wait();
        std::thread stopper([&] { warm.pool.shutdown(); });
        // Where the reader decodes, the worker leaves meanwhile, and the manager thread has nothing else to do. Where the manager
        // thread decodes, nothing happens: so this is no expectation.
        for (int looks = 0; looks < 20'000 && ::kill(worker, 0) == 0; ++looks) std::this_thread::yield();
        for (int looks = 0; looks < 5'000; ++looks) std::this_thread::yield();
        go.open();
        reader.join();
        stopper.join();
        CHECK(value == 3);
        CHECK(told);
    }
}

TEST_CASE("a codec may shut down the pool whose result it decodes", "[process_pool]") {
    WarmPool warm;
    on_decode = [&] { warm.pool.shutdown(); };
    CHECK(warm.pool.submit(held, 4).result().value == 4);
    warm.pool.shutdown();
}

}  // namespace
}  // namespace late_results
