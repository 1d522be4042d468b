// SPDX-License-Identifier: MIT
//
// parts.cpp: small parts of the library under the model checker, each by itself.
#include <concurrent/futures/detail/platform/spin_mutex.hpp>
#include <concurrent/futures/detail/scheduling/parker.hpp>
#include <concurrent/futures/detail/state/completion_waiter.hpp>
#include <concurrent/futures/detail/state/once_value.hpp>

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
