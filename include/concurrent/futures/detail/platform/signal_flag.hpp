// SPDX-License-Identifier: MIT
//
// signal_flag.hpp: learn that a signal has arrived, for a thread that looks now and then.
//
//     SignalFlag asked(SIGUSR2);          // 0: no signal
//     if (asked.take()) …                 // it has arrived since the last time
//
// The signal's handler is replaced, and put back by the destructor. One object per signal at a time.
#pragma once

#include <csignal>
#include <stdexcept>
#include <string>
#include <utility>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class SignalFlag {
  public:
    /// Throws std::invalid_argument.
    explicit SignalFlag(int signal) : signal_(signal) {
        if (signal_ == 0) return;
        if (signal_ < 0 || signal_ >= most_signals)
            throw std::invalid_argument("HangReportOptions::signal: there is no signal " + std::to_string(signal_));
        if (!change(signal_, unused, watched))
            throw std::invalid_argument("HangReportOptions::signal: another HangReport uses signal " +
                                        std::to_string(signal_));
        if (!set_handler()) {
            forget();
            throw std::invalid_argument("HangReportOptions::signal: signal " + std::to_string(signal_) +
                                        " cannot have a handler; use SIGUSR1 or SIGUSR2");
        }
    }
    SignalFlag(const SignalFlag&) = delete;
    SignalFlag& operator=(const SignalFlag&) = delete;
    ~SignalFlag() {
        if (signal_ == 0) return;
        put_back();
        forget();
    }

    bool take() noexcept { return signal_ != 0 && change(signal_, arrived, watched); }

  private:
    static constexpr int most_signals = 65;
    static constexpr int unused = 0, watched = 1, arrived = 2;
    static_assert(Atomic<int>::is_always_lock_free, "a signal handler may use lock-free atomics only");
    inline static constinit Atomic<int> states_[most_signals]{};

    static bool change(int signal, int from, int to) noexcept {
        // relaxed, both: a flag that hands over nothing.
        return states_[signal].compare_exchange_strong(from, to, std::memory_order_relaxed, std::memory_order_relaxed);
    }
    void forget() noexcept {
        // relaxed: as in change().
        states_[signal_].store(unused, std::memory_order_relaxed);
    }
    static void on_signal(int signal) { change(signal, watched, arrived); }
#if CONCURRENT_FUTURES_HAS_PROCESSES
    bool set_handler() noexcept {
        struct sigaction action {};
        action.sa_handler = on_signal;
        action.sa_flags = SA_RESTART;
        ::sigemptyset(&action.sa_mask);
        return ::sigaction(signal_, &action, &before_) == 0;
    }
    void put_back() noexcept { ::sigaction(signal_, &before_, nullptr); }
    struct sigaction before_ {};
#else
    bool set_handler() noexcept {
        before_ = std::signal(signal_, on_signal);
        return before_ != SIG_ERR;
    }
    void put_back() noexcept { std::signal(signal_, before_); }
    void (*before_)(int) = SIG_DFL;
#endif

    const int signal_;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
