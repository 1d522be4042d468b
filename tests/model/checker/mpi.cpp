// SPDX-License-Identifier: MIT
//
// mpi.cpp: what the engine of MPI pools and the ranks need no MPI for, under the model checker.
#include <concurrent/futures/detail/mpi/engine_sleep.hpp>
#include <concurrent/futures/detail/mpi/local_port.hpp>
#include <concurrent/futures/detail/mpi/mpi_hub.hpp>
#include <concurrent/futures/detail/mpi/rank_helper.hpp>
#include <concurrent/futures/detail/mpi/rank_lane.hpp>
#include <concurrent/futures/detail/mpi/rank_server.hpp>
#include <concurrent/futures/detail/platform/spin_mutex.hpp>
#include <concurrent/futures/detail/wire/remote_call.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "model/checker/checker.hpp"

namespace detail = concurrent::futures::detail;
using model::expect;
using Value = model::Watched<int>;

/// An engine that sleeps until two tasks were submitted, and another thread that submits them, as in an intake.
static void submit_two(detail::SharedDoorbell* bell) {
    std::mutex mutex;
    const detail::LockRule rule(mutex);
    detail::EngineSleep sleep(rule);
    sleep.set_bell(bell);
    detail::SpinMutex intake;
    int tasks = 0;
    std::thread other([&] {
        for (int n = 0; n < 2; ++n) {
            {
                const std::lock_guard lock(intake);
                ++tasks;
            }
            sleep.wake();
        }
    });
    {
        detail::EngineSleep::Lock lock(mutex);
        for (int seen = 0; seen != 2;) {
            const auto has_new = [&] {
                const std::lock_guard look(intake);
                return std::exchange(seen, tasks) != tasks;
            };
            if (!has_new()) sleep.wait(lock, {.polls = bell != nullptr, .all_ring = bell != nullptr}, has_new);
        }
    }
    other.join();
}

MODEL("the engine of MPI pools is woken for each task") { submit_two(nullptr); }

MODEL("the engine of MPI pools is woken for each task while it listens to the bell of the ranks") {
    detail::SharedDoorbell bell;
    submit_two(&bell);
}

MODEL("the helper thread of a rank works while a job takes long, though it had gone to sleep") {
    std::mutex mutex;
    std::condition_variable changed;
    int looks = 0;
    detail::RankHelper helper(
        [&] {
            {
                const std::lock_guard lock(mutex);
                ++looks;
                changed.notify_one();
            }
            std::this_thread::yield();
        },
        {.tick = {}, .ticks_awake = 0});
    for (int job = 1; job <= 2; ++job) {
        helper.note_run();
        {
            std::unique_lock lock(mutex);
            changed.wait(lock, [&, before = looks] { return looks != before; });
        }
        helper.note_end();
    }
    expect(looks >= 2, "it has looked in each job");
}

// ---- lanes of a rank ------------------------------------------------------------------------------

MODEL("a rank's lane runs each job once, though its thread ends when a pool has left") {
    model::uses_shared_pointers();  // a thread's own state
    detail::RankLane lane(1);
    Value ran(0);
    const auto run = [&](detail::RankLane&, const detail::RankJob&) { ran.set(ran.get() + 1); };
    for (int job = 0; job < 3; ++job) lane.push_for_thread({}, run);  // no pool uses it, so its thread ends after each
    lane.stop_thread();
    expect(ran.get() == 3, "each job runs");
}

MODEL("a rank's lane that a pool uses is woken for the next job") {
    model::uses_shared_pointers();
    std::mutex mutex;
    std::condition_variable changed;
    int ran = 0;
    detail::RankLane lane(1);
    const auto run = [&](detail::RankLane& mine, const detail::RankJob&) {
        mine.pools.try_emplace(1);
        const std::lock_guard lock(mutex);
        ++ran;
        changed.notify_one();
    };
    for (int job = 1; job <= 2; ++job) {
        lane.push_for_thread({}, run);
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return ran == job; });
    }
    lane.stop_thread();
}

MODEL("a rank's lane gives back the jobs that have not started, and runs the others") {
    model::uses_shared_pointers();
    detail::RankLane lane(1);
    Value ran(0);
    const auto run = [&](detail::RankLane&, const detail::RankJob&) { ran.set(ran.get() + 1); };
    for (int job = 0; job < 2; ++job) {
        detail::RankJob task;
        task.frame.header.type = detail::FrameType::task;
        lane.push_for_thread(std::move(task), run);
    }
    const auto back = static_cast<int>(lane.take_unstarted().size());
    lane.stop_thread();
    expect(ran.get() + back == 2, "it runs or comes back");
}

namespace {

/// A rank whose helper thread receives the second job while it looks.
struct HelpedRank {
    std::mutex mutex;
    std::condition_variable changed;
    int looks = 0;

    void look() {
        const std::lock_guard lock(mutex);
        ++looks;
        changed.notify_all();
    }
    /// Until the helper thread looks.
    void stay() {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&, before = looks] { return looks != before; });
    }
};
HelpedRank* rank_here = nullptr;
void stay_here() { rank_here->stay(); }

detail::ReceivedFrame job_that_stays() {
    detail::Outgoing out;
    const auto call = detail::encode_call_into(detail::ByteBuffer(), stay_here);
    out.add(detail::FrameType::configure, 0, 0, detail::encode_rank_configuration(call.bytes(), {}).bytes(), 1);
    detail::Inbound in;
    in.add(std::make_shared<const detail::ByteBuffer>(std::move(out.batch)));
    return std::move(*in.next([](detail::ByteBuffer&, std::size_t) { return false; }));
}

}  // namespace

// F35: the job that comes just when the one before it ends has to be noted as well.
MODEL("the helper thread of a rank works in each job, also in one that it has received itself") {
    model::uses_shared_pointers();
    HelpedRank rank;
    rank_here = &rank;
    detail::RankServer server(detail::RankServer::Place::rank, [] {});
    std::mutex channel;
    std::optional<detail::ReceivedFrame> second(job_that_stays());
    detail::RankHelper helper(
        [&] {
            rank.look();
            {
                const std::lock_guard lock(channel);
                if (second) server.receive(std::move(*second));
                second.reset();
            }
            std::this_thread::yield();
        },
        {.tick = {}, .ticks_awake = 0});
    {
        const std::lock_guard lock(channel);
        server.receive(job_that_stays());
    }
    for (int jobs = 0; jobs != 2;) {
        if (server.run_next([&] { helper.note_run(); }))
            ++jobs;
        else
            std::this_thread::yield();
        helper.note_end();
    }
    helper.stop();
}

// ---- the engine as a whole ------------------------------------------------------------------------

namespace {

int twice(int n) { return 2 * n; }

/// Records its end, for any thread.
class Task final : public detail::MpiTask {
  public:
    explicit Task(int n) : MpiTask(detail::encode_call_into(detail::ByteBuffer(), twice, n)) {}
    void succeed(concurrent::futures::Decoder& result) noexcept override {
        value = result.decode<int>();
        over.store(true, std::memory_order_release);
    }
    bool try_succeed_untold(concurrent::futures::Decoder& result) noexcept override { return succeed(result), true; }
    void finish_stored() noexcept override {}
    void fail(std::exception_ptr) noexcept override { expect(false, "it has not failed"); }
    void end_cancelled() noexcept override { expect(false, "it is not cancelled"); }
    void retain() noexcept override {}
    void release() noexcept override {}
    bool is_over() const noexcept { return over.load(std::memory_order_acquire); }

    int value = 0;

  private:
    detail::Atomic<bool> over{false};
};

/// A rank on this node, played by a thread. It rings when it has answered.
class NodePort final : public detail::MpiPort {
  public:
    NodePort() : rank_([this] { run(); }) {}
    ~NodePort() override {
        {
            const std::lock_guard lock(mutex_);
            ends_ = true;
            changed_.notify_one();
        }
        rank_.join();
    }
    std::vector<int> ranks() const override { return {1}; }
    const detail::RankCard& card(std::size_t) const override { return card_; }
    void send(std::size_t, detail::Outgoing& sent) override {
        detail::Outgoing out = std::exchange(sent, detail::Outgoing());
        const std::lock_guard lock(mutex_);
        calls_.push_back(std::move(out.batch));
        changed_.notify_one();
    }
    bool poll(std::size_t& peer) override {
        peer = 0;
        const std::lock_guard lock(mutex_);
        if (answers_.empty()) return false;
        in_.add(std::make_shared<const detail::ByteBuffer>(std::move(answers_.front())));
        answers_.pop_front();
        return true;
    }
    std::optional<detail::ReceivedFrame> next(std::size_t) override {
        return in_.next([](detail::ByteBuffer&, std::size_t) { return false; });
    }
    bool needs_polling() const noexcept override { return true; }
    bool is_moving() const noexcept override { return false; }
    detail::NodeSide node_side() const override { return {nullptr, nullptr, &bell_, true}; }
    bool has_news() const noexcept override {
        const std::lock_guard lock(mutex_);
        return !answers_.empty();
    }
    void quit(const std::string&) override {}

  private:
    void run() {
        detail::Inbound in;
        detail::RankServer server(detail::RankServer::Place::rank, [] {});
        for (;;) {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return !calls_.empty() || ends_; });
            if (calls_.empty()) return;
            in.add(std::make_shared<const detail::ByteBuffer>(std::move(calls_.front())));
            calls_.pop_front();
            lock.unlock();
            while (auto frame = in.next([](detail::ByteBuffer&, std::size_t) { return false; })) server.receive(std::move(*frame));
            while (server.run_next([] {})) {}
            lock.lock();
            answers_.push_back(std::move(server.outbox().take().batch));
            lock.unlock();
            bell_.ring();
        }
    }

    detail::RankCard card_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<detail::ByteBuffer> calls_, answers_;
    bool ends_ = false;
    detail::Inbound in_;
    mutable detail::SharedDoorbell bell_;
    std::thread rank_;
};

/// A pool with one worker, and what the user of an MPI pool does.
struct Engine {
    explicit Engine(bool only_rank) {
        if (only_rank)
            hub->open(std::make_unique<detail::LocalPort>(detail::RankCard(), [&self = *hub] { self.wake(); }));
        else
            hub->open(std::make_unique<NodePort>());
        pool = std::make_shared<detail::MpiPool>(hub, hub->lock_rule(), detail::MpiSettings{.max_workers = 1});
        hub->add(pool);
    }
    ~Engine() { hub->close(); }
    void submit(Task& task) { hub->submit(*pool, task, concurrent::futures::Priority::normal); }
    void shut_down() {
        hub->begin_shutdown(*pool, false);
        hub->join(*pool, detail::Deadline::never());
    }

    std::shared_ptr<detail::MpiHub> hub = std::make_shared<detail::MpiHub>();
    std::shared_ptr<detail::MpiPool> pool;
};

/// `only_rank`: as for Engine.
void run_tasks_of_two_threads(bool only_rank) {
    model::uses_shared_pointers();
    Engine engine(only_rank);
    Task one(1), two(2);
    std::thread other([&] { engine.submit(two); });
    engine.submit(one);
    other.join();
    engine.shut_down();
    expect(one.value == 2 && two.value == 4, "both results");
}

}  // namespace

MODEL("tasks of two threads end before their MPI pool of one rank does") {
    run_tasks_of_two_threads(true);
}

MODEL("a rank that rings wakes the engine of MPI pools, whoever gave it the task") {
    run_tasks_of_two_threads(false);
}

MODEL("a thread that looks for its result leaves the engine of MPI pools so that the others come") {
    model::uses_shared_pointers();
    Engine engine(false);
    Task one(1), two(2);
    engine.submit(one);
    engine.submit(two);
    if (engine.hub->look_for_end(one, [&] { return one.is_over(); })) expect(one.value == 2, "the first result");
    expect(engine.hub->wait_idle(*engine.pool, detail::Deadline::never()), "the pool is idle");
    expect(one.is_over() && two.is_over(), "both are over");
    engine.shut_down();
}
