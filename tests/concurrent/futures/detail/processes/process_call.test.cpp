// SPDX-License-Identifier: MIT
//
// How the state of a process pool's future ends. The engine has no thread and no workers: the test does its part.
#include <concurrent/futures/detail/processes/process_call.hpp>
#include <concurrent/futures/detail/processes/process_manager.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <concurrent/futures/future.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;

std::shared_ptr<ProcessEngine> engine_with(ProcessSettings settings = {}) {
    return std::make_shared<ProcessManager>(std::move(settings));
}

template <class T>
ProcessCall<T>& make_call(std::shared_ptr<ProcessEngine> engine) {
    return *BlockWithBytes<ProcessCall<T>>::make(ByteBuffer(), std::move(engine), nullptr);
}

template <class T>
ByteBuffer encoded(const T& value) {
    cf::Encoder encoder;
    encoder.encode(value);
    return std::move(encoder).take();
}

TEST_CASE("a result is decoded into the future", "[process_call]") {
    const auto engine = engine_with();
    auto& call = make_call<std::string>(engine);
    auto future = FutureAccess::adopt<std::string>(&call);
    CHECK(!future.done());
    const ByteBuffer bytes = encoded(std::string("four"));
    cf::Decoder decoder(bytes.bytes());
    call.succeed(decoder);
    call.release();
    CHECK(future.result() == "four");
    CHECK(engine->counts().failed == 0);
}

TEST_CASE("a result with too few or too many bytes is the task's exception, and counts as a failure", "[process_call]") {
    const auto engine = engine_with();
    for (const bool too_few : {true, false}) {
        auto& call = make_call<std::int64_t>(engine);
        auto future = FutureAccess::adopt<std::int64_t>(&call);
        const ByteBuffer bytes = too_few ? encoded(std::int32_t{1}) : encoded(std::string("more than eight bytes"));
        cf::Decoder decoder(bytes.bytes());
        call.succeed(decoder);
        call.release();
        CHECK_THROWS_AS(future.result(), cf::SerializationError);
    }
    CHECK(engine->counts().failed == 2);
}

TEST_CASE("a thread that waits ends the call without its callbacks, which are left to the manager thread", "[process_call]") {
    for (const bool with_callback : {false, true}) {
        auto& call = make_call<int>(engine_with());
        auto future = FutureAccess::adopt<int>(&call);
        int told = 0;
        if (with_callback) future.add_done_callback([&](const cf::Future<int>& ended) { told = ended.result(); });
        const ByteBuffer bytes = encoded(5);
        cf::Decoder decoder(bytes.bytes());
        CHECK(call.try_succeed_untold(decoder) == !with_callback);
        CHECK(told == 0);
        if (with_callback) call.finish_stored();
        call.release();
        CHECK(told == (with_callback ? 5 : 0));
        CHECK(future.result() == 5);
    }
}

TEST_CASE("only the first end of a call counts", "[process_call]") {
    auto& call = make_call<int>(engine_with());
    auto future = FutureAccess::adopt<int>(&call);
    call.fail(std::make_exception_ptr(std::runtime_error("first")));
    call.end_cancelled();
    const ByteBuffer bytes = encoded(5);
    cf::Decoder decoder(bytes.bytes());
    call.succeed(decoder);
    CHECK(call.try_succeed_untold(decoder));
    call.release();
    CHECK_THROWS_WITH(future.result(), "first");
}

TEST_CASE("a failure that was not looked at goes to the hook, if the pool reports those", "[process_call]") {
    for (const bool reports : {false, true}) {
        std::vector<std::string> reported;
        ProcessSettings settings;
        settings.report_unobserved = reports;
        settings.hook = [&](std::exception_ptr error) {
            try {
                std::rethrow_exception(std::move(error));
            } catch (const std::exception& caught) {
                reported.emplace_back(caught.what());
            }
        };
        const auto engine = engine_with(std::move(settings));
        for (const bool looks : {false, true}) {
            auto& call = make_call<void>(engine);
            auto future = FutureAccess::adopt<void>(&call);
            call.fail(std::make_exception_ptr(std::runtime_error(looks ? "seen" : "unseen")));
            call.release();
            if (looks) CHECK_THROWS(future.result());
        }
        CHECK(reported == (reports ? std::vector<std::string>{"unseen"} : std::vector<std::string>{}));
        PostedProcessCall& posted = *BlockWithBytes<PostedProcessCall>::make(ByteBuffer(), engine);
        posted.fail(std::make_exception_ptr(std::runtime_error("posted")));
        posted.release();
        CHECK(reported.back() == "posted");
    }
}

}  // namespace
