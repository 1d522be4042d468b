// SPDX-License-Identifier: MIT
//
// sized_thread.hpp: a thread whose stack has a size of one's own, which std::thread does not offer.
//
//     SizedThread thread(stack_size, [&] { work(); });    // 0: what the system gives to threads
//     thread.join();                                      // or detach(), as with std::thread
//
// The stack is address space. Memory is taken for the part of it that is used.
#pragma once

#include <cstddef>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "concurrent/futures/detail/platform/assert.hpp"
#include "concurrent/futures/detail/platform/config.hpp"

#if CONCURRENT_FUTURES_HAS_PROCESSES
#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// What may be asked for. The lower bound is the default of musl, the upper bound leaves room for a few thousand threads
/// in the address space.
inline constexpr std::size_t least_stack_size = std::size_t{128} << 10;
inline constexpr std::size_t most_stack_size = std::size_t{1} << (sizeof(void*) > 4 ? 36 : 29);

#if CONCURRENT_FUTURES_HAS_PROCESSES

inline constexpr bool can_size_stacks = true;

/// The size for threads that should have as much as main() has, RLIMIT_STACK, up to 32 MiB: "unlimited" is no size, and
/// a reserved stack counts against limits on address space. 0: the system gives as much to each thread by itself.
inline std::size_t stack_size_of_main() noexcept {
    constexpr std::size_t most = std::size_t{32} << (sizeof(void*) > 4 ? 20 : 18);
    rlimit limit{};
    pthread_attr_t attributes;
    if (::getrlimit(RLIMIT_STACK, &limit) != 0 || ::pthread_attr_init(&attributes) != 0) return 0;
    std::size_t usual = 0;
    const bool known = ::pthread_attr_getstacksize(&attributes, &usual) == 0;
    ::pthread_attr_destroy(&attributes);
    const std::size_t main = limit.rlim_cur > most ? most : static_cast<std::size_t>(limit.rlim_cur);
    return known && main > usual ? main : 0;
}

class SizedThread {
  public:
    SizedThread() noexcept = default;
    /// Throws std::system_error. `body` throws nothing, but may end the thread with pthread_exit().
    template <class Body>
    SizedThread(std::size_t stack_size, Body body) {
        auto kept = std::make_unique<Body>(std::move(body));
        const auto run = [](void* given) -> void* {
            const std::unique_ptr<Body> mine(static_cast<Body*>(given));
            (*mine)();
            return nullptr;
        };
        pthread_attr_t attributes;
        int error = stack_size == 0 ? 0 : ::pthread_attr_init(&attributes);
        if (error == 0 && stack_size != 0) error = ::pthread_attr_setstacksize(&attributes, in_pages(stack_size));
        if (error == 0) error = ::pthread_create(&thread_, stack_size == 0 ? nullptr : &attributes, run, kept.get());
        if (stack_size != 0) ::pthread_attr_destroy(&attributes);
        if (error != 0) throw std::system_error(error, std::generic_category());
        kept.release();  // the thread has it
        joinable_ = true;
    }
    SizedThread(SizedThread&& other) noexcept
        : thread_(other.thread_), joinable_(std::exchange(other.joinable_, false)) {}
    SizedThread& operator=(SizedThread&& other) noexcept {
        CONCURRENT_FUTURES_ASSERT(!joinable_);
        thread_ = other.thread_;
        joinable_ = std::exchange(other.joinable_, false);
        return *this;
    }
    ~SizedThread() { CONCURRENT_FUTURES_ASSERT(!joinable_); }

    bool joinable() const noexcept { return joinable_; }
    void join() noexcept {
        if (std::exchange(joinable_, false)) ::pthread_join(thread_, nullptr);
    }
    void detach() noexcept {
        if (std::exchange(joinable_, false)) ::pthread_detach(thread_);
    }

  private:
    /// Some systems take nothing else. 64 KiB: a multiple of the pages of every system.
    static std::size_t in_pages(std::size_t size) noexcept {
        constexpr std::size_t page = 64 * 1024;
        return (size + page - 1) / page * page;
    }

    pthread_t thread_{};
    bool joinable_ = false;
};

#else

inline constexpr bool can_size_stacks = false;

inline std::size_t stack_size_of_main() noexcept { return 0; }

class SizedThread : public std::thread {
  public:
    SizedThread() noexcept = default;
    template <class Body>
    SizedThread(std::size_t, Body body) : std::thread(std::move(body)) {}
};

#endif

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
