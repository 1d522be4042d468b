// SPDX-License-Identifier: MIT
//
// once_value.hpp: a value that is made when a thread first asks for it.
//
//     OnceValue<Model> model;
//     const Model& same = model.get([] { return load(); });   // load() runs once; others wait for it
//
// No lock is held while the value is made, so making it may run user code. If that throws, the asking thread gets the
// exception, and the next thread tries again. The function that makes the value must not ask for it: that is an error.
// A worker of a pool that waits here counts as blocked (AsBlocked in blocking.hpp). Threads: any.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "concurrent/futures/detail/state/blocking.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class T>
class OnceValue {
  public:
    OnceValue() = default;
    template <class... Args>
    explicit OnceValue(std::in_place_t, Args&&... args) : value_(new T(std::forward<Args>(args)...)) {}
    OnceValue(const OnceValue&) = delete;
    OnceValue& operator=(const OnceValue&) = delete;

    template <class Make>
    const T& get(Make make) {
        {
            std::unique_lock lock(mutex_);
            const auto is_over = [this] {
                return value_ || maker_ == std::thread::id() || maker_ == std::this_thread::get_id();
            };
            if (!is_over()) {
                lock.unlock();
                const AsBlocked blocked({.what = "a Broadcast that another thread encodes or decodes"});
                lock.lock();
                over_.wait(lock, is_over);
            }
            if (value_) return *value_;
            if (maker_ == std::this_thread::get_id())
                throw InvalidStateError("Broadcast: its value was asked for by the function that makes it; that "
                                        "function must not use the Broadcast");
            maker_ = std::this_thread::get_id();
        }
        const struct Over {
            ~Over() {
                const std::lock_guard lock(once.mutex_);
                once.maker_ = std::thread::id();
                once.over_.notify_all();
            }
            OnceValue& once;
        } over{*this};
        std::unique_ptr<T> made(new T(make()));  // made where it stays, as it may be too large for the stack
        const std::lock_guard lock(mutex_);
        value_ = std::move(made);
        return *value_;
    }
    /// Without waiting.
    bool is_made() const {
        const std::lock_guard lock(mutex_);
        return value_ != nullptr;
    }

  private:
    mutable std::mutex mutex_;
    std::condition_variable over_;
    std::unique_ptr<T> value_;  // guarded by mutex_ until it is there, then constant
    std::thread::id maker_;   // guarded by mutex_
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
