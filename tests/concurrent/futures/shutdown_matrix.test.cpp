// SPDX-License-Identifier: MIT
//
// Every way to shut a pool down, in every state that a pool may be in. Each combination is a cell. In each cell every
// future ends once, with one of the outcomes that the cell allows, and no thread, process or descriptor is left. Where a
// shutdown waits, all futures have ended when it returns, and no worker is left.
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/wait.hpp>
#include <signal.h>

#include <array>
#include <atomic>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdio>
#include <functional>
#include <list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include "support/deadline.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"
#include "support/leak_listener.hpp"
#include "support/process_log.hpp"
#include "support/processes.hpp"

namespace shutdown_matrix {
namespace {

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

// ---- the two sides of the matrix ----

enum class Way {
    wait, no_wait, cancel, cancel_no_wait, for_an_hour, for_no_time, destroy, destroy_and_cancel, terminate, kill
};
constexpr std::array all_ways{Way::wait,         Way::no_wait, Way::cancel,  Way::cancel_no_wait,
                              Way::for_an_hour,  Way::for_no_time, Way::destroy, Way::destroy_and_cancel,
                              Way::terminate,    Way::kill};
constexpr std::array<const char*, 10> way_names{
    "shutdown()",          "shutdown({.wait = false})", "shutdown({.cancel_futures = true})",
    "shutdown({.wait = false, .cancel_futures = true})", "shutdown_for(1h)", "shutdown_for(0s)",
    "the destructor",      "the destructor that cancels", "terminate_workers()", "kill_workers()"};

enum class State {
    never_used, idle, running, backlog, paused, starting, broken, after_failure, during_failure, map_begun, bounded_map_begun,
    callbacks, dependents, waited_for, submitter_blocked, wait_idle_blocked, start_workers_blocked, in_callback, in_task,
    two_threads
};

constexpr bool destroys(Way way) { return way == Way::destroy || way == Way::destroy_and_cancel; }
constexpr bool kills(Way way) { return way == Way::terminate || way == Way::kill; }
constexpr bool cancels(Way way) {
    return way == Way::cancel || way == Way::cancel_no_wait || way == Way::destroy_and_cancel || kills(way);
}
/// Returns only when the workers have ended.
constexpr bool waits(Way way) {
    return way == Way::wait || way == Way::cancel || way == Way::for_an_hour || destroys(way);
}
/// While another thread is in a member of the pool, nobody may destroy it.
constexpr bool has_other_users(State state) {
    return state == State::submitter_blocked || state == State::wait_idle_blocked ||
           state == State::start_workers_blocked || state == State::two_threads;
}

// ---- pools ----

struct Setup {
    bool cancel_pending = false;
    std::size_t workers = 1, max_pending = 0;
    std::string started{}, gate{};  // the initializer counts there and waits here
    bool broken = false;
};
void count_and_wait(const std::string& started, const std::string& gate) {
    support::count_event(started);
    support::wait_at_gate(gate);
}
void refuse() { throw std::runtime_error("expected: thrown by an initializer"); }

struct Threads {
    using Pool = cf::ThreadPoolExecutor;
    static constexpr bool processes = false;
    static constexpr const char* name = "threads";
    static std::unique_ptr<Pool> make(const Setup& setup) {
        cf::ThreadPoolOptions options{.max_workers = setup.workers, .max_pending = setup.max_pending};
        if (setup.cancel_pending) options.on_destroy = cf::OnDestroy::cancel_pending;
        if (setup.broken) options.initializer = refuse;
        if (!setup.gate.empty()) options.initializer = [setup] { count_and_wait(setup.started, setup.gate); };
        return std::make_unique<Pool>(options);
    }
};

template <cf::StartMethod method>
struct Processes {
    using Pool = cf::ProcessPoolExecutor;
    static constexpr bool processes = true;
    static constexpr const char* name = method == cf::StartMethod::spawn ? "spawned processes" : "forked processes";
    static std::unique_ptr<Pool> make(const Setup& setup) {
        cf::ProcessPoolOptions options{
            .max_workers = setup.workers, .start_method = method, .max_pending = setup.max_pending};
        if (setup.cancel_pending) options.on_destroy = cf::OnDestroy::cancel_pending;
        if (setup.broken) options.initializer = cf::bind_task(refuse);
        if (!setup.gate.empty()) options.initializer = cf::bind_task(count_and_wait, setup.started, setup.gate);
        return std::make_unique<Pool>(options);
    }
};
using Spawned = Processes<cf::StartMethod::spawn>;
using Forked = Processes<cf::StartMethod::fork>;

// ---- tasks ----

int square(int n) { return n * n; }
int stay(const std::string& started, const std::string& gate) {
    count_and_wait(started, gate);
    return 7;
}
/// Of a map: an item without a gate ends at once.
int pass(const std::string& gate) {
    if (!gate.empty()) support::wait_at_gate(gate);
    return 1;
}
int fail() { throw std::domain_error("expected: thrown by a task"); }
int die() { return ::raise(SIGKILL); }

// ---- futures and how they may end ----

enum Outcome : unsigned { value = 1, cancelled = 2, died = 4, shut_down = 8, broken = 16, thrown = 32 };

Outcome outcome_of(const std::function<void()>& get) {
    try {
        get();
        return value;
    } catch (const cf::CancelledError&) {
        return cancelled;
    } catch (const cf::WorkerDiedError&) {
        return died;
    } catch (const cf::ShutdownError&) {
        return shut_down;
    } catch (const cf::BrokenExecutor&) {
        return broken;
    } catch (const std::domain_error&) {
        return thrown;
    }
}

struct Tracked {
    cf::Future<int> future;
    unsigned allowed;
    std::atomic<int> ends{0};
};

// ---- one cell ----

template <class Kind>
class Cell {
  public:
    Cell(Way way, State state) : way_(way), state_(state) {
        Setup setup{.cancel_pending = way == Way::destroy_and_cancel};
        if (state == State::starting || state == State::start_workers_blocked) {
            setup.started = started_.path();
            setup.gate = gate_.path();
        }
        setup.broken = state == State::broken;
        if (state == State::submitter_blocked) setup.max_pending = 2;
        pool_ = Kind::make(setup);
        user_ = pool_.get();
    }
    ~Cell() { gate_.open(); }
    Cell(const Cell&) = delete;
    Cell& operator=(const Cell&) = delete;

    void run() {
        prepare();
        if (state_ == State::in_callback)
            act_in_callback();
        else if (state_ == State::in_task)
            act_in_task();
        else
            act_here();
        gate_.open();
        others_.clear();
        if (pool_) CHECK_THROWS_AS(pool_->submit(square, 1), std::runtime_error);  // ShutdownError, BrokenExecutor
        if (pool_) pool_->shutdown();
        check_map();
        check_futures();
        pool_.reset();
        if (state_ == State::callbacks && !destroys(way_)) CHECK(refused_ == static_cast<int>(tracked_.size()));
        for (const Tracked& each : tracked_) CHECK(each.ends == 1);  // and no second time since
    }

  private:
    using Pool = typename Kind::Pool;

    // ---- before ----

    void prepare() {
        switch (state_) {
            case State::never_used: return;
            case State::idle:
                for (int i = 0; i < 3; ++i) track(pool_->submit(square, i), value).future.result();
                return;
            case State::running: return keep_busy();
            case State::backlog:
            case State::two_threads:
                keep_busy();
                return fill_queue(20);
            case State::paused:
                pool_->pause();
                return fill_queue(5);
            case State::starting:
                fill_queue(5);
                return started_.wait_for(1);
            case State::broken: return break_pool();
            case State::after_failure:
                if constexpr (Kind::processes)
                    track(pool_->submit(die), died).future.exception();
                else
                    track(pool_->submit(fail), thrown).future.exception();
                keep_busy();
                return fill_queue(5);
            case State::during_failure: return fail_meanwhile();
            case State::map_begun: return begin_map({.chunksize = 1});
            case State::bounded_map_begun: return begin_map({.chunksize = 1, .buffersize = 2});
            case State::callbacks: return add_callbacks();
            case State::dependents: return add_dependents();
            case State::waited_for:
                keep_busy();
                fill_queue(5);
                others_.emplace_back([futures = all_futures()] { cf::wait(futures); });
                return;
            case State::submitter_blocked: return block_submitter();
            case State::wait_idle_blocked:
                keep_busy();
                fill_queue(5);
                others_.emplace_back([this] { user_->wait_idle(); });
                return;
            case State::start_workers_blocked:
                fill_queue(1);
                others_.emplace_back([this] {
                    try {
                        user_->start_workers();
                    } catch (const cf::ShutdownError&) {
                    } catch (const cf::BrokenExecutor&) {
                    }
                });
                return started_.wait_for(1);
            case State::in_callback:
            case State::in_task:
                keep_busy();
                return fill_queue(5, queued_outcome() | value | (kills(way_) ? died : 0u));
        }
    }
    Tracked& track(cf::Future<int> future, unsigned allowed) {
        Tracked& added = tracked_.emplace_back(std::move(future), allowed);
        added.future.add_done_callback([&added](const cf::Future<int>&) { ++added.ends; });
        return added;
    }
    /// Of a task that waits and cannot start before the shutdown.
    unsigned queued_outcome() const { return cancels(way_) ? cancelled : value; }
    void keep_busy() {
        busy_ = &track(pool_->submit(stay, started_.path(), gate_.path()), kills(way_) ? value | died : value);
        started_.wait_for(1);
        REQUIRE(support::eventually([&] { return busy_->future.running(); }));
    }
    void fill_queue(int count) { fill_queue(count, queued_outcome()); }
    void fill_queue(int count, unsigned allowed) {
        for (int i = 0; i < count; ++i) last_queued_ = &track(pool_->submit(square, i), allowed);
    }
    void break_pool() {
        for (int i = 0; i < 3; ++i) {
            try {
                track(pool_->submit(square, i), broken);
            } catch (const cf::BrokenExecutor&) {
            }
        }
        for (const Tracked& each : tracked_) each.future.wait();
    }
    /// One task fails while the pool is shut down; a process dies of it.
    void fail_meanwhile() {
        const unsigned others = value | cancelled | (kills(way_) ? died : 0u);
        fill_queue(2, others);
        if constexpr (Kind::processes)
            track(pool_->submit(die), died | cancelled);
        else
            track(pool_->submit(fail), thrown | cancelled);
        fill_queue(5, others);
        last_queued_ = nullptr;
    }
    void begin_map(const cf::MapOptions& options) {
        items_.assign(6, gate_.path());
        items_.front().clear();
        auto results = std::make_shared<decltype(pool_->map(options, pass, items_))>(pool_->map(options, pass, items_));
        auto item = std::make_shared<decltype(results->begin())>(results->begin());
        CHECK(**item == 1);
        rest_of_map_ = [this, results, item] {
            const unsigned allowed = value | cancelled | shut_down | (kills(way_) ? died : 0u);
            int steps = 1;
            try {
                for (++*item; *item != results->end(); ++*item) {
                    ++steps;
                    if (steps > 6) break;
                    bool right = false;
                    const Outcome outcome = outcome_of([&] { right = **item == 1; });
                    CHECK((outcome & allowed) != 0);
                    CHECK((outcome != value || right));
                }
            } catch (const cf::ShutdownError&) {  // the rest was not submitted in time
                CHECK(state_ == State::bounded_map_begun);
                return;
            }
            if (state_ == State::map_begun) CHECK(steps == 6);
            CHECK(steps <= 6);
        };
    }
    void add_callbacks() {
        keep_busy();
        fill_queue(5);
        if (destroys(way_)) return;
        for (Tracked& each : tracked_)
            each.future.add_done_callback([this](const cf::Future<int>& ended) {
                ended.cancel();
                user_->shutdown({.wait = false});
                try {
                    user_->submit(square, 3);
                } catch (const cf::ShutdownError&) {
                    ++refused_;
                }
            });
    }
    void add_dependents() {
        keep_busy();
        fill_queue(3);
        const unsigned allowed = value | cancelled | shut_down | (kills(way_) ? died : 0u);
        std::vector<cf::Future<int>> dependents;
        for (const Tracked& each : tracked_) {
            dependents.push_back(each.future.then(square));
            dependents.push_back(each.future.then(*pool_, square));
        }
        for (auto& each : dependents) track(std::move(each), allowed);
    }
    void block_submitter() {
        keep_busy();
        fill_queue(2);
        others_.emplace_back([this] {
            try {
                late_.push_back(user_->submit(square, 3));
            } catch (const cf::ShutdownError&) {
            }
        });
    }
    std::vector<cf::Future<int>> all_futures() const {
        std::vector<cf::Future<int>> futures;
        for (const Tracked& each : tracked_) futures.push_back(each.future);
        return futures;
    }

    // ---- the shutdown ----

    void shut_down_pool() {
        switch (way_) {
            case Way::wait: return pool_->shutdown();
            case Way::no_wait: return pool_->shutdown({.wait = false});
            case Way::cancel: return pool_->shutdown({.cancel_futures = true});
            case Way::cancel_no_wait: return pool_->shutdown({.wait = false, .cancel_futures = true});
            case Way::for_an_hour: return pool_->shutdown_for(1h);
            case Way::for_no_time:
                try {
                    pool_->shutdown_for(0s);
                } catch (const cf::TimeoutError&) {
                }
                return;
            case Way::destroy:
            case Way::destroy_and_cancel: return pool_.reset();
            case Way::terminate:
                if constexpr (Kind::processes) pool_->terminate_workers();
                return;
            case Way::kill:
                if constexpr (Kind::processes) pool_->kill_workers();
                return;
        }
    }
    /// The gate stays shut until a shutdown that does not wait has returned. One that waits needs it open: where it
    /// cancels, the gate opens when that has happened, otherwise at any time.
    void act_here() {
        if (waits(way_)) {
            if (cancels(way_) && last_queued_)
                last_queued_->future.add_done_callback([this](const cf::Future<int>&) { gate_.open(); });
            else
                others_.emplace_back([this] {
                    support::wait_until_other_threads_sleep();  // likely in the shutdown; any moment is right
                    gate_.open();
                });
        }
        if (state_ == State::two_threads) others_.emplace_back([this] { shut_down_pool(); });
        shut_down_pool();
        if (!waits(way_)) return;
        for (const Tracked& each : tracked_) CHECK(each.future.done());
        if (pool_) CHECK(pool_->stats().workers == 0);
        if constexpr (Kind::processes)
            if (pool_) CHECK(pool_->worker_pids().empty());
    }
    void act_in_callback() {
        busy_->future.add_done_callback([this](const cf::Future<int>&) {
            shut_down_pool();
            acted_.open();
        });
        gate_.open();
        acted_.wait();
    }
    void act_in_task() {
        if constexpr (!Kind::processes) {
            // The one that is busy ends first, so this one and some others may be cancelled by nobody but itself.
            auto task = [this] {
                shut_down_pool();
                acted_.open();
                return 3;
            };
            track(pool_->submit({.priority = cf::Priority::high}, task), value);
            fill_queue(5, queued_outcome() | value);
            gate_.open();
            acted_.wait();
        }
    }

    // ---- afterwards ----

    void check_map() {
        if (rest_of_map_) rest_of_map_();
        rest_of_map_ = nullptr;
    }
    void check_futures() {
        for (const cf::Future<int>& each : late_) {
            const Outcome outcome = outcome_of([&] { each.result(support::deadline(30s)); });
            CHECK((outcome & (value | cancelled | died)) != 0);
        }
        for (const Tracked& each : tracked_) {
            const Outcome outcome = outcome_of([&] { each.future.result(support::deadline(30s)); });
            INFO("outcome " << outcome << ", allowed " << each.allowed);
            CHECK((outcome & each.allowed) != 0);
            CHECK(support::eventually([&] { return each.ends == 1; }));
        }
    }

    const Way way_;
    const State state_;
    support::ProcessCounter started_;
    support::ProcessGate gate_;
    support::Gate acted_{"the shutdown has returned"};
    std::vector<std::string> items_;
    std::list<Tracked> tracked_;
    std::atomic<int> refused_{0};
    std::vector<cf::Future<int>> late_;  // others_ may write, until they are joined
    Tracked* busy_ = nullptr;
    Tracked* last_queued_ = nullptr;
    std::function<void()> rest_of_map_;
    std::unique_ptr<Pool> pool_;
    Pool* user_ = nullptr;  // what others_ and callbacks use, while the pool lives
    std::vector<std::jthread> others_;
};

template <class Kind>
bool makes_sense(Way way, State state) {
    if (kills(way) && !Kind::processes) return false;
    if (state == State::in_task && Kind::processes) return false;  // a task has no pool there
    return !(destroys(way) && has_other_users(state));
}

template <class Kind>
void run_row(State state, const char* state_name) {
    std::size_t cells = 0;
    for (const Way way : all_ways) {
        if (!makes_sense<Kind>(way, state)) continue;
        INFO(way_names[static_cast<std::size_t>(way)] << " of " << Kind::name << ", " << state_name);
        const auto before = support::ProcessResources::now();
        Cell<Kind>(way, state).run();
        for (const std::string& leak : support::leaks_since(before, support::deadline(support::settle_time)))
            FAIL_CHECK("left behind: " << leak);
        ++cells;
    }
    std::printf("shutdown matrix, %s, %s: %zu cells\n", Kind::name, state_name, cells);
}

#if CONCURRENT_FUTURES_TSAN  // which cannot follow a fork of a process with threads
#define SHUTDOWN_ROW(state, name)                                                              \
    TEMPLATE_TEST_CASE("every way to shut a pool down " name, "[shutdown]", Threads, Spawned) { \
        run_row<TestType>(State::state, name);                                                 \
    }
#else
#define SHUTDOWN_ROW(state, name)                                                                      \
    TEMPLATE_TEST_CASE("every way to shut a pool down " name, "[shutdown]", Threads, Spawned, Forked) { \
        run_row<TestType>(State::state, name);                                                         \
    }
#endif

SHUTDOWN_ROW(never_used, "that was never used")
SHUTDOWN_ROW(idle, "that is idle")
SHUTDOWN_ROW(running, "while a task runs")
SHUTDOWN_ROW(backlog, "while a task runs and others wait")
SHUTDOWN_ROW(paused, "that is paused")
SHUTDOWN_ROW(starting, "whose worker is in its initializer")
SHUTDOWN_ROW(broken, "that is broken")
SHUTDOWN_ROW(after_failure, "that has lost a task, or a worker with it")
SHUTDOWN_ROW(during_failure, "while it loses a task, or a worker with it")
SHUTDOWN_ROW(map_begun, "in the middle of a map")
SHUTDOWN_ROW(bounded_map_begun, "in the middle of a map that is submitted bit by bit")
SHUTDOWN_ROW(callbacks, "whose callbacks use it")
SHUTDOWN_ROW(dependents, "with continuations that wait")
SHUTDOWN_ROW(waited_for, "while a thread waits for its futures")
SHUTDOWN_ROW(submitter_blocked, "while a thread waits for room")
SHUTDOWN_ROW(wait_idle_blocked, "while a thread is in wait_idle()")
SHUTDOWN_ROW(start_workers_blocked, "while a thread is in start_workers()")
SHUTDOWN_ROW(in_callback, "in a callback of it")
SHUTDOWN_ROW(two_threads, "from two threads at once")

TEST_CASE("every way to shut a pool down in a task of it", "[shutdown]") { run_row<Threads>(State::in_task, "in a task of it"); }

}  // namespace
}  // namespace shutdown_matrix
