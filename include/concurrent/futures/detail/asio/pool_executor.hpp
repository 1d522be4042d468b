// SPDX-License-Identifier: MIT
//
// pool_executor.hpp: an Asio executor (the C++ standard's proposal P0443, as Asio has it) over a pool's post().
//
// blocking: never, or possibly: then a function that is sent from a function of the same pool runs in place.
// relationship: fork or continuation, a hint that changes nothing. outstanding_work: untracked only. mapping: thread.
// context: one execution_context for all pools, where timers and other services live. It lasts until the program ends,
// since a service may have a thread of its own, which must not be the one that destroys it.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "concurrent/futures/detail/platform/asio.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
inline namespace CONCURRENT_FUTURES_ASIO_NAMESPACE {

inline asio_library::execution_context& context_of_pools() {
    static asio_library::execution_context context;
    return context;
}

/// The pool whose function this thread is running for Asio.
inline constinit thread_local const void* asio_pool_of_thread = nullptr;

/// Get one from asio_executor(pool). Two of the same pool are equal.
template <class Pool, bool MayRunInPlace = false, bool Continues = false>
class AsioExecutor {
    using Blocking = asio_library::execution::blocking_t;
    using Relationship = asio_library::execution::relationship_t;
    using Work = asio_library::execution::outstanding_work_t;

  public:
    explicit AsioExecutor(Pool& pool) noexcept : pool_(&pool) {}

    /// Runs `function()` on a worker of the pool. What it throws goes to the pool's on_unhandled_exception.
    /// Throws what post() throws: ShutdownError, QueueFullError, std::bad_alloc.
    template <class Function>
    void execute(Function&& function) const {
        if constexpr (MayRunInPlace) {
            if (asio_pool_of_thread == pool_) {
                std::decay_t<Function> copy(std::forward<Function>(function));
                return static_cast<void>(copy());
            }
        }
        pool_->post(InPool<std::decay_t<Function>>{pool_, std::forward<Function>(function)});
    }

    friend bool operator==(const AsioExecutor&, const AsioExecutor&) noexcept = default;

    // In parentheses, since Perl's headers have a macro of this name.
    AsioExecutor<Pool, false, Continues> (require)(Blocking::never_t) const noexcept { return other<false, Continues>(); }
    AsioExecutor<Pool, true, Continues> (require)(Blocking::possibly_t) const noexcept { return other<true, Continues>(); }
    AsioExecutor<Pool, MayRunInPlace, false> (require)(Relationship::fork_t) const noexcept {
        return other<MayRunInPlace, false>();
    }
    AsioExecutor<Pool, MayRunInPlace, true> (require)(Relationship::continuation_t) const noexcept {
        return other<MayRunInPlace, true>();
    }

    static constexpr Blocking query(Blocking) noexcept {
        if constexpr (MayRunInPlace)
            return Blocking(Blocking::possibly);
        else
            return Blocking(Blocking::never);
    }
    static constexpr Relationship query(Relationship) noexcept {
        if constexpr (Continues)
            return Relationship(Relationship::continuation);
        else
            return Relationship(Relationship::fork);
    }
    static constexpr Work query(Work) noexcept { return Work(Work::untracked); }
    static constexpr asio_library::execution::mapping_t query(asio_library::execution::mapping_t) noexcept {
        return asio_library::execution::mapping_t(asio_library::execution::mapping_t::thread);
    }
    std::size_t query(asio_library::execution::occupancy_t) const noexcept { return pool_->max_workers(); }
    asio_library::execution_context& query(asio_library::execution::context_t) const noexcept {
        return context_of_pools();
    }

  private:
    template <class Function>
    struct InPool {
        void operator()() {
            struct Restored {
                ~Restored() { asio_pool_of_thread = outer; }
                const void* outer;
            };
            const Restored restored{std::exchange(asio_pool_of_thread, pool)};
            function();
        }
        const void* pool;
        Function function;
    };

    template <bool P, bool C>
    AsioExecutor<Pool, P, C> other() const noexcept {
        return AsioExecutor<Pool, P, C>(*pool_);
    }

    Pool* pool_;
};

}  // namespace CONCURRENT_FUTURES_ASIO_NAMESPACE
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
