// SPDX-License-Identifier: MIT
//
// strips.hpp: blocks of consecutive items that several threads run. Threads claim them one by one, or a fixed number
// (`stride`) at once.
//
// A strip is one word with the first unclaimed item and the end of a block. Any thread claims with one fetch_add of the
// word (5 to 10 ns if no other thread does). So an item may block for ever, and other threads can still claim the rest of
// its block. Filling an empty strip needs the lock of MapSchedule; claiming does not.
//
//     bits 0-30   the next item; runs over the end when several find the strip empty
//     bit  31     a thread waits for an outcome
//     bits 32-63  the end of the block
//
// Proof that no waiter is forgotten. The one waiter names the item, then sets bit 31 in all strips, then looks once more,
// then sleeps. A thread that has run an item then makes a read-modify-write of the word from which it claimed the item:
// its next claim, or look_for_waiter(). It has stored the item's state before. Both operations are in the modification
// order of that word. If the waiter's comes later, the waiter has acquired the outcome and sees it. If it comes earlier,
// the other thread sees bit 31 and the item that is waited for, and wakes the waiter if that item has ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/deadline.hpp"
#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/platform/futex.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class Strips {
  public:
    static constexpr std::uint32_t limit = (std::uint32_t{1} << 31) - (1u << 20);  // of item numbers
    static constexpr std::uint32_t any_item = (std::numeric_limits<std::uint32_t>::max)();
    static constexpr std::uint32_t most_at_once = tuning::most_items_per_claim;
    // Each thread may run over the end once, and the number must still fit.
    static_assert((tuning::most_map_strips + 1) * most_at_once < 1u << 20);

    /// `stride`: items that are claimed at once, at most `most_at_once`.
    explicit Strips(std::size_t count, std::uint32_t stride = 1) : stride_(stride), strips_(count) {}

    std::size_t size() const noexcept { return strips_.size(); }

    /// Under the lock, when the strip is empty.
    void fill(std::size_t strip, std::uint32_t begin, std::uint32_t end) noexcept {
        Word& word = strips_[strip].word;
        // relaxed: a guess that the compare-exchange checks; another thread may count up, or set the bit.
        std::uint64_t seen = word.load(std::memory_order_relaxed);
        // (1) release, pairs with (2): a thread that claims an item sees its input, and what the lock has handed over.
        while (!word.compare_exchange_weak(seen, std::uint64_t{end} << 32 | (seen & waiter) | begin,
                                           std::memory_order_release, std::memory_order_relaxed)) {
        }
    }
    /// Under the lock.
    bool has_items(std::size_t strip) const noexcept {
        // relaxed: as in fullest().
        return left_in(strips_[strip].word.load(std::memory_order_relaxed)) != 0;
    }
    /// Under the lock: the strip with the most unclaimed items, or size() if none has any.
    std::size_t fullest() const noexcept {
        std::size_t best = strips_.size();
        std::uint32_t most = 0;
        for (std::size_t strip = 0; strip < strips_.size(); ++strip) {
            // relaxed: only a choice; the claim decides.
            const std::uint64_t word = strips_[strip].word.load(std::memory_order_relaxed);
            if (const std::uint32_t left = left_in(word); left > most) {
                most = left;
                best = strip;
            }
        }
        return best;
    }
    /// Under the lock: takes all unclaimed items away; take(begin, end) for each block.
    template <class Take>
    void empty_all(Take take) noexcept {
        for (Strip& strip : strips_) {
            // (3) acq_rel, pairs with (2) and (4): a claim comes before or finds nothing.
            const std::uint64_t word = strip.word.fetch_and(waiter, std::memory_order_acq_rel);
            if (left_in(word) != 0) take(next_in(word), end_in(word));
        }
    }

    /// Claims and runs items of a strip until it is empty, `most` at most. Gives how many. run() may throw nothing but
    /// a ForcedUnwind.
    template <class Run, class Ran>
    std::uint32_t run_claimed(std::size_t strip, std::uint32_t most, Run& run, Ran& ran) {
        Word& word = strips_[strip].word;
        const std::uint32_t stride = stride_;
        std::uint32_t count = 0;
        while (count < most) {
            // (2) acq_rel: acquire pairs with (1) for the input; release pairs with (4) for the outcome of
            // the item before, which the waiter then sees.
            const std::uint64_t seen = word.fetch_add(stride, std::memory_order_acq_rel);
            if (seen & waiter) tell_waiter_of(word, ran);
            const std::uint32_t claimed = smaller(left_in(seen), stride);
            if (claimed == 0) return count;
            std::uint32_t item = next_in(seen);
            const std::uint32_t end = item + claimed;
            try {
                do run(item); while (++item != end);
            } catch (ForcedUnwind&) {
                while (++item != end) run(item);  // they are claimed
                look_for_waiter(strip, ran);
                throw;
            }
            count += claimed;
        }
        look_for_waiter(strip, ran);
        return count;
    }
    /// The reader: claims `item`, and with it what a stride has, if that is the next one of a strip. Gives how many.
    std::uint32_t try_claim(std::uint32_t item) noexcept {
        for (Strip& strip : strips_) {
            // relaxed: a guess that the compare-exchange checks.
            std::uint64_t seen = strip.word.load(std::memory_order_relaxed);
            while (left_in(seen) != 0 && next_in(seen) == item) {
                const std::uint32_t claimed = smaller(left_in(seen), stride_);
                // (2) as in run_claimed(). The bit of the waiter, who is this thread, stays.
                if (strip.word.compare_exchange_weak(seen, seen + claimed, std::memory_order_acq_rel,
                                                    std::memory_order_relaxed))
                    return claimed;
            }
        }
        return 0;
    }
    /// After an item that is not followed by a claim.
    template <class Ran>
    void look_for_waiter(std::size_t strip, Ran& ran) noexcept {
        Word& word = strips_[strip].word;
        // (2) again, without a claim.
        if (word.fetch_add(0, std::memory_order_acq_rel) & waiter) tell_waiter_of(word, ran);
    }

    /// The one waiter: sleeps until `item` has ended (or, for any_item, until some item has), the deadline
    /// has passed, or for no reason. `over()` is looked at after the announcement.
    template <class Over>
    void wait(std::uint32_t item, Over over, const Deadline& deadline) noexcept {
        // relaxed: a signal before the announcement below is answered by over().
        const std::uint32_t seen = signals_.load(std::memory_order_relaxed);
        // relaxed: handed over by (4).
        awaited_.store(item, std::memory_order_relaxed);
        for (Strip& strip : strips_) {
            // (4) acq_rel, pairs with (2) and (3), see the proof above.
            strip.word.fetch_or(waiter, std::memory_order_acq_rel);
        }
        if (!over()) futex_wait(signals_, seen, deadline);
        // relaxed: no thread needs to see that the wait is over.
        awaited_.store(no_item, std::memory_order_relaxed);
    }
    /// Sleeps until `until` without an announcement, so that no thread spends time on waking this one.
    void nap(const Deadline& until) noexcept {
        // relaxed: nothing is learnt from it.
        futex_wait(signals_, signals_.load(std::memory_order_relaxed), until);
    }
    /// The item that is waited for, any_item, or one that no map has. With the lock of MapSchedule it is as in OwnedBlocks.
    std::uint32_t awaited() const noexcept {
        // relaxed: the lock hands it over, or the waiter calls.
        return awaited_.load(std::memory_order_relaxed);
    }
    /// Wakes the waiter if what it waits for has ended.
    template <class Ran>
    void tell_waiter_if(Ran& ran) noexcept {
        if (const std::uint32_t item = awaited(); item == any_item || (item != no_item && ran(item))) signal_once();
    }
    /// Wakes the waiter for any item: after the states of items have changed.
    void tell_waiter() noexcept {
        // (2) again, on any one word.
        strips_.front().word.fetch_add(0, std::memory_order_acq_rel);
        signal_once();
    }

  private:
    using Word = Atomic<std::uint64_t>;
    struct alignas(64) Strip {
        Word word{0};
    };
    static constexpr std::uint64_t waiter = std::uint64_t{1} << 31;
    static constexpr std::uint32_t no_item = any_item - 1;

    static std::uint32_t next_in(std::uint64_t word) noexcept {
        return static_cast<std::uint32_t>(word & (waiter - 1));
    }
    static std::uint32_t end_in(std::uint64_t word) noexcept {
        return static_cast<std::uint32_t>(word >> 32);
    }
    static std::uint32_t left_in(std::uint64_t word) noexcept {
        return next_in(word) < end_in(word) ? end_in(word) - next_in(word) : 0;
    }

    /// Bit 31 was seen in `word`.
    template <class Ran>
    void tell_waiter_of(Word& word, Ran& ran) noexcept {
        // acq_rel, as (2). First the bit: what the waiter sets from now on stays.
        word.fetch_and(~waiter, std::memory_order_acq_rel);
        for (bool again = false;; again = true) {
            // relaxed: this thread saw the bit, so it has acquired the waiter's announcement, or a later one is there.
            const std::uint32_t item = awaited_.load(std::memory_order_relaxed);
            if (item == no_item) return;
            if (item == any_item || ran(item)) return signal_once();
            if (again) return;
            // Not yet: the bit stays for the thread that will end the item. That thread may have claimed from this strip
            // while the bit was missing, so look once more. acq_rel, pairs with its (2).
            word.fetch_or(waiter, std::memory_order_acq_rel);
        }
    }
    /// Several threads may find that the wait is over; the first one wakes the waiter.
    void signal_once() noexcept {
        // relaxed: only one thread gets the number; the outcome is handed over by its own state.
        if (awaited_.exchange(no_item, std::memory_order_relaxed) == no_item) return;
        // relaxed: the waiter looks at the states again.
        signals_.fetch_add(1, std::memory_order_relaxed);
        futex_wake_one(&signals_);
    }

    const std::uint32_t stride_;
    std::vector<Strip> strips_;
    alignas(64) Atomic<std::uint32_t> awaited_{no_item};
    FutexWord signals_{0};
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
