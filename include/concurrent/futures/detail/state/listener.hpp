// SPDX-License-Identifier: MIT
//
// listener.hpp: somebody to tell once when a call ends.
//
// Two kinds, because of what they may do:
//   waiter    wait(), as_completed(): library code that changes a number and wakes a thread. Told under the
//             list's lock, so after remove() returns it is certain not to be told any more and may be
//             destroyed: it can live on the waiting thread's stack.
//   callback  add_done_callback(), then(), co_await: runs user code. Taken off the list under the lock, told
//             after it is released, in the order added. Ends its own life when told.
#pragma once

#include <cstdint>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class SharedState;
class TaskQueue;

class Listener {
  public:
    enum class Kind : std::uint8_t { waiter, callback };

    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    /// The state is final. A callback ends its own life here.
    /// `later`: where to put states that it ends as the last thing it does; may be null. See trampoline.hpp.
    /// Throws nothing but a ForcedUnwind, as the last thing it does.
    virtual void notify(SharedState& state, TaskQueue* later) = 0;

  protected:
    explicit Listener(Kind kind) noexcept : kind_(kind) {}
    virtual ~Listener() = default;

  private:
    friend class ListenerList;
    Listener* next_ = nullptr;      // guarded by the list's lock
    Listener* previous_ = nullptr;  // guarded by the list's lock
    const Kind kind_;
    bool listed_ = false;  // in the list of a state, guarded by its lock
};

/// A ring in the order added; one pointer in the state. Not synchronised by itself.
class ListenerList {
  public:
    bool empty() const noexcept { return !first_; }
    void push(Listener& listener) noexcept {
        listener.listed_ = true;
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
        listener->listed_ = false;
        take_off(*listener);
        return listener;
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

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
