// SPDX-License-Identifier: MIT
//
// parts.cpp: small parts of the library under the model checker, each by itself.
#include <concurrent/futures/detail/platform/spin_mutex.hpp>
#include <concurrent/futures/detail/scheduling/parker.hpp>
#include <concurrent/futures/detail/scheduling/search_state.hpp>
#include <concurrent/futures/detail/state/completion_waiter.hpp>
#include <concurrent/futures/detail/state/once_value.hpp>
#include <concurrent/futures/detail/state/shared_state.hpp>

#include <memory>
#include <mutex>
#include <thread>

#include "model/checker/checker.hpp"

namespace cf = concurrent::futures;
namespace detail = cf::detail;
using model::expect;
using Value = model::Watched<int>;

MODEL("SpinMutex: two threads change a value under it") {
    detail::SpinMutex mutex;
    Value value(0);
    const auto count = [&] {
        for (int n = 0; n < 2; ++n) {
            const std::lock_guard lock(mutex);
            value.set(value.get() + 1);
        }
    };
    std::thread other(count);
    count();
    other.join();
    expect(value.get() == 4, "no change is lost");
}

MODEL("StateWord: its lock guards a value") {
    struct Word : detail::StateWord {};
    Word word;
    Value value(0);
    const auto count = [&] {
        for (int n = 0; n < 2; ++n) {
            const std::lock_guard lock(word);
            value.set(value.get() + 1);
        }
    };
    std::thread other(count);
    count();
    other.join();
    expect(value.get() == 4, "no change is lost");
}

MODEL("SharedState: the last of three references destroys what the others have used") {
    struct State final : detail::SharedState {
        Value value{1};
    };
    auto* const state = new State;
    state->add_handle();
    std::thread one([&] {
        expect(state->value.get() == 1, "the value");
        state->drop_handle();
    });
    std::thread two([&] {
        expect(state->value.get() == 1, "the value");
        state->drop_handle();
    });
    state->drop_producer();
    one.join();
    two.join();
}

MODEL("SharedState: a thread that takes a task over sees what the one before did") {
    struct State final : detail::SharedState {
        Value value{0};
    };
    auto* const state = new State;
    std::thread runner([&] {
        state->value.set(1);
        state->begin();  // another thread may end it from here on
    });
    std::thread other([&] {
        if (state->state() != detail::CallState::running) return;
        if (!state->claim()) return;
        expect(state->value.get() == 1, "the value");
        state->finish(detail::CallState::finished);
    });
    runner.join();
    other.join();
    if (state->done()) expect(state->value.get() == 1, "the value");
    state->drop_handle();
    state->drop_producer();
}

namespace {

/// With what SharedState keeps for its own and derived classes.
struct Outcome final : detail::SharedState {
    Value value{0};
};
struct Listens final : detail::Listener {
    Listens() : Listener(Kind::waiter) {}
    void notify(detail::SharedState&, detail::TaskQueue*) noexcept override {
        expect(value.get() == 1, "the value");
        ++heard;
    }
    Value value{0};
    int heard = 0;
};

}  // namespace

MODEL("SharedState: a thread that ends a task that another one began sees what that one did") {
    auto* const state = new Outcome;
    state->add_producer();
    Value beside(0);
    std::thread runner([&] {
        beside.set(1);
        state->begin();
        state->drop_producer();
    });
    if (!state->begin() && state->claim()) {  // the other one has begun it
        expect(beside.get() == 1, "the value");
        state->finish(detail::CallState::finished);
    }
    runner.join();
    state->drop_handle();
    state->drop_producer();
}

MODEL("SharedState: a task that ends untold hands over its result and wakes who waits") {
    auto* const state = new Outcome;
    std::thread other([&] {
        state->begin();
        state->claim();
        state->value.set(1);
        expect(state->try_finish_untold(detail::CallState::finished), "there is no listener");
        state->drop_producer();
    });
    state->wait(detail::Deadline::never());
    expect(state->value.get() == 1, "the value");
    other.join();
    state->drop_handle();
}

MODEL("SharedState: a task that ends and drops its reference hands over its result and wakes who waits") {
    auto* const state = new Outcome;
    std::thread other([&] {
        state->begin();
        state->claim();
        state->value.set(1);
        state->finish_and_drop_producer(detail::CallState::finished);
    });
    state->wait(detail::Deadline::never());
    expect(state->value.get() == 1, "the value");
    state->drop_handle();
    other.join();
}

MODEL("SharedState: a task that ends and drops the last reference destroys what the others have used") {
    auto* const state = new Outcome;
    state->begin();
    state->claim();
    state->value.set(1);
    state->add_handle();
    std::thread other([&] {
        expect(state->value.get() == 1, "the value");
        state->drop_handle();
    });
    std::thread third([&] {
        expect(state->value.get() == 1, "the value");
        state->drop_handle();
    });
    state->finish_and_drop_producer(detail::CallState::finished);
    other.join();
    third.join();
}

MODEL("SharedState: who tells a listener sees what was done before it was added") {
    Listens listener;
    auto* const state = new Outcome;
    std::thread other([&] {
        state->begin();
        state->claim();
        state->finish_and_drop_producer(detail::CallState::finished);
    });
    listener.value.set(1);
    const bool added = state->add_listener(listener);
    other.join();
    expect(added == (listener.heard == 1), "it is told once, or came too late");
    state->drop_handle();
}

MODEL("SharedState: a listener that comes too late sees the result") {
    Listens listener;
    listener.value.set(1);
    auto* const state = new Outcome;
    std::thread other([&] {
        state->begin();
        state->claim();
        state->value.set(1);
        state->finish_and_drop_producer(detail::CallState::finished);
    });
    if (!state->add_listener(listener)) expect(state->value.get() == 1, "the value");
    other.join();
    state->remove_listener(listener);
    state->drop_handle();
}

MODEL("SharedState: the last future may change the value that others have read") {
    auto* const state = new Outcome;
    state->begin();
    state->claim();
    state->value.set(1);
    state->add_handle();
    state->finish_and_drop_producer(detail::CallState::finished);
    std::thread other([&] {
        expect(state->value.get() == 1, "the value");
        state->drop_handle();
    });
    if (state->last_handle()) state->value.set(2);
    other.join();
    state->drop_handle();
}

// The two halves of the proof in search_state.hpp, without the queues.
MODEL("SearchState: of a worker that takes and a submitter one sees the other") {
    detail::SearchState state(0);
    state.begin_search();
    bool looks = false;
    std::thread worker([&] {
        state.begin_take();
        looks = state.has_available();
    });
    state.set_available(1);
    const bool brings = state.needs_worker();
    worker.join();
    expect(looks || brings, "one of them sees to the task");
}

MODEL("SearchState: of a worker that takes and one that blocks one sees the other") {
    detail::SearchState state(0);
    state.begin_search();
    bool looks = false;
    std::thread worker([&] {
        state.begin_take();
        looks = state.has_available();
    });
    state.set_available(1);
    const bool relies = state.is_searched();
    worker.join();
    expect(looks || !relies, "one of them sees to the task");
}

MODEL("SearchState: of a worker that has taken and one that blocks one sees the other") {
    detail::SearchState state(0);
    state.begin_search();
    state.begin_take();
    bool looks = false;
    std::thread worker([&] {
        state.end_take();
        looks = state.has_available();
    });
    state.set_available(1);
    const bool relies = state.taking() != 0;
    worker.join();
    expect(looks || !relies, "one of them sees to the task");
}

MODEL("SearchState: a worker is counted as searching, as taking, or has taken") {
    detail::SearchState state(0);
    state.begin_search();
    Value task(0);
    std::thread worker([&] {
        state.begin_take();
        task.set(1);
        state.end_take();
    });
    if (!state.is_searched() && state.taking() == 0) expect(task.get() == 1, "it has taken the task");
    worker.join();
}

MODEL("Parker: what was done before wake() is known after park()") {
    detail::Parker parker;
    Value value(0);
    parker.reset();
    std::thread other([&] {
        value.set(1);
        parker.wake();
    });
    parker.park(detail::Deadline::never());
    expect(value.get() == 1, "the value");
    other.join();
}

MODEL("OnceValue: one thread makes it, all see it") {
    detail::OnceValue<Value> once;
    const auto get = [&] { expect(once.get([] { return Value(1); }).get() == 1, "the value"); };
    std::thread one(get), two(get);
    get();
    one.join();
    two.join();
}
