// SPDX-License-Identifier: MIT
//
// processor_set.hpp: the processors that this process may run on.
//
//     const ProcessorSet all = ProcessorSet::of_process();   // usually those of the calling thread
//     all.count();
//     all.apply();                                           // to the calling thread
//
// OpenMP runtimes bind threads: with OMP_PROC_BIND=true, OMP_PLACES or GOMP_CPU_AFFINITY in the environment libgomp
// leaves the initial thread one processor before main(), even in a program that is merely linked with it; LLVM's and
// Intel's runtime do it when they are first used. That binding is for their threads. So when the calling thread has
// exactly the processors of one OpenMP place, the process has those of all places. Where no runtime is linked
// nothing is asked. A thread or process that somebody else has bound (taskset, srun --cpu-bind, mpirun --bind-to,
// pthread_setaffinity_np) keeps what it was given. Threads: any.
#pragma once

#include <cstddef>
#include <thread>

#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/config.hpp"

#if CONCURRENT_FUTURES_LINUX
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <climits>
#include <cstdlib>
#include <vector>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

#if CONCURRENT_FUTURES_LINUX

// Null where no OpenMP runtime is linked. Not plain weak declarations: those would make the program's own calls weak.
[[maybe_unused]] static int openmp_places() __attribute__((weakref("omp_get_num_places")));
[[maybe_unused]] static int openmp_place_size(int place) __attribute__((weakref("omp_get_place_num_procs")));
[[maybe_unused]] static void openmp_place(int place, int* processors) __attribute__((weakref("omp_get_place_proc_ids")));
[[maybe_unused]] static int llvm_openmp(void* where) __attribute__((weakref("__kmpc_global_thread_num")));

class ProcessorSet {
  public:
    static ProcessorSet of_this_thread() noexcept {
        ProcessorSet set;
        const long size = ::syscall(SYS_sched_getaffinity, 0, sizeof set.bits_, set.bits_.data());
        set.size_ = size > 0 ? static_cast<std::size_t>(size) : 0;
        return set;
    }
    static ProcessorSet of_process() noexcept;

    /// As far as the system lets it.
    void apply() const noexcept {
        if (size_ > 0) ::syscall(SYS_sched_setaffinity, 0, size_, bits_.data());
    }
    std::size_t count() const noexcept {
        std::size_t count = 0;
        for (const unsigned long word : bits_) count += static_cast<std::size_t>(std::popcount(word));
        return count > 0 ? count : std::thread::hardware_concurrency();
    }
    friend bool operator==(const ProcessorSet&, const ProcessorSet&) = default;

  private:
    static constexpr std::size_t word_bits = sizeof(unsigned long) * CHAR_BIT;

    void add(int processor) noexcept {
        const auto number = static_cast<std::size_t>(processor);
        if (processor >= 0 && number / word_bits < bits_.size())
            bits_[number / word_bits] |= 1UL << number % word_bits;
    }
    void add(const ProcessorSet& other) noexcept {
        for (std::size_t i = 0; i < bits_.size(); ++i) bits_[i] |= other.bits_[i];
    }
    /// Of all places if this thread has those of one.
    ProcessorSet of_all_places() const;
    static bool llvm_may_have_bound(const ProcessorSet& now) noexcept;

    std::array<unsigned long, 8192 / word_bits> bits_{};  // a bit each; the kernel has 8192 at most
    std::size_t size_ = 0;                                // bytes that the kernel uses; 0: unknown
};

/// LLVM's runtime starts when it is asked anything, and binds the asker. So it is asked only when it has most likely
/// started: the environment says to bind, and this thread has other processors than the first one had.
inline bool ProcessorSet::llvm_may_have_bound(const ProcessorSet& now) noexcept {
    static const ProcessorSet first = of_this_thread();
    static const bool binds = [] {
        for (const char* const name : {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"})
            if (std::getenv(name)) return true;
        return false;
    }();
    return binds && now != first;
}

inline ProcessorSet ProcessorSet::of_all_places() const {
    ProcessorSet all;
    all.size_ = size_;
    bool bound = false;
    std::vector<int> numbers;
    const int places = openmp_places();
    for (int place = 0; place < places; ++place) {
        numbers.resize(static_cast<std::size_t>(larger(openmp_place_size(place), 1)), -1);
        openmp_place(place, numbers.data());
        ProcessorSet one;
        one.size_ = size_;
        for (const int number : numbers) one.add(number);
        bound = bound || one == *this;
        all.add(one);
        numbers.clear();
    }
    return bound ? all : *this;
}

inline ProcessorSet ProcessorSet::of_process() noexcept {
    const ProcessorSet now = of_this_thread();
    if (!openmp_places || !openmp_place_size || !openmp_place) return now;
    if (llvm_openmp && !llvm_may_have_bound(now)) return now;
    try {
        const ProcessorSet all = now.of_all_places();
        if (llvm_openmp) now.apply();
        return all;
    } catch (...) {  // no memory
        return now;
    }
}

/// While the program is loaded: LLVM's runtime has not bound anything yet.
inline const std::size_t processors_at_load = llvm_openmp ? ProcessorSet::of_process().count() : 0;

#else

class ProcessorSet {
  public:
    static ProcessorSet of_this_thread() noexcept { return {}; }
    static ProcessorSet of_process() noexcept { return {}; }
    void apply() const noexcept {}
    std::size_t count() const noexcept { return std::thread::hardware_concurrency(); }
    friend bool operator==(const ProcessorSet&, const ProcessorSet&) = default;
};

#endif

/// First thing in a process that runs calls: its initial thread is not for OpenMP alone.
inline void leave_openmp_place() noexcept {
    const ProcessorSet all = ProcessorSet::of_process();
    if (all != ProcessorSet::of_this_thread()) all.apply();
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
