// SPDX-License-Identifier: MIT
//
// Workers that say what no worker should say: each kills itself and nobody else, and every future ends.
#include <concurrent/futures/process_pool_executor.hpp>

#include <string>
#include <vector>

#include "concurrent/futures/hostile_worker.hpp"
#include "concurrent/futures/process_pool.hpp"

namespace process_pools {
namespace {

using hostile::About, hostile::FrameType, hostile::Hostile, hostile::Length, hostile::Script;

constexpr std::chrono::milliseconds limit = support::deadline(30s);

/// The call's worker is killed for what it said; the pool goes on with another one.
void check_killed(cf::ProcessPoolExecutor& pool, const Script& script) {
    const auto before = pool.stats().worker_restarts;
    const auto error = error_of<cf::WorkerDiedError>(pool.submit(Hostile(), script.text()));
    CHECK(error.signal() == SIGKILL);
    CHECK_THAT(error.what(), ContainsSubstring("it sent bytes that are no message"));
    CHECK(pool.submit(square, 5).result(limit) == 25);
    CHECK(pool.stats().worker_restarts == before + 1);
}

PROCESS_CASE("a worker that sends what is no message kills itself alone") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    BusyWorker neighbour(pool);
    check_killed(pool, Script().raw(std::string(200, 'x')));
    check_killed(pool, Script().raw(std::string(31, '\0')));
    for (const int type : {0, 1, 2, 3, 15, 21, 255}) check_killed(pool, Script().frame(FrameType(type)));
    check_killed(pool, Script().frame(FrameType::skipped));  // it was not revoked
    for (const auto about : {About::other_id, About::other_slot, About::far_slot, About::no_id})
        for (const auto type : {FrameType::result, FrameType::exception, FrameType::skipped})
            check_killed(pool, Script().frame(type, about));
    check_killed(pool, Script().frame(FrameType::result, About::own, Length::beyond));
    for (unsigned bit = 0; bit < 256; bit += support::sanitized ? 23 : 5)
        check_killed(pool, Script().flipped(static_cast<unsigned char>(bit)));
    neighbour.open();
    CHECK(neighbour.call().result(limit) == neighbour.pid());
}

PROCESS_CASE("a worker that says twice how it started kills itself alone") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    BusyWorker neighbour(pool);
    check_killed(pool, Script().frame(FrameType::ready));
    check_killed(pool, Script().frame(FrameType::start_failed));
    check_killed(pool, Script().frame(FrameType::start_failed, About::own, Length::true_one, "no exception"));
    neighbour.open();
    CHECK(neighbour.call().result(limit) == neighbour.pid());
}

PROCESS_CASE("a worker that leaves in the middle of its result costs one call, at every byte") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    BusyWorker neighbour(pool);
    for (unsigned cut = 0; cut < 48; cut += support::sanitized ? 7 : 1) {
        INFO("after " << cut << " bytes");
        const auto call =
            pool.submit(Hostile(), Script().cut(static_cast<unsigned char>(cut)).leave().text());
        const auto next = pool.submit(square, 6);
        CHECK(error_of<cf::WorkerDiedError>(call).exit_code() == 0);
        CHECK(next.result(limit) == 36);
    }
    neighbour.open();
    CHECK(neighbour.call().result(limit) == neighbour.pid());
}

PROCESS_CASE("of two results for one call the first counts, and the worker is ended") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const std::string five("\5\0\0\0", 4);
    const auto call =
        pool.submit(Hostile(), Script().frame(FrameType::result, About::own, Length::true_one, five).text());
    std::atomic<int> told{0};
    call.add_done_callback([&](const cf::Future<int>&) { ++told; });
    CHECK(call.result(limit) == 5);
    CHECK(support::eventually([&] { return pool.stats().worker_restarts == 1; }));
    CHECK(pool.submit(square, 5).result(limit) == 25);
    CHECK(support::eventually([&] { return told == 1; }));
    CHECK(pool.stats().completed == 2);
}

PROCESS_CASE("a result of another type is an error of its call, a second one the worker's end") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    // A zero is an exception_ptr without an exception.
    for (const std::string& body : {std::string(), std::string(1, '\0'), std::string("more than an int")})
        for (const auto type : {FrameType::result, FrameType::exception})
            error_of<cf::SerializationError>(pool.submit(
                Hostile(), Script().frame(type, About::own, Length::true_one, body).leave().text()));
    CHECK(pool.submit(square, 5).result(limit) == 25);
}

PROCESS_CASE("a worker that answers a call that was cancelled kills itself, and the call stays cancelled") {
    // With max_pending = 1 submit returns when the one before has left the queue, to the only worker.
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .max_pending = 1}));
    const auto call = pool.submit(Hostile(), Script().wait_for_revoked().answer_revoked().leave().text());
    const auto revoked = pool.submit(square, 3);
    const auto next = pool.submit(square, 4);
    const auto last = pool.submit(square, 5);
    REQUIRE(revoked.cancel());
    error_of<cf::WorkerDiedError>(call);
    CHECK(next.result(limit) == 16);
    CHECK(last.result(limit) == 25);
    CHECK(revoked.cancelled());
}

PROCESS_CASE("a worker that writes all over its control page harms its own call alone") {
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 2, .task_timeout = 200ms, .stop_grace = 50ms}));
    for (const int value : {0x00, 0x55, 0xff, 0x80, 0x7f}) {
        Script script;
        for (unsigned place = 0; place < 255; ++place)
            script.scribble(static_cast<unsigned char>(place), static_cast<unsigned char>(value));
        const auto neighbour = pool.submit({.timeout = 1h}, square, value);
        const auto call = pool.submit(Hostile(), script.leave().text());
        error_of<cf::Error>(call);
        CHECK(neighbour.result(limit) == value * value);
    }
}

PROCESS_CASE("a call that says each time that it has not started ends all the same") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    error_of<cf::Error>(pool.submit(Hostile(), Script().deny_start().leave().text()));
}

PROCESS_CASE("a result that is announced and does not come ends at the call's timeout") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1, .stop_grace = 10ms}));
    const Script script = Script().frame(FrameType::result, About::own, Length::terabytes);
    error_of<cf::TaskTimeoutError>(pool.submit({.timeout = 20ms}, Hostile(), script.text()));
    CHECK(pool.submit(square, 5).result(limit) == 25);
}

}  // namespace
}  // namespace process_pools
