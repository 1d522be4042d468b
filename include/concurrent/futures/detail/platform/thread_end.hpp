// SPDX-License-Identifier: MIT
//
// thread_end.hpp: call a function when this thread ends.
//
//     if (!call_at_thread_end<tidy_up>()) …     // tidy_up() noexcept; false: it will not be called
//
// Why not a thread_local with a destructor: registering that takes the loader's lock. dlopen() holds it while it
// runs the initializers of a library, and dlclose() while it runs the destructors, so a pool that is used there
// would wait for ever for its workers. A key of the threads library takes no such lock. After the library that
// this was compiled into is unloaded nothing is called any more.
#pragma once

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/config.hpp"

#if CONCURRENT_FUTURES_HAS_PROCESSES
#include <pthread.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

#if CONCURRENT_FUTURES_HAS_PROCESSES

template <void (*function)() noexcept>
class ThreadEndKey {
  public:
    constexpr ThreadEndKey() = default;
    ThreadEndKey(const ThreadEndKey&) = delete;
    ThreadEndKey& operator=(const ThreadEndKey&) = delete;
    ~ThreadEndKey() {
        // relaxed: no other thread uses this any more.
        if (const unsigned long key = key_.load(std::memory_order_relaxed)) ::pthread_key_delete(as_key(key));
    }
    bool set() noexcept {
        // relaxed, all operations here: a number, which orders nothing.
        unsigned long key = key_.load(std::memory_order_relaxed);
        if (key == 0) {
            pthread_key_t made{};
            if (::pthread_key_create(&made, [](void*) { function(); }) != 0) return false;
            const unsigned long wanted = static_cast<unsigned long>(made) + 1;
            // relaxed: as above.
            if (key_.compare_exchange_strong(key, wanted, std::memory_order_relaxed, std::memory_order_relaxed))
                key = wanted;
            else
                ::pthread_key_delete(made);  // another thread was quicker
        }
        return ::pthread_setspecific(as_key(key), this) == 0;
    }

  private:
    static pthread_key_t as_key(unsigned long key) noexcept { return static_cast<pthread_key_t>(key - 1); }

    Atomic<unsigned long> key_{0};  // plus one; 0: not made yet
};

template <void (*function)() noexcept>
inline constinit ThreadEndKey<function> thread_end_key{};

template <void (*function)() noexcept>
bool call_at_thread_end() noexcept {
    return thread_end_key<function>.set();
}

#else

template <void (*function)() noexcept>
bool call_at_thread_end() noexcept {
    struct End {
        ~End() { function(); }
    };
    static thread_local const End end{};
    static_cast<void>(end);
    return true;
}

#endif

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
