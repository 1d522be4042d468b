// SPDX-License-Identifier: MIT
//
// scan.hpp: parallel prefix sums, on any executor that runs tasks in this process.
//
//     cf::inclusive_scan(pool, lengths, ends.begin());                 // {2, 3, 4} gives {2, 5, 9}
//     cf::exclusive_scan(pool, lengths, begins.begin(), 0);            // {2, 3, 4} gives {0, 2, 5}
//     cf::inclusive_scan(pool, xs, out.begin(), std::multiplies<>());
//
// The operation must be associative; it need not be commutative. Elements are grouped in any way, so sums of
// floating-point numbers may differ a little from run to run. The output may be the input. An output that is not a
// random access iterator to elements of its own is written by the caller alone. All else is as in algorithm.hpp.
//
// The caller scans the first elements alone, to measure what an element costs. If the rest is long enough, it is divided
// into brackets. A thread takes some brackets, reduces each, and scans them as soon as the result before them is known.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "concurrent/futures/algorithm.hpp"
#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/cycle_counter.hpp"
#include "concurrent/futures/detail/platform/spin.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/executor.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

namespace detail {

/// One scan of [0, size). `Inclusive`: each result has its own element in it.
template <bool Inclusive, class T, class First, class Out, class Op>
class Scan {
  public:
    Scan(First first, std::size_t size, Out out, Op& op) : first_(first), size_(size), out_(out), op_(op) {}

    template <class E>
    void run(E& pool, std::size_t begin, std::optional<T> carry) {
        const std::size_t workers = worker_count(pool);
        std::uint64_t spent = 0;
        for (std::size_t piece = tuning::first_scan_piece; begin != size_; piece *= tuning::loop_piece_growth) {
            const std::size_t end = workers == 1 ? size_ : smaller(size_, begin + piece);
            const std::uint64_t before = cycle_count();
            carry.emplace(part(begin, end, std::move(*carry)));
            spent += cycle_count() - before;
            const double cycles = static_cast<double>(spent) / static_cast<double>(end);
            begin = end;
            if (cycles * static_cast<double>(size_ - begin) < short_rest) piece = size_;
            else if (static_cast<double>(spent) > short_rest / 4) break;
        }
        if (begin != size_) run_rest(pool, begin, std::move(*carry));
    }

  private:
    static constexpr double short_rest = tuning::scan_worth_waking;  // cycles
    static constexpr auto patience = tuning::looks_for_prefix;

    struct Rest {
        First first;
        std::size_t from;
        decltype(auto) operator[](std::size_t index) const { return element(first, from + index); }
    };
    /// Of the brackets: what they give, and what is before them.
    struct Prefixes {
        Prefixes(std::size_t count, T carry) : values(count), before(count + 1), is_reduced(count) {
            before[0].emplace(std::move(carry));
        }
        /// Some brackets were reduced: finds out what is before those behind them, if no other thread does.
        void go_on(Op& op) {
            // (1) acquire, release, pair with each other: one thread at a time; it sees what the one before it did.
            if (is_busy.exchange(true, std::memory_order_acquire)) return;
            std::size_t at = known.load(std::memory_order_relaxed);  // relaxed: (1)
            // (2) acquire, pairs with (3): the value is there.
            for (; at != values.size() && is_reduced[at].load(std::memory_order_acquire); ++at)
                before[at + 1].emplace(std::invoke(op, *before[at], std::move(*values[at])));
            // (4) release, pairs with (5): hands over before[] up to there.
            known.store(at, std::memory_order_release);
            is_busy.store(false, std::memory_order_release);  // (1)
        }
        /// True: what is before this bracket is known, and what is behind it to no thread, until leave().
        bool try_enter(std::size_t bracket) noexcept {
            if (is_next(bracket) && !is_busy.exchange(true, std::memory_order_acquire)) {  // (1)
                if (is_next(bracket)) return true;
                is_busy.store(false, std::memory_order_release);  // (1)
            }
            return false;
        }
        void leave(std::size_t next_bracket, T carry) {
            before[next_bracket].emplace(std::move(carry));
            known.store(next_bracket, std::memory_order_release);  // (4)
            is_busy.store(false, std::memory_order_release);       // (1)
        }
        bool is_next(std::size_t bracket) const noexcept {
            // (5) acquire, pairs with (4).
            return bracket == known.load(std::memory_order_acquire);
        }
        bool is_known(std::size_t bracket) const noexcept {
            // (5) acquire, pairs with (4).
            return bracket <= known.load(std::memory_order_acquire);
        }

        std::vector<std::optional<T>> values, before;
        std::vector<Atomic<bool>> is_reduced;
        Atomic<std::size_t> known{0};
        Atomic<bool> is_busy{false};
    };

    /// Gives what comes behind.
    T part(std::size_t begin, std::size_t end, T carry) {
        const First first = first_;
        const Out out = out_;
        for (; end - begin >= 4; begin += 4)  // the loop itself would cost as much as a sum
            for (std::size_t i = begin; i != begin + 4; ++i) step(first, out, op_, carry, i);
        for (; begin != end; ++begin) step(first, out, op_, carry, begin);
        return carry;
    }
    static void step(const First& first, const Out& out, Op& op, T& carry, std::size_t index) {
        auto& to = out[static_cast<std::iter_difference_t<Out>>(index)];
        if constexpr (Inclusive) {
            carry = std::invoke(op, std::move(carry), element(first, index));
            to = carry;
        } else {
            T next = std::invoke(op, carry, element(first, index));
            to = std::move(carry);
            carry = std::move(next);
        }
    }
    template <class E>
    void run_rest(E& pool, std::size_t from, T carry) {
        const std::size_t size = size_ - from, bracket = bracket_size(size), count = (size + bracket - 1) / bracket;
        Prefixes prefixes(count, std::move(carry));
        Rest rest{first_, from};
        std::identity as_it_is;
        // Where it is known what is before a piece, it is scanned. Else it is reduced, and scanned if it is known by then: it is
        // still in the cache.
        std::vector<Atomic<bool>> is_scanned(count);
        const auto note_scanned = [&](std::size_t begin, std::size_t end) {
            // relaxed: the end of the loop hands it over.
            for (; begin != end; ++begin) is_scanned[begin].store(true, std::memory_order_relaxed);
        };
        const auto body = [&](std::size_t begin, std::size_t end) {
            if (prefixes.try_enter(begin)) {
                T next = part(from + begin * bracket, smaller(from + end * bracket, size_), *prefixes.before[begin]);
                prefixes.leave(end, std::move(next));
                prefixes.go_on(op_);
                return note_scanned(begin, end);
            }
            reduce_brackets<T>(rest, size, bracket, begin, end, prefixes.values.data(), op_, as_it_is);
            for (std::size_t at = begin; at != end; ++at) {
                // (3) release, pairs with (2).
                prefixes.is_reduced[at].store(true, std::memory_order_release);
            }
            prefixes.go_on(op_);
            if (!spin_until([&] { return prefixes.is_known(end - 1); }, patience)) return;
            scan_brackets(from, bracket, begin, end, prefixes.before.data());
            note_scanned(begin, end);
        };
        run_loop<ScanCost>(pool, count, body, bracket);
        prefixes.go_on(op_);
        const auto left = [&](std::size_t begin, std::size_t end) {
            for (std::size_t at = begin; at != end; ++at) {
                // relaxed: as above.
                if (!is_scanned[at].load(std::memory_order_relaxed))
                    scan_brackets(from, bracket, at, at + 1, prefixes.before.data());
            }
        };
        run_loop<LeftCost>(pool, count, left, bracket);
    }
    void scan_brackets(std::size_t from, std::size_t bracket, std::size_t begin, std::size_t end, std::optional<T>* before) {
        const First first = first_;
        const Out out = out_;
        while (begin != end) {
            const std::size_t place = from + begin * bracket;
            if constexpr (std::is_floating_point_v<T>) {
                // Four at a time: each step of one bracket waits for the step before it.
                if (end - begin >= 4 && place + 4 * bracket <= size_) {
                    T a = *before[begin], b = *before[begin + 1], c = *before[begin + 2], d = *before[begin + 3];
                    for (std::size_t i = place; i != place + bracket; ++i) {
                        step(first, out, op_, a, i);
                        step(first, out, op_, b, i + bracket);
                        step(first, out, op_, c, i + 2 * bracket);
                        step(first, out, op_, d, i + 3 * bracket);
                    }
                    begin += 4;
                    continue;
                }
            }
            part(place, smaller(place + bracket, size_), *before[begin]);
            ++begin;
        }
    }
    struct ScanCost;
    struct LeftCost;

    First first_;
    const std::size_t size_;
    Out out_;
    Op& op_;
};

template <bool Inclusive, class T, class E, class Range, class Out, class Op>
Out scan(E& pool, Range& range, Out out, std::optional<T> carry, Op& op) {
    require_this_process<E>();
    return with_random_access(range, [&](auto first, std::size_t size) -> Out {
        if constexpr (CanBeWrittenAnywhere<Out>) {
            using Difference = std::iter_difference_t<Out>;
            std::size_t begin = 0;
            if (size != 0 && !carry) {
                carry.emplace(element(first, 0));
                out[0] = *carry;
                begin = 1;
            }
            Scan<Inclusive, T, decltype(first), Out, Op>(first, size, out, op).run(pool, begin, std::move(carry));
            return out + static_cast<Difference>(size);
        } else {
            for (std::size_t i = 0; i != size; ++i) {
                T next = carry ? std::invoke(op, *carry, element(first, i)) : T(element(first, i));
                if constexpr (Inclusive) *out++ = next;
                else *out++ = std::move(*carry);
                carry.emplace(std::move(next));
            }
            return out;
        }
    });
}

}  // namespace detail

/// Each result is op of all elements up to its own, this one included. Gives the end of the output.
template <class E, detail::InputRange Range, class Out, class Op = std::plus<>>
Out inclusive_scan(E& pool, Range&& range, Out out, Op op = {}) {
    using T = std::iter_value_t<detail::IteratorOf<Range>>;
    return detail::scan<true, T>(pool, range, out, std::nullopt, op);
}
/// The same, with `init` before the first element.
template <class E, detail::InputRange Range, class Out, class Op, class T>
Out inclusive_scan(E& pool, Range&& range, Out out, Op op, T init) {
    return detail::scan<true, T>(pool, range, out, std::optional<T>(std::move(init)), op);
}
/// Each result is op of `init` and all elements before its own. Gives the end of the output.
template <class E, detail::InputRange Range, class Out, class T, class Op = std::plus<>>
Out exclusive_scan(E& pool, Range&& range, Out out, T init, Op op = {}) {
    return detail::scan<false, T>(pool, range, out, std::optional<T>(std::move(init)), op);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
