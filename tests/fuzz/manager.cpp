// SPDX-License-Identifier: MIT
//
// manager.cpp: a pool whose worker plays a script that a fuzzer wrote (hostile_worker.hpp).
//
// Every call must end, once; calls beside the script have the right value or died with its worker; and the
// pool goes on, unless the script has said ten times in a row that it never started.
#include <concurrent/futures/process_pool_executor.hpp>

#include <atomic>
#include <array>
#include <chrono>
#include <memory>
#include <string>

#include "concurrent/futures/hostile_worker.hpp"
#include "fuzz.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;
using fuzz::require;

namespace {

int square(int n) { return n * n; }

std::unique_ptr<cf::ProcessPoolExecutor> make_pool() {
    return std::make_unique<cf::ProcessPoolExecutor>(cf::ProcessPoolOptions{
        .max_workers = 2, .start_method = cf::StartMethod::fork, .task_timeout = 100ms, .stop_grace = 0ms});
}

FUZZ_TARGET(manager) {
    static std::unique_ptr<cf::ProcessPoolExecutor> pool = make_pool();
    // Without the short limit of the other calls, which a busy machine may exceed. The worker of the script may have
    // got this call before the pool read the rest of what the script says, and then dies with it: once, as it is the
    // only worker that lies.
    const auto nine_squared = [] {
        const auto square_nine = [] { return pool->submit({.timeout = 1h}, square, 9).result(60s); };
        try {
            return square_nine();
        } catch (const cf::WorkerDiedError&) {
            return square_nine();
        }
    };
    const std::string script(reinterpret_cast<const char*>(bytes.data()), std::min<std::size_t>(bytes.size(), 600));
    std::atomic<int> ends{0};
    bool broken = false;
    {
        const cf::Future<int> call = pool->submit(hostile::Hostile(), script);
        call.add_done_callback([&](const cf::Future<int>&) { ends.fetch_add(1); });
        std::array<cf::Future<int>, 3> beside;
        for (std::size_t n = 0; n < beside.size(); ++n) beside[n] = pool->submit(square, static_cast<int>(n));
        try {
            call.result(60s);
        } catch (const cf::TimeoutError&) {
            require(false, "the call did not end");
        } catch (const cf::BrokenProcessPool&) {
            broken = true;
        } catch (...) {
        }
        for (std::size_t n = 0; n < beside.size(); ++n) {
            try {
                require(beside[n].result(60s) == static_cast<int>(n * n), "another call had a wrong value");
            } catch (const cf::TimeoutError&) {
                require(false, "another call did not end");
            } catch (const cf::WorkerDiedError&) {
            } catch (const cf::TaskTimeoutError&) {
            } catch (const cf::BrokenProcessPool&) {
                broken = true;
            }
        }
    }
    if (broken) {
        require(script.find("\xff\xff") != std::string::npos, "the pool broke");
        pool = make_pool();
    }
    require(nine_squared() == 81, "the pool does not go on");
    require(ends.load() == 1, "the call ended more than once");
}

[[maybe_unused]] const fuzz::Seeds seeds([] {
    using hostile::About, hostile::FrameType, hostile::Length, hostile::Script;
    const auto seed = [](const Script& script) {
        const std::string text = script.text();
        fuzz::write_seed("manager", std::as_bytes(std::span(text)));
    };
    const std::string five("\5\0\0\0", 4);
    seed(Script());
    seed(Script().raw("garbage that is longer than a header is, by some"));
    seed(Script().frame(FrameType::result, About::own, Length::true_one, five));
    seed(Script().frame(FrameType::result, About::own, Length::true_one, "x").leave());
    seed(Script().frame(FrameType::exception, About::own, Length::true_one, "x").leave());
    seed(Script().frame(FrameType::ready).frame(FrameType::start_failed));
    seed(Script().frame(FrameType::skipped));
    seed(Script().frame(FrameType::result, About::other_id));
    seed(Script().frame(FrameType::result, About::own, Length::longer, five).raw("0123456789abcdef"));
    seed(Script().flipped(9));
    seed(Script().cut(40).leave());
    seed(Script().scribble(0, 0x55).scribble(1, 0x80).scribble(130, 0xff).leave());
    seed(Script().deny_start().leave());
});

}  // namespace
