// SPDX-License-Identifier: MIT
//
// listener.hpp: somebody to tell once when a call ends.
//
// Three kinds, because of what they may do:
//   waiter        wait(), as_completed(): library code that changes a number and wakes a thread. Told
//                 under the list's lock, so after remove() returns it is certain not to be told any more
//                 and may be destroyed: it can live on the waiting thread's stack.
//   callback      add_done_callback(): user code. Taken off the list under the lock, told after it is
//                 released, in the order added. Owned by the list; deletes itself when told.
//   continuation  then(), co_await: as a callback, but told by Trampoline: one that ends the next call
//                 of a chain does not call the next one's continuation, it returns first.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class SharedState;

class Listener {
  public:
    enum class Kind : std::uint8_t { waiter, callback, continuation };

    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    /// The state is final. A callback ends its own life here.
    virtual void notify(SharedState& state) noexcept = 0;

  protected:
    explicit Listener(Kind kind) noexcept : kind_(kind) {}
    virtual ~Listener() = default;

  private:
    friend class ListenerList;
    friend class Trampoline;
    Listener* next_ = nullptr;      // guarded by the list's lock
    Listener* previous_ = nullptr;  // guarded by the list's lock
    SharedState* ended_ = nullptr;  // what a waiting continuation is to be told
    const Kind kind_;
    bool listed_ = false;  // in the list of a state, guarded by its lock
};

/// A ring in the order added; one pointer in the state. Not synchronised by itself.
class ListenerList {
  public:
    void push(Listener& listener) noexcept {
        listener.listed_ = true;
        enqueue(listener);
    }
    /// For lists of one thread: from those a remove() of the state must not take it away.
    void enqueue(Listener& listener) noexcept {
        if (!first_) {
            first_ = listener.next_ = listener.previous_ = &listener;
            return;
        }
        listener.next_ = first_;
        listener.previous_ = first_->previous_;
        first_->previous_->next_ = &listener;
        first_->previous_ = &listener;
    }

    /// False when it is not in the list (any more).
    bool remove(Listener& listener) noexcept {
        if (!listener.listed_) return false;
        listener.listed_ = false;
        take_off(listener);
        return true;
    }

    Listener* try_pop() noexcept {
        Listener* const listener = first_;
        if (!listener) return nullptr;
        if (listener->listed_) listener->listed_ = false;
        take_off(*listener);
        return listener;
    }

    /// All of `others`, behind those that are here.
    void append(ListenerList others) noexcept {
        if (!others.first_) return;
        if (first_) {
            Listener* const last = first_->previous_;
            Listener* const others_last = others.first_->previous_;
            last->next_ = others.first_;
            others.first_->previous_ = last;
            others_last->next_ = first_;
            first_->previous_ = others_last;
        } else {
            first_ = others.first_;
        }
    }

    static Listener::Kind kind(const Listener& listener) noexcept { return listener.kind_; }

  private:
    void take_off(Listener& listener) noexcept {
        if (listener.next_ == &listener) {
            first_ = nullptr;
            return;
        }
        if (first_ == &listener) first_ = listener.next_;
        listener.previous_->next_ = listener.next_;
        listener.next_->previous_ = listener.previous_;
    }

    Listener* first_ = nullptr;
};

/// Tells continuations one after the other, per thread, however long the chain.
class Trampoline {
  public:
    /// The listener keeps `ended` alive until it is told.
    static void tell(Listener& listener, SharedState& ended) noexcept {
        listener.ended_ = &ended;
        waiting_.enqueue(listener);
        if (running_) return;  // a caller further out on this stack goes on with it
        running_ = true;
        while (Listener* const next = waiting_.try_pop()) run(*next);
        running_ = false;
    }

    /// Called by a thread that is about to block: tells what the continuation that is running here has set
    /// off, for it may be what the thread is going to wait for. True when there was any.
    static bool catch_up() noexcept {
        bool told = false;
        for (; Listener* const next = waiting_.try_pop(); told = true) run(*next);
        return told;
    }

  private:
    /// While it runs, waiting_ has only what it sets off itself: were the others there too, a catch_up() in
    /// each of many continuations would nest them all.
    static void run(Listener& listener) noexcept {
        ListenerList others = waiting_;
        waiting_ = {};
        listener.notify(*listener.ended_);
        others.append(waiting_);
        waiting_ = others;
    }

    inline static constinit thread_local ListenerList waiting_{};
    inline static constinit thread_local bool running_ = false;
};

struct alignas(64) ListenerMutex {
    std::mutex mutex;
};
inline constinit std::array<ListenerMutex, 64> listener_mutexes{};

/// The lock of a state's list: one of a fixed number, chosen by address, so that a future need not
/// carry a mutex that most of them never use. Held for a few instructions, no user code under it.
inline std::mutex& listener_mutex(const void* state) noexcept {
    return listener_mutexes[(reinterpret_cast<std::uintptr_t>(state) >> 6) % listener_mutexes.size()]
        .mutex;
}

/// In a forked child with one thread: whoever held one of these is not here to release it.
inline void reset_listener_mutexes() noexcept {
    for (ListenerMutex& one : listener_mutexes) ::new (static_cast<void*>(&one)) ListenerMutex();
}

}  // namespace concurrent::futures::inline v1::detail
