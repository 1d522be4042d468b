// SPDX-License-Identifier: MIT
//
// map_results.hpp: the lazy input range that map() and map_unordered() return.
//
//     for (int y : pool.map(square, std::vector{1, 2, 3})) …           // in the order of the input
//     auto pages = pool.map({.buffersize = 8}, fetch, urls);            // at most 8 ahead
//     for (auto it = pages.begin(); it != pages.end(); ++it)
//         try { use(*it); } catch (const std::exception&) { }           // this item; ++ goes on
//
// *it waits for its item, gives `R&&` to move from, or throws the exception of that item. When MapOptions::timeout,
// which counts from the call of map, is over, *it throws TimeoutError, items that have not started are cancelled, and
// ++it is the end. Destroying a range whose begin() was called cancels the items that have not started. A range that
// was never iterated lets its items run, so map() may stand alone as a statement. With a buffersize n, map() reads n
// elements of the input (as a statement it runs only those), and *it reads one more before it waits, as in Python. A
// function that returns void yields std::monostate. Threads: use one range from one thread at a time. Memory:
// everything that an item's call did happens before *it returns; the range keeps nothing of items that it has moved
// past. An item runs at most once, unless its worker dies in a pool with WorkerDeath::retry_task. In processes, beyond
// a hundred items, several short items travel in one chunk. If their worker dies, each throws WorkerDiedError, because
// it is unknown which had run. With chunksize 1 that cannot happen. Where tasks run in this process, and without
// buffersize, stats() counts each item of a map of up to 64 items without chunksize; for other maps it counts the tasks
// that were submitted. How it works: detail/map/start_map.hpp.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "concurrent/futures/detail/map/map_outcome.hpp"
#include "concurrent/futures/detail/map/map_stream.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

/// What map() returns: an input range, to be read once. `reference` is R&& to move from, or R if f returns a reference.
/// Use it from one thread at a time. What the call of an item did happens before *it returns.
template <class R>
class MapResults {
  public:
    using value_type = detail::MapItem<R>;
    using reference = detail::MapReference<R>;

    /// *it waits for its item; throws what its call threw, CancelledError, or TimeoutError when the time of the map is
    /// up. ++it moves on to the next item, whether *it threw, gave a value or was not used.
    class Iterator {
      public:
        using value_type = MapResults::value_type;
        using difference_type = std::ptrdiff_t;

        Iterator() = default;
        reference operator*() const { return stream_->current(); }
        Iterator& operator++() {
            stream_->advance();
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(std::default_sentinel_t) const { return !stream_ || stream_->at_end(); }

      private:
        friend MapResults;
        explicit Iterator(detail::MapStream<R>* stream) : stream_(stream) {}
        detail::MapStream<R>* stream_ = nullptr;
    };

    /// For executors.
    explicit MapResults(std::unique_ptr<detail::MapStream<R>> stream) noexcept : stream_(std::move(stream)) {}
    MapResults(MapResults&&) noexcept = default;
    /// The range that was here before ends as by the destructor.
    MapResults& operator=(MapResults&& other) noexcept {
        MapResults next(std::move(other));
        std::swap(stream_, next.stream_);
        std::swap(begun_, next.begun_);
        return *this;
    }
    /// Cancels items that have not started; but if begin() was never called, everything that was submitted runs.
    ~MapResults() {
        if (stream_ && !begun_) stream_->let_run();
    }

    /// The current position: the range is read once. end() is reached when nothing is left.
    Iterator begin() {
        begun_ = true;
        return Iterator(stream_.get());
    }
    std::default_sentinel_t end() const noexcept { return {}; }

    /// Cancels items that have not started and forgets the others; the range is at its end.
    void cancel() noexcept {
        if (stream_) stream_->cancel();
    }
    /// How many results are still to come, the current one included. Empty while the input is still being read, as it
    /// is with a buffersize.
    std::optional<std::size_t> remaining() const noexcept {
        return stream_ ? stream_->remaining() : std::optional<std::size_t>(0);
    }

  private:
    std::unique_ptr<detail::MapStream<R>> stream_;
    bool begun_ = false;
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
