// SPDX-License-Identifier: MIT
//
// parallel_loop.hpp: one loop that several threads run together, in pieces of measured length.
//
//     ParallelLoop loop(size, body);        // body(begin, end): a plain loop over that part
//     if (!loop.run_alone_if_short()) …     // then take_part() here and in workers, until all is taken
//     loop.rethrow();
//
// Pieces are taken from one counter. A piece takes about 50 µs, estimated from this thread's piece before,
// and at the end it is no longer than a share of the rest (guided self-scheduling, Polychronopoulos and Kuck
// 1987), so that all threads end together. If items are short, the body is called for some hundred items or more at
// once, so that compilers can vectorise it.
// Whether a loop is worth waking workers is judged by its first items, and by what the same body took the
// last time: a loop of a microsecond must not spend a tenth of that on the question.
// Threads: take_part() from any number. Memory: the thread that ends the last part hands over what the pieces did.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/cycle_counter.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Cycles per 64 items of a body, as measured the last time; 0: not yet. One for each type of body: each
/// lambda is a type of its own.
template <class Body>
inline constinit Atomic<std::uint32_t> remembered_cycles{0};

template <class Body>
class ParallelLoop {
  public:
    /// `memory`: the type that stands for the body's cost. `weight`: how many elements an item has; the memory is of one.
    ParallelLoop(std::size_t size, Body& body, Atomic<std::uint32_t>& memory, std::size_t weight = 1) noexcept
        : size_(size), body_(body), memory_(memory), weight_(static_cast<double>(weight)) {}
    ParallelLoop(const ParallelLoop&) = delete;
    ParallelLoop& operator=(const ParallelLoop&) = delete;

    /// The caller, first: true when the loop is over. Else part of it may have been run, and the rest is
    /// worth other threads.
    bool run_alone_if_short() {
        // relaxed: an estimate.
        const std::uint32_t remembered = memory_.load(std::memory_order_relaxed);
        std::size_t piece = 1;
        if (remembered != 0) {
            cycles_ = static_cast<double>(remembered) / 64 * weight_;
            if (cycles_ * static_cast<double>(size_) > worth) return size_ <= 1 && run_all_here(1);
            piece = larger<std::size_t>(size_ / tuning::loop_piece_growth, 1);  // most likely short again, but make sure
        } else if (size_ < tuning::loop_measured_from) {
            return size_ <= 1 && run_all_here(1);  // a long first item would keep the others waiting
        }
        return run_all_here(piece);
    }

    /// Pieces, until none is left. Exceptions of the body end the loop.
    void take_part(std::size_t threads) noexcept {
        double cycles = cycles_;
        const double share = 1.0 / (2 * static_cast<double>(threads));
        for (;;) {
            // relaxed: the counter only shares out; what the loop works on was handed over when the part
            // was submitted, and is handed back when it ends.
            const std::size_t taken = next_.load(std::memory_order_relaxed);
            if (taken >= size_) return;
            const double rest = static_cast<double>(size_ - taken);
            const double most = larger(piece_cycles / larger(cycles, 0.1), 1.0);
            const double least = larger(least_cycles / larger(cycles, 0.1), 1.0);
            const double wanted = cycles == 0 ? 1 : smaller(most, larger(least, rest * share));
            const auto piece = static_cast<std::size_t>(smaller(wanted, rest));
            // relaxed: as above.
            const std::size_t begin = next_.fetch_add(piece, std::memory_order_relaxed);
            if (begin >= size_) return;
            const std::size_t end = smaller(begin + piece, size_);
            const std::uint64_t before = cycle_count();
            if (!run(begin, end)) return;
            cycles = static_cast<double>(cycle_count() - before) / static_cast<double>(end - begin);
            remember(cycles);
        }
    }

    /// About how many threads the rest is worth, this one included.
    std::size_t worth_threads(std::size_t most) const noexcept {
        // relaxed: no other thread takes part yet.
        const std::size_t rest = size_ - smaller(next_.load(std::memory_order_relaxed), size_);
        most = smaller(most, rest);
        if (cycles_ == 0) return most;
        return smaller(most, static_cast<std::size_t>(cycles_ * static_cast<double>(rest) / worth) + 2);
    }

    /// When all parts have ended: throws what the body threw first.
    void rethrow() {
        if (error_) std::rethrow_exception(error_);
    }

  private:
    // In cycles of 0.2 to 0.5 ns, or in ns.
    static constexpr double worth = tuning::loop_worth_waking;          // less is not worth waking a thread
    static constexpr double piece_cycles = tuning::loop_piece;
    static constexpr double least_cycles = tuning::least_loop_piece;  // at the end

    /// In the caller alone, in pieces of growing length, as long as it looks short. False: it is not.
    bool run_all_here(std::size_t piece) {
        std::uint64_t spent = 0;
        std::size_t done = 0;
        while (done < size_) {
            const std::size_t end = piece < size_ - done ? done + piece : size_;
            const std::uint64_t before = cycle_count();
            body_(done, end);
            spent += cycle_count() - before;
            done = end;
            cycles_ = static_cast<double>(spent) / static_cast<double>(done);
            if (done == size_) break;
            const double rest = cycles_ * static_cast<double>(size_ - done);
            if (rest < worth) {
                piece = size_;
            } else if (static_cast<double>(spent) > worth / 4) {
                // relaxed: no other thread takes part yet.
                next_.store(done, std::memory_order_relaxed);
                return false;
            } else {
                piece *= tuning::loop_piece_growth;
            }
        }
        remember(cycles_);
        return true;
    }
    bool run(std::size_t begin, std::size_t end) noexcept {
        try {
            body_(begin, end);
            return true;
        } catch (...) {
            next_.store(size_, std::memory_order_relaxed);  // relaxed: the rest is skipped soon enough
            const std::lock_guard lock(mutex_);
            if (!error_) error_ = std::current_exception();
            return false;
        }
    }
    void remember(double cycles) noexcept {
        // relaxed: an estimate.
        memory_.store(static_cast<std::uint32_t>(clamped(cycles / weight_ * 64, 1.0, 4e9)),
                      std::memory_order_relaxed);
    }

    const std::size_t size_;
    Body& body_;
    Atomic<std::uint32_t>& memory_;
    const double weight_;
    double cycles_ = 0;  // per item, when the parts begin; 0: unknown
    alignas(64) Atomic<std::size_t> next_{0};
    std::mutex mutex_;
    std::exception_ptr error_;  // guarded by mutex_ until all parts have ended
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
