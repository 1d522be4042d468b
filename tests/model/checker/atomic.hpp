// SPDX-License-Identifier: MIT
//
// atomic.hpp: the atomics of the model checker. Each operation is a point at which another thread may go on, and a load
// may give an older value, as far as the memory orders allow (checker.hpp).
//
// Compiled instead of std::atomic by -DCONCURRENT_FUTURES_MODEL='"model/checker/atomic.hpp"'.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace model {

// Of the checker. The newest value is at the address, in `size` bytes.
void forget(const void* address) noexcept;
std::uint64_t load(const void* address, std::size_t size, std::memory_order order) noexcept;
/// Before the newest value changes.
void store(const void* address, std::size_t size, std::uint64_t value, std::memory_order order) noexcept;
/// Before a read-modify-write. No other thread goes on until update() or keep().
void begin_update(const void* address, std::size_t size) noexcept;
void update(const void* address, std::uint64_t value, std::memory_order order) noexcept;
/// A compare-exchange that failed.
void keep(const void* address, std::memory_order order) noexcept;

template <class T>
class Atomic {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);

  public:
    static constexpr bool is_always_lock_free = std::atomic<T>::is_always_lock_free;

    constexpr Atomic() noexcept : value_() {
        if (!std::is_constant_evaluated()) forget(this);
    }
    constexpr Atomic(T value) noexcept : value_(value) {
        if (!std::is_constant_evaluated()) forget(this);
    }
    Atomic(const Atomic&) = delete;
    Atomic& operator=(const Atomic&) = delete;

    T load(std::memory_order order = std::memory_order_seq_cst) const noexcept {
        return value_of(model::load(this, sizeof(T), order));
    }
    void store(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
        model::store(this, sizeof(T), bits_of(value), order);
        value_.store(value, std::memory_order_relaxed);
    }
    T exchange(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
        return change(order, [&](T) { return value; });
    }
    bool compare_exchange_strong(T& expected, T value, std::memory_order success, std::memory_order failure) noexcept {
        begin_update(this, sizeof(T));
        const T seen = newest();
        if (bits_of(seen) != bits_of(expected)) {
            expected = seen;
            keep(this, failure);
            return false;
        }
        value_.store(value, std::memory_order_relaxed);
        update(this, bits_of(value), success);
        return true;
    }
    bool compare_exchange_weak(T& expected, T value, std::memory_order success, std::memory_order failure) noexcept {
        return compare_exchange_strong(expected, value, success, failure);
    }
    bool compare_exchange_strong(T& expected, T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
        return compare_exchange_strong(expected, value, order, of_failure(order));
    }
    bool compare_exchange_weak(T& expected, T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
        return compare_exchange_strong(expected, value, order, of_failure(order));
    }
    template <class N>
    T fetch_add(N n, std::memory_order order = std::memory_order_seq_cst) noexcept {
        return change(order, [&](T seen) { return static_cast<T>(seen + static_cast<T>(n)); });
    }
    template <class N>
    T fetch_sub(N n, std::memory_order order = std::memory_order_seq_cst) noexcept {
        return change(order, [&](T seen) { return static_cast<T>(seen - static_cast<T>(n)); });
    }
    T fetch_or(T bits, std::memory_order order = std::memory_order_seq_cst) noexcept {
        return change(order, [&](T seen) { return static_cast<T>(seen | bits); });
    }
    T fetch_and(T bits, std::memory_order order = std::memory_order_seq_cst) noexcept {
        return change(order, [&](T seen) { return static_cast<T>(seen & bits); });
    }
    operator T() const noexcept { return load(); }
    T operator=(T value) noexcept {
        store(value);
        return value;
    }
    T operator++() noexcept { return static_cast<T>(fetch_add(1) + 1); }
    T operator--() noexcept { return static_cast<T>(fetch_sub(1) - 1); }

  private:
    T newest() const noexcept { return value_.load(std::memory_order_relaxed); }
    static std::uint64_t bits_of(T value) noexcept {
        std::uint64_t bits = 0;
        std::memcpy(&bits, &value, sizeof(T));
        return bits;
    }
    static T value_of(std::uint64_t bits) noexcept {
        T value;
        std::memcpy(&value, &bits, sizeof(T));
        return value;
    }
    static std::memory_order of_failure(std::memory_order order) noexcept {
        if (order == std::memory_order_acq_rel) return std::memory_order_acquire;
        return order == std::memory_order_release ? std::memory_order_relaxed : order;
    }
    template <class Change>
    T change(std::memory_order order, Change change_it) noexcept {
        begin_update(this, sizeof(T));
        const T seen = newest();
        const T value = change_it(seen);
        value_.store(value, std::memory_order_relaxed);
        update(this, bits_of(value), order);
        return seen;
    }

    std::atomic<T> value_;
};

}  // namespace model
