// SPDX-License-Identifier: MIT
//
// mpi.cpp: what the engine of MPI pools and the ranks need no MPI for, under the model checker.
#include <concurrent/futures/detail/mpi/engine_sleep.hpp>
#include <concurrent/futures/detail/mpi/local_port.hpp>
#include <concurrent/futures/detail/mpi/mpi_hub.hpp>
#include <concurrent/futures/detail/mpi/rank_helper.hpp>
#include <concurrent/futures/detail/mpi/rank_lane.hpp>
#include <concurrent/futures/detail/mpi/rank_loop.hpp>
#include <concurrent/futures/detail/mpi/rank_server.hpp>
#include <concurrent/futures/detail/platform/spin_mutex.hpp>
#include <concurrent/futures/detail/wire/remote_call.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <exception>
#include <functional>
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

// ---- a rank as a whole ------------------------------------------------------------------------------

namespace {

/// The calls that a rank is given here are initializers of pools: it answers each with its number.
class PlayedRoot {
  public:
    PlayedRoot()
        : rank_([this] {
              own_thread_ = std::this_thread::get_id();
              loop_.run();
          }) {}
    ~PlayedRoot() {
        detail::Outgoing out;
        out.add(detail::FrameType::quit, detail::wants_answer, 0, {});
        give(std::move(out));
        wait_for(quit);
        rank_.join();
    }
    void give(std::size_t lane, std::uint32_t number, void (*function)()) {
        const auto call = detail::encode_call_into(detail::ByteBuffer(), function);
        detail::Outgoing out;
        out.add(detail::FrameType::configure, 0, lane, detail::encode_rank_configuration(call.bytes(), {}).bytes(), number);
        give(std::move(out));
    }
    void wait_for(std::uint64_t number) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return std::find(answered_.begin(), answered_.end(), number) != answered_.end(); });
    }
    enum class When { never, after_look, before_sleep };
    /// In a task of the rank's own thread: at that point of that thread after the task, give() what is late.
    void be_late(When when, std::function<void()> give_late) {
        late_ = when;
        give_late_ = std::move(give_late);
    }
    /// In the rank: until it looks for messages the next time.
    void stay_until_look() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&, before = looks_] { return looks_ != before; });
    }

  private:
    static constexpr std::uint64_t quit = 0;

    void come(When now) {
        if (std::this_thread::get_id() == own_thread_ && late_ == now) late_ = When::never, give_late_();
    }

    /// As an MpiChannel.
    struct Channel {
        PlayedRoot& root;
        detail::Inbound in{};

        bool poll(int, int&) {
            for (int time = 0; time < 250; ++time) detail::monotonic_nanoseconds();  // so the rank soon stops looking
            std::unique_lock lock(root.mutex_);
            ++root.looks_;
            root.changed_.notify_all();
            if (root.calls_.empty()) return lock.unlock(), root.come(When::after_look), false;
            in.add(std::make_shared<const detail::ByteBuffer>(std::move(root.calls_.front())));
            root.calls_.pop_front();
            return true;
        }
        std::optional<detail::ReceivedFrame> next(int) {
            return in.next([](detail::ByteBuffer&, std::size_t) { return false; });
        }
        void send(int, detail::Outgoing& sent) {
            detail::Outgoing out = std::exchange(sent, detail::Outgoing());
            detail::Inbound frames;
            frames.add(std::make_shared<const detail::ByteBuffer>(std::move(out.batch)));
            const std::lock_guard lock(root.mutex_);
            while (const auto frame = frames.next([](detail::ByteBuffer&, std::size_t) { return false; }))
                root.answered_.push_back(frame->header.task);
            root.changed_.notify_all();
        }
        bool has_news() const {
            const std::lock_guard lock(root.mutex_);
            return !root.calls_.empty();
        }
        bool is_moving() { return root.come(When::before_sleep), false; }
        static bool is_fetching() noexcept { return false; }
        static void let_mpi_progress() noexcept {}
        static void finish_sends() noexcept {}
    };

    void give(detail::Outgoing out) {
        {
            const std::lock_guard lock(mutex_);
            calls_.push_back(std::move(out.batch));
        }
        bell_.ring();
    }

    std::thread::id own_thread_;
    When late_ = When::never;  // of that thread, as give_late_
    std::function<void()> give_late_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<detail::ByteBuffer> calls_;
    std::vector<std::uint64_t> answered_;
    int looks_ = 0;
    detail::SharedDoorbell bell_;
    detail::ChannelLock lock_;
    Channel channel_{*this};
    detail::RankLoop<Channel> loop_{channel_, lock_, 0, &bell_, nullptr, {.tick = {}, .ticks_awake = 1}};
    std::thread rank_;
};
PlayedRoot* root_here = nullptr;
void do_nothing() {}

/// The helper thread of the rank looks for messages at least twice in one go: the second task is for another worker. Then
/// the first one ends.
void run_until_helper_looks(PlayedRoot& root, void (*until_helper_looks)()) {
    root_here = &root;
    root.give(0, 1, until_helper_looks);
    root.give(1, 2, do_nothing);
}

}  // namespace

// F35: the root waits for what a worker with a thread has answered, while the rank's own thread is busy.
MODEL("a rank sends answers while its own thread is busy, also with a task that its helper thread has received") {
    model::uses_shared_pointers();
    PlayedRoot root;
    run_until_helper_looks(root, [] {
        root_here->be_late(PlayedRoot::When::after_look, [] {
            root_here->give(0, 3, [] { root_here->wait_for(4); });
            root_here->give(1, 4, do_nothing);
        });
        root_here->stay_until_look();
    });
    root.wait_for(3);
}

// F38: else it would sleep for 100 ms. In the checker time passes only where nobody can go on.
MODEL("a rank runs at once what its helper thread has received just before the rank sleeps") {
    model::uses_shared_pointers();
    PlayedRoot root;
    static std::int64_t given_at = 0;
    run_until_helper_looks(root, [] {
        root_here->be_late(PlayedRoot::When::before_sleep, [] {
            given_at = detail::monotonic_nanoseconds();
            root_here->give(0, 3, do_nothing);
        });
        root_here->stay_until_look();
    });
    root.wait_for(3);
    const std::chrono::nanoseconds time(detail::monotonic_nanoseconds() - given_at);
    expect(time < detail::tuning::mpi_longest_rank_sleep / 2, "it does not sleep");
}

// ---- the engine as a whole ------------------------------------------------------------------------

namespace {

int twice(int n) { return 2 * n; }

/// What a task of a rank waits for.
struct Count {
    std::mutex mutex;
    std::condition_variable changed;
    int count = 0;

    void add(int more) {
        const std::lock_guard lock(mutex);
        count += more;
        changed.notify_all();
    }
    void wait_for(int least) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return count >= least; });
    }
};
Count* sent_here = nullptr;  // tasks that the rank of this scenario was sent
Count* allowed_here = nullptr;
int stay_until_sent(int least) { return sent_here->wait_for(least), 0; }
int stay_until_allowed(int) { return allowed_here->wait_for(1), 0; }

/// Records its end, for any thread.
class Task final : public detail::MpiTask {
  public:
    explicit Task(int n, int (*function)(int) = twice)
        : MpiTask(detail::encode_call_into(detail::ByteBuffer(), function, n)) {}
    void succeed(concurrent::futures::Decoder& result) noexcept override {
        value = result.decode<int>();
        over.store(true, std::memory_order_release);
        ended.add(1);
        if (on_end) on_end();
    }
    bool try_succeed_untold(concurrent::futures::Decoder& result) noexcept override { return succeed(result), true; }
    void finish_stored() noexcept override {}
    void fail(std::exception_ptr) noexcept override { expect(false, "it has not failed"); }
    void end_cancelled() noexcept override { expect(false, "it is not cancelled"); }
    void retain() noexcept override {}
    void release() noexcept override {}
    bool is_over() const noexcept { return over.load(std::memory_order_acquire); }

    int value = 0;
    Count ended;
    std::function<void()> on_end{};

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
        const int tasks = tasks_in(out.batch.bytes());
        {
            const std::lock_guard lock(mutex_);
            calls_.push_back(std::move(out.batch));
            changed_.notify_one();
        }
        if (sent_here) sent_here->add(tasks);
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
    void quit(const std::string&, bool) noexcept override {}

  private:
    static int tasks_in(std::span<const std::byte> batch) {
        int tasks = 0;
        for (std::size_t place = 0; place < batch.size();) {
            detail::FrameHeader header;
            std::memcpy(&header, &batch[place], sizeof header);
            tasks += header.type == detail::FrameType::task;
            place += sizeof header + static_cast<std::size_t>(header.length) + header.padding();
        }
        return tasks;
    }
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
        add_pool({.max_workers = 1});
    }
    Engine(std::unique_ptr<detail::MpiPort> port, detail::MpiSettings settings) {
        hub->open(std::move(port));
        add_pool(std::move(settings));
    }
    ~Engine() { hub->close(); }
    void add_pool(detail::MpiSettings settings) {
        pool = std::make_shared<detail::MpiPool>(hub, hub->lock_rule(), std::move(settings));
        hub->add(pool);
    }
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

// give() that left a task behind and did not say so would be nothing but slow if the rank went on by itself.
MODEL("a task behind another one is sent ahead by the engine of MPI pools, which its submitter wakes") {
    model::uses_shared_pointers();
    Count sent;
    sent_here = &sent;
    Engine engine(false);
    Task first(1);  // with its time the engine knows that the next ones are short
    engine.submit(first);
    expect(engine.hub->wait_idle(*engine.pool, detail::Deadline::never()), "the pool is idle");
    Task one(3, stay_until_sent), two(2);
    engine.submit(one);
    engine.submit(two);
    one.ended.wait_for(1);
    two.ended.wait_for(1);
    engine.shut_down();
}

// Without the wake-up the engine would look again after 0.5 ms. In the checker time passes only where nobody can go on.
MODEL("a thread that has looked for its result in vain has the engine of MPI pools listen to the ranks") {
    model::uses_shared_pointers();
    Count allowed;
    allowed_here = &allowed;
    Engine engine(false);
    Task task(1, stay_until_allowed);
    engine.submit(task);
    expect(!engine.hub->look_for_end(task, [&] { return task.is_over(); }), "it is not over");
    const std::int64_t before = detail::monotonic_nanoseconds();
    allowed.add(1);
    task.ended.wait_for(1);
    expect(detail::monotonic_nanoseconds() - before < detail::tuning::mpi_watch_lasts / 2, "the engine need not look again");
    engine.shut_down();
}

MODEL("the engine of MPI pools destroys a hook that makes a pool, while another thread's pool has ended") {
    model::uses_shared_pointers();
    Engine engine(true);
    detail::MpiHub& hub = *engine.hub;
    const auto make_pool = [&hub](detail::MpiSettings settings) {
        auto pool = std::make_shared<detail::MpiPool>(hub.shared_from_this(), hub.lock_rule(), std::move(settings));
        hub.add(pool);
        return pool;
    };
    std::shared_ptr<void> at_its_end(nullptr, [&](void*) {
        try {
            hub.begin_shutdown(*make_pool({.max_workers = 1}), false);
        } catch (const concurrent::futures::BrokenProcessPool&) {  // after close()
        }
    });
    auto other = make_pool({.max_workers = 1, .hook = [kept = std::move(at_its_end)](std::exception_ptr) {}});
    hub.begin_shutdown(*other, false);
    other.reset();
    engine.shut_down();
}

namespace {

/// Two ranks on this node that answer each task as soon as it is sent, but the first one: that is answered when all have been
/// sent.
class PromptPort final : public detail::MpiPort {
  public:
    explicit PromptPort(int tasks) : left_(tasks) {}
    std::vector<int> ranks() const override { return {1, 2}; }
    const detail::RankCard& card(std::size_t) const override { return card_; }
    void send(std::size_t peer, detail::Outgoing& sent) override {
        detail::Outgoing out = std::exchange(sent, detail::Outgoing());
        detail::Inbound frames;
        frames.add(std::make_shared<const detail::ByteBuffer>(std::move(out.batch)));
        while (const auto frame = frames.next([](detail::ByteBuffer&, std::size_t) { return false; })) {
            if (frame->header.type == detail::FrameType::stop) {
                answer(peer, detail::FrameType::left, frame->header);
            } else if (frame->header.type == detail::FrameType::task) {
                --left_;
                if (!first_)
                    first_.emplace(peer, frame->header);
                else
                    answer(peer, detail::FrameType::result, frame->header);
                if (left_ == 0) answer(first_->first, detail::FrameType::result, first_->second);
            }
        }
    }
    bool poll(std::size_t& peer) override {
        if (answers_.empty()) {
            // As if this thread did not run, when the last task is there and has not been sent.
            for (int time = 0; left_ == 1 && time < 250; ++time) detail::monotonic_nanoseconds();
            return false;
        }
        peer = answers_.front().first;
        in_[peer].add(std::move(answers_.front().second));
        answers_.pop_front();
        return true;
    }
    std::optional<detail::ReceivedFrame> next(std::size_t peer) override {
        return in_[peer].next([](detail::ByteBuffer&, std::size_t) { return false; });
    }
    bool needs_polling() const noexcept override { return true; }
    bool is_moving() const noexcept override { return false; }
    detail::NodeSide node_side() const override { return {nullptr, nullptr, &bell_, true}; }
    bool has_news() const noexcept override { return !answers_.empty(); }
    void quit(const std::string&, bool) noexcept override {}

  private:
    void answer(std::size_t peer, detail::FrameType type, const detail::FrameHeader& header) {
        concurrent::futures::Encoder result;
        if (type == detail::FrameType::result) result.encode(4);
        detail::Outgoing out;
        out.add(type, header.task, header.slot, result.bytes());
        answers_.emplace_back(peer, std::make_shared<const detail::ByteBuffer>(std::move(out.batch)));
    }

    detail::RankCard card_;
    int left_;
    std::optional<std::pair<std::size_t, detail::FrameHeader>> first_;
    std::deque<std::pair<std::size_t, std::shared_ptr<const detail::ByteBuffer>>> answers_;
    detail::Inbound in_[2];
    mutable detail::SharedDoorbell bell_;
};

}  // namespace

// F37: what comes within 10 us of another task waits a moment, and the engine must not sleep meanwhile.
MODEL("a task that comes soon after another one is handed out before the engine of MPI pools sleeps") {
    model::uses_shared_pointers();
    Engine engine(std::make_unique<PromptPort>(3), {.max_workers = 2, .max_pending = 5});
    Task one(2), other(2), last(2);
    bool is_submitted = false;
    one.on_end = other.on_end = [&] {  // of the one that was sent second
        if (!std::exchange(is_submitted, true)) engine.submit(last);
    };
    {
        const std::lock_guard lock(engine.hub->lock_rule().mutex());
        for (Task* const task : {&one, &other}) engine.pool->queue.intake.push(*task, concurrent::futures::Priority::normal);
        engine.pool->queue.collect();
    }
    engine.hub->wake();
    last.ended.wait_for(1);
    engine.shut_down();
    expect(one.is_over() && other.is_over() && last.is_over(), "all are over");
}
