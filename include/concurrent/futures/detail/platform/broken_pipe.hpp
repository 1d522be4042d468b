// SPDX-License-Identifier: MIT
//
// broken_pipe.hpp: write to a pipe without a reader and get no SIGPIPE, in a thread of the program.
//
//     const QuietPipes quiet;
//     if (write_some(fd, parts).kind == IoResult::Kind::closed) …
//
// The program's handler is not touched, and of the signal masks only this thread's, while the object lives. The signal
// of a failed write goes to the thread that wrote, so it can be consumed here.
#pragma once

#include <signal.h>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class QuietPipes {
  public:
    QuietPipes() noexcept {
        ::sigemptyset(&pipe_);
        ::sigaddset(&pipe_, SIGPIPE);
        // One that waits already is not ours to take.
        sigset_t waiting;
        ::sigemptyset(&waiting);
        ::sigpending(&waiting);
        was_waiting_ = ::sigismember(&waiting, SIGPIPE) == 1;
        ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    QuietPipes(const QuietPipes&) = delete;
    QuietPipes& operator=(const QuietPipes&) = delete;
    ~QuietPipes() {
        sigset_t waiting;
        ::sigemptyset(&waiting);
        if (!was_waiting_ && ::sigpending(&waiting) == 0 && ::sigismember(&waiting, SIGPIPE) == 1) {
            int taken = 0;
            ::sigwait(&pipe_, &taken);
        }
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

  private:
    sigset_t pipe_;
    sigset_t before_;
    bool was_waiting_ = false;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
