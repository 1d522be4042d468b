// SPDX-License-Identifier: MIT
//
// lazy_object.hpp: an object that is made at its first use, and never destroyed.
//
//     static constinit LazyObject<Table> table;
//     return table.get([] { return read_table(); });      // if several threads make one, one is kept
//
// Why not a static variable with an initializer: if one thread runs the initializer while another one calls fork(), the
// child waits for the initializer for ever.
#pragma once

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

template <class T>
class LazyObject {
  public:
    constexpr LazyObject() = default;

    template <class Make>
    T& get(Make make) {
        // (1) acquire, pairs with (2): the object is complete.
        T* seen = object_.load(std::memory_order_acquire);
        if (seen) return *seen;
        T* const made = new T(make());
        // (2) release, pairs with (1); acquire for the object of another thread that was quicker.
        if (object_.compare_exchange_strong(seen, made, std::memory_order_acq_rel, std::memory_order_acquire))
            return *made;
        delete made;
        return *seen;
    }

  private:
    Atomic<T*> object_{nullptr};
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
