// SPDX-License-Identifier: MIT
//
// trampoline_run.hpp: how the callbacks of tasks that end are run, one after the other: the functions of Trampoline that need a
// complete SharedState, which includes this header. The order is in trampoline.hpp.
#pragma once

#include <utility>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/state/shared_state.hpp"
#include "concurrent/futures/detail/state/trampoline.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

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
