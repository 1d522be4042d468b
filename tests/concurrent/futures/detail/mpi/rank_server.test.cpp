// SPDX-License-Identifier: MIT
//
// What a rank does with the frames that it gets.
#include <concurrent/futures/detail/mpi/rank_server.hpp>
#include <concurrent/futures/detail/wire/remote_call.hpp>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

using namespace concurrent::futures::detail;
using concurrent::futures::Decoder;
using concurrent::futures::Encoder;
using concurrent::futures::SerializationError;
using Types = std::vector<FrameType>;

int twice(int n) { return 2 * n; }
int fail(int) { throw std::runtime_error("no luck"); }
int initialized = 0;
void note_start() { ++initialized; }
void refuse_to_start() { throw std::runtime_error("no licence"); }

template <class... Call>
ByteBuffer call_of(const Call&... call) {
    return encode_call_into(ByteBuffer(), call...);
}

/// A rank whose root is the test.
class Rank {
  public:
    void get(FrameType type, std::uint64_t task, const ByteBuffer& body = {}, std::uint32_t pool = 1,
             std::size_t lane = 0) {
        Outgoing out;
        out.add(type, task, lane, body.bytes(), pool);
        in_.add(std::make_shared<const ByteBuffer>(std::move(out.batch)));
        while (auto frame = in_.next([](ByteBuffer&, std::size_t) { return false; })) server_.receive(std::move(*frame));
    }
    void configure(const ByteBuffer& initializer = {}) {
        get(FrameType::configure, 0, encode_rank_configuration(initializer, {}));
    }
    bool run() {
        return server_.run_next([this] { before_job(); });
    }
    void run_all() {
        while (run()) {}
    }
    /// What it has answered since the last call.
    std::vector<ReceivedFrame> answers() {
        std::vector<ReceivedFrame> all;
        out_.add(std::make_shared<const ByteBuffer>(std::move(server_.outbox().take().batch)));
        while (auto frame = out_.next([](ByteBuffer&, std::size_t) { return false; })) all.push_back(std::move(*frame));
        return all;
    }
    RankServer& server() { return server_; }
    Types types() {
        Types types;
        for (const ReceivedFrame& frame : answers()) types.push_back(frame.header.type);
        return types;
    }

    std::function<void()> before_job = [] {};

  private:
    RankServer server_{RankServer::Place::rank, [] {}};
    Inbound in_, out_;
};

TEST_CASE("a rank that knows a pool runs its tasks in order", "[rank_server]") {
    Rank rank;
    rank.configure();
    rank.get(FrameType::task, 7, call_of(twice, 4));
    rank.get(FrameType::task, 8, call_of(fail, 4));
    rank.run_all();
    const auto answers = rank.answers();
    REQUIRE(answers.size() == 3);
    CHECK(answers[0].header.type == FrameType::ready);
    CHECK((answers[1].header.type == FrameType::result && answers[1].header.task == 7));
    Decoder decoder(answers[1].body);
    CHECK(decoder.decode<int>() == 8);
    CHECK((answers[2].header.type == FrameType::exception && answers[2].header.task == 8));
}

// Another thread may receive a job at any moment.
TEST_CASE("a rank has work when a job has come for its own thread, or the end", "[rank_server]") {
    Rank rank;
    CHECK(!rank.server().has_work());
    rank.configure(call_of(note_start));
    CHECK(rank.server().has_work());
    rank.run_all();
    CHECK(!rank.server().has_work());
    rank.get(FrameType::quit, 0);
    CHECK(rank.server().has_work());
}

TEST_CASE("a rank is told of each job that it takes, before the job runs", "[rank_server]") {
    Rank rank;
    std::vector<int> initialized_before;
    rank.before_job = [&] { initialized_before.push_back(initialized); };
    CHECK(!rank.run());
    CHECK(initialized_before.empty());
    const int at_first = initialized;
    rank.configure(call_of(note_start));
    rank.get(FrameType::task, 7, call_of(twice, 4));
    rank.run_all();
    CHECK(initialized_before == std::vector{at_first, at_first + 1});
}

TEST_CASE("a rank skips tasks of a pool that it does not know, or whose initializer threw", "[rank_server]") {
    Rank rank;
    rank.get(FrameType::task, 7, call_of(twice, 4));
    rank.run_all();
    CHECK(rank.types() == Types{FrameType::skipped});
    rank.configure(call_of(refuse_to_start));
    rank.get(FrameType::task, 8, call_of(twice, 4));
    rank.run_all();
    CHECK(rank.types() == Types{FrameType::start_failed, FrameType::skipped});
}

TEST_CASE("the initializer runs once, before the first task", "[rank_server]") {
    Rank rank;
    initialized = 0;
    rank.configure(call_of(note_start));
    rank.get(FrameType::task, 7, call_of(twice, 4));
    rank.get(FrameType::task, 8, call_of(twice, 4));
    CHECK(rank.run());
    CHECK(initialized == 1);
    rank.run_all();
    CHECK(initialized == 1);
}

TEST_CASE("a recall gives back the tasks that have not started, and then says so", "[rank_server]") {
    Rank rank;
    rank.configure();
    rank.get(FrameType::task, 7, call_of(twice, 4));
    rank.get(FrameType::task, 8, call_of(twice, 4));
    rank.run();  // the configuration
    rank.run();
    rank.get(FrameType::recall, 0);
    CHECK(rank.types() == Types{FrameType::ready, FrameType::result, FrameType::skipped, FrameType::recalled});
    CHECK(!rank.run());
}

TEST_CASE("a rank leaves a pool when it is told to, and ends when the root wants no more", "[rank_server]") {
    Rank rank;
    rank.configure();
    rank.get(FrameType::stop, 1);
    rank.run_all();
    CHECK(rank.types() == Types{FrameType::ready, FrameType::left});
    CHECK(!rank.server().has_quit());
    Encoder why;
    why.write_bytes("why", 3);
    rank.get(FrameType::quit, 0, std::move(why).take());
    CHECK((rank.server().has_quit() && rank.server().root_failure() == "why"));
}

TEST_CASE("a task with a thread of its own runs there, and says when there is an answer", "[rank_server]") {
    std::atomic<int> replies{0};
    {
        RankServer server(RankServer::Place::only_one, [&] { ++replies; });
        Outgoing out;
        out.add(FrameType::configure, 0, 1, encode_rank_configuration({}, {}).bytes(), 1);
        out.add(FrameType::task, 7, 1, call_of(twice, 4).bytes(), 1);
        Inbound in;
        in.add(std::make_shared<const ByteBuffer>(std::move(out.batch)));
        while (auto frame = in.next([](ByteBuffer&, std::size_t) { return false; })) server.receive(std::move(*frame));
        server.stop_threads();
        CHECK(replies == 2);
        CHECK(!server.outbox().take().empty());
    }
}

TEST_CASE("frames that are not for ranks are refused", "[rank_server]") {
    Rank rank;
    CHECK_THROWS_AS(rank.get(FrameType::result, 1), SerializationError);
    CHECK_THROWS_AS(rank.get(FrameType::forget, 1), SerializationError);
    CHECK_THROWS_AS(rank.get(FrameType::task, 1, {}, 1, 4096), SerializationError);
}

TEST_CASE("a rank that is to end after a failure of the root runs none of the tasks that it has not started", "[rank_server]") {
    Rank rank;
    rank.configure();
    rank.run_all();
    rank.get(FrameType::task, 7, call_of(twice, 4));
    rank.get(FrameType::quit, wants_answer);
    CHECK((rank.server().has_quit() && !rank.server().has_jobs()));
    static_cast<void>(rank.answers());
    rank.server().answer_quit();
    CHECK(rank.types() == Types{FrameType::quit});
}

int exited = 0;
void note_exit() { ++exited; }

TEST_CASE("a rank runs no worker_exit of a pool whose initializer threw, and knows no pool that it has left", "[rank_server]") {
    for (const bool starts : {true, false}) {
        Rank rank;
        exited = 0;
        rank.get(FrameType::configure, 0,
                 encode_rank_configuration((starts ? call_of(note_start) : call_of(refuse_to_start)).bytes(),
                                           call_of(note_exit).bytes()));
        rank.get(FrameType::stop, 1);
        rank.get(FrameType::task, 7, call_of(twice, 4));
        rank.run_all();
        CHECK(exited == (starts ? 1 : 0));
        CHECK(rank.types() == Types{starts ? FrameType::ready : FrameType::start_failed, FrameType::left, FrameType::skipped});
    }
}

TEST_CASE("a recall, and the end of a root that waits for an answer, leave all jobs but tasks to a rank", "[rank_server]") {
    for (const bool ends : {false, true}) {
        Rank rank;
        rank.configure();
        rank.get(FrameType::task, 7, call_of(twice, 4));
        rank.get(ends ? FrameType::quit : FrameType::recall, ends ? wants_answer : 0);
        rank.run_all();
        rank.server().answer_quit();
        CHECK(rank.types() == (ends ? Types{FrameType::ready, FrameType::quit} : Types{FrameType::skipped, FrameType::recalled, FrameType::ready}));
    }
}

}  // namespace
