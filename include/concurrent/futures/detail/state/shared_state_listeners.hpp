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

inline void SharedState::tell_listeners(TaskQueue* later) {
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

inline void Trampoline::tell(SharedState& ended, TaskQueue* later) {
    if (later) return later->push(ended);
    const ProducerToDrop reference(ended);
    run(ended);
}

inline bool Trampoline::catch_up() {
    if (!set_off_ || set_off_->empty()) return false;
    // One after the other from where they are: those that are left when a callback ends the thread are run there.
    TaskQueue now(std::move(*set_off_));
    struct PutBack {
        TaskQueue& left;
        ~PutBack() { set_off_->append(std::move(left)); }
    };
    const PutBack rest{now};
    while (Task* const task = now.try_pop()) {
        SharedState& ended = static_cast<SharedState&>(*task);
        const ProducerToDrop reference(ended);
        run(ended);
    }
    return true;
}

class Trampoline::Run {
  public:
    explicit Run(SharedState& first) noexcept : first_(first), ended_(&first) {
        outer_ = std::exchange(set_off_, &now_);
        ++depth_;
    }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    /// Also when a callback ends the thread: runs the rest first.
    ~Run() {
        if (in_callback_ && ended_) {  // always there in a callback; g++ 12 warns at -O3 when it is not told
            go_on();
            run_all();
        }
        --depth_;
        set_off_ = outer_;
    }

    void run_all() {
        while (ended_) {
            more_ = false;
            if (Listener* const callback = ended_->take_callback(more_)) {
                in_callback_ = true;
                ended_->run_callback(*callback, &now_);
                in_callback_ = false;
            }
            go_on();
        }
    }

  private:
    /// Behind a callback of `ended_`.
    void go_on() noexcept {
        if (more_ && now_.empty()) return;
        // First what this callback has set off, then the other callbacks of `ended_`. `first_` stays out of the
        // queues, because it may be in another one.
        if (ended_ == &first_)
            first_is_over_ = !more_;
        else if (more_)
            now_.push(*ended_);
        else
            ended_->drop_producer();
        now_.append(std::move(others_));
        others_.append(std::move(now_));
        Task* const next = others_.try_pop();
        ended_ = next ? static_cast<SharedState*>(next) : first_is_over_ ? nullptr : &first_;
    }

    SharedState& first_;
    SharedState* ended_;
    TaskQueue now_, others_;
    TaskQueue* outer_;
    bool more_ = false;
    bool in_callback_ = false;
    bool first_is_over_ = false;
};

inline void Trampoline::run(SharedState& first) { Run(first).run_all(); }

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
