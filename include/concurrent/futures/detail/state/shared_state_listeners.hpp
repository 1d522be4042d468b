// SPDX-License-Identifier: MIT
//
// shared_state_listeners.hpp: the part of SharedState that keeps and tells its listeners. Included by
// shared_state.hpp, where the class and its proof are.
#pragma once

#include <mutex>
#include <thread>
#include <utility>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/state/shared_state.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline void SharedState::lock_slowly() noexcept {
    for (unsigned waits = 0;; ++waits) {
        // A holder that was preempted gets the processor, also where it has a lower real-time priority.
        if (waits < 100)
            pause();
        else if (waits < 200)
            std::this_thread::yield();
        else
            std::this_thread::sleep_for(std::chrono::microseconds(waits < 1'000 ? waits / 4 : 1'000));
        // relaxed: a guess.
        if (word_.load(std::memory_order_relaxed) & locked) continue;
        // (7) as in lock().
        if (!(word_.fetch_or(locked, std::memory_order_acquire) & locked)) return;
    }
}

inline bool SharedState::add_listener(Listener& listener) noexcept {
    lock();
    listeners_.push(listener);
    // (5) acquire, pairs with (3): the caller goes on to read the outcome when this returns false.
    std::uint64_t seen = word_.load(std::memory_order_acquire);
    while (!is_final(state_of(seen))) {
        // Release is (8). Failure is (5).
        if (word_.compare_exchange_weak(seen, (seen | listeners) & ~locked, std::memory_order_release,
                                        std::memory_order_acquire))
            return true;
    }
    // Too late. If others are in the list, the thread that ended the call waits for the lock to tell them; this
    // one must not be among them.
    listeners_.remove(listener);
    unlock();
    return false;
}

inline bool SharedState::remove_listener(Listener& listener) noexcept {
    const std::lock_guard guard(*this);
    return listeners_.remove(listener);
}

inline Listener* SharedState::take_callback(bool& more) noexcept {
    const std::lock_guard guard(*this);
    Listener* const callback = listeners_.try_pop();
    more = !listeners_.empty();
    return callback;
}

inline void SharedState::tell_listeners(TaskQueue* later) noexcept {
    add_producer();  // a callback may drop the last handle
    bool any = false;
    {
        const std::lock_guard guard(*this);
        ListenerList callbacks;
        while (Listener* const listener = listeners_.try_pop()) {
            if (ListenerList::kind(*listener) == Listener::Kind::waiter)
                listener->notify(*this, nullptr);
            else
                callbacks.push(*listener);
        }
        listeners_ = callbacks;
        any = !callbacks.empty();
    }
    any ? Trampoline::tell(*this, later) : drop_producer();
}

inline void Trampoline::tell(SharedState& ended, TaskQueue* later) noexcept {
    if (later) return later->push(ended);
    run(ended);
    ended.drop_producer();
}

inline bool Trampoline::catch_up() noexcept {
    if (!set_off_ || set_off_->empty()) return false;
    TaskQueue now(std::move(*set_off_));
    while (Task* const task = now.try_pop()) {
        SharedState& ended = static_cast<SharedState&>(*task);
        run(ended);
        ended.drop_producer();
    }
    return true;
}

inline void Trampoline::run(SharedState& first) noexcept {
    TaskQueue set_off, others;
    TaskQueue* const outer = std::exchange(set_off_, &set_off);
    ++depth_;
    SharedState* ended = &first;
    bool first_is_over = false;
    while (ended) {
        bool more = false;
        if (Listener* const callback = ended->take_callback(more)) ended->run_callback(*callback, &set_off);
        if (more && set_off.empty()) continue;
        // First what this callback has set off, then the other callbacks of `ended`. `first` stays out of the
        // queues, because it may be in another one.
        if (ended == &first)
            first_is_over = !more;
        else if (more)
            set_off.push(*ended);
        else
            ended->drop_producer();
        set_off.append(std::move(others));
        others.append(std::move(set_off));
        Task* const next = others.try_pop();
        ended = next ? static_cast<SharedState*>(next) : first_is_over ? nullptr : &first;
    }
    --depth_;
    set_off_ = outer;
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
