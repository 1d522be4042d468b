// SPDX-License-Identifier: MIT
//
// A rank whose root the test plays, without MPI. What two threads of a rank do at the same time is in tests/model/checker/mpi.cpp.
#include <concurrent/futures/detail/mpi/rank_loop.hpp>
#include <concurrent/futures/detail/wire/remote_call.hpp>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace concurrent::futures::detail;
using Types = std::vector<FrameType>;

/// As an MpiChannel. The end comes when the rank has sent `answers` answers, or when `may_end` says so.
class PlayedRoot {
  public:
    void give(FrameType type, std::uint64_t task, std::size_t lane, const ByteBuffer& body = {}) {
        constexpr std::uint32_t pool = 1;
        Outgoing out;
        out.add(type, task, lane, body.bytes(), pool);
        messages_.push_back(std::move(out.batch));
    }

    bool poll(int, int&) {
        if (is_over()) give(FrameType::quit, wants_answer, 0);
        if (messages_.empty()) return false;
        if (comes_in_pieces) return false;  // all pieces of it: next() has it
        take();
        return true;
    }
    std::optional<ReceivedFrame> next(int) {
        if (comes_in_pieces && !messages_.empty()) take();
        auto frame = in_.next([](ByteBuffer&, std::size_t) { return false; });
        if (frame && frame->header.type == FrameType::quit) has_ended = true;
        return frame;
    }
    void send(int, Outgoing& from) {
        Outgoing out = std::exchange(from, Outgoing());
        Inbound frames;
        frames.add(std::make_shared<const ByteBuffer>(std::move(out.batch)));
        while (const auto frame = frames.next([](ByteBuffer&, std::size_t) { return false; })) {
            sent.push_back(frame->header.type);
            if (is_finished) ++sent_too_late;
        }
    }
    bool is_fetching() const noexcept { return comes_in_pieces; }
    bool has_news() const noexcept { return !messages_.empty(); }
    static bool is_moving() noexcept { return false; }
    static void let_mpi_progress() noexcept {}
    void finish_sends() noexcept { is_finished = true; }

    bool comes_in_pieces = false;
    std::size_t answers = 0;
    const std::atomic<bool>* may_end = nullptr;
    Types sent;
    bool is_finished = false;
    int sent_too_late = 0;
    std::atomic<bool> has_ended{false};  // the end has been received

  private:
    void take() {
        in_.add(std::make_shared<const ByteBuffer>(std::move(messages_.front())));
        messages_.pop_front();
    }
    bool is_over() {
        const bool now = may_end ? may_end->load() : sent.size() >= answers;
        return now && !std::exchange(has_given_end_, true);
    }

    std::deque<ByteBuffer> messages_;
    Inbound in_;
    bool has_given_end_ = false;
};

void run(PlayedRoot& root) {
    ChannelLock lock;
    RankLoop<PlayedRoot>(root, lock, 0, nullptr, nullptr).run();
}

template <class... Call>
ByteBuffer call_of(const Call&... call) {
    return encode_call_into(ByteBuffer(), call...);
}

int twice(int n) { return 2 * n; }

TEST_CASE("a rank runs what comes, also in pieces, until the root wants no more, and waits until all answers have gone", "[rank_loop]") {
    for (const bool in_pieces : {false, true}) {
        PlayedRoot root;
        root.comes_in_pieces = in_pieces;
        root.answers = 2;
        root.give(FrameType::configure, 0, 0, encode_rank_configuration({}, {}));
        root.give(FrameType::task, 7, 0, call_of(twice, 4));
        run(root);
        CHECK(root.sent == Types{FrameType::ready, FrameType::result, FrameType::quit});
        CHECK((root.is_finished && root.sent_too_late == 0));
    }
}

std::atomic<bool> runs{false};
const std::atomic<bool>* root_has_ended = nullptr;
int wait_for_end(int n) {
    runs = true;
    while (!root_has_ended->load()) std::this_thread::yield();
    return n;
}

TEST_CASE("a rank that is to end answers when the task that runs in another of its workers has ended", "[rank_loop]") {
    PlayedRoot root;
    runs = false;
    root_has_ended = &root.has_ended;
    root.may_end = &runs;
    root.give(FrameType::configure, 0, 1, encode_rank_configuration({}, {}));
    root.give(FrameType::task, 7, 1, call_of(wait_for_end, 4));
    run(root);
    CHECK(root.sent == Types{FrameType::ready, FrameType::result, FrameType::quit});
    CHECK((root.is_finished && root.sent_too_late == 0));
}

}  // namespace
