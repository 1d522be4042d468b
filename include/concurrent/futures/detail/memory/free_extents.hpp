// SPDX-License-Identifier: MIT
//
// free_extents.hpp: which parts of a region are free, and which of the free parts have been in use before.
//
//     FreeExtents free(0, region_size);
//     const auto extent = free.take(size);      // empty: nothing is large enough
//     if (!extent->warm) provide the memory;
//     free.give_back(extent->offset, size);     // warm from now on
//     free.cool(discard);                       // discard(offset, size) of every warm part; cold again
//
// Warm memory has its pages. Cold memory needs pages first, which costs ten times as much as writing to them. So warm
// memory is taken first, the tightest fit. Neighbours of the same kind are one extent. Threads: a value, not
// synchronised.
#pragma once

#include <cstddef>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

class FreeExtents {
  public:
    struct Extent {
        std::size_t offset;
        bool warm;
    };

    /// All cold.
    FreeExtents(std::size_t begin, std::size_t end) {
        if (begin < end) parts_.emplace(begin, Part{end - begin, false});
    }

    std::optional<Extent> take(std::size_t size) {
        auto best = parts_.end();
        for (auto place = parts_.begin(); place != parts_.end(); ++place) {
            if (place->second.size < size) continue;
            if (best == parts_.end() || is_better(place->second, best->second)) best = place;
        }
        if (best == parts_.end()) return std::nullopt;
        const Extent taken{best->first, best->second.warm};
        const Part rest{best->second.size - size, best->second.warm};
        if (rest.size != 0) {  // the node goes on with what is left, so that nothing is allocated
            auto node = parts_.extract(best);
            node.key() += size;
            node.mapped() = rest;
            parts_.insert(std::move(node));
        } else {
            parts_.erase(best);
        }
        return taken;
    }

    void give_back(std::size_t offset, std::size_t size, bool warm = true) {
        const auto place = parts_.emplace(offset, Part{size, warm}).first;
        join_with_next(place);
        if (place != parts_.begin()) join_with_next(std::prev(place));
    }

    template <class Discard>
    void cool(Discard discard) {
        for (auto& [offset, part] : parts_)
            if (std::exchange(part.warm, false)) discard(offset, part.size);
        for (auto place = parts_.begin(); place != parts_.end(); ++place)
            while (join_with_next(place)) {
            }
    }

    std::size_t warm() const noexcept {
        std::size_t sum = 0;
        for (const auto& [offset, part] : parts_) sum += part.warm ? part.size : 0;
        return sum;
    }

  private:
    struct Part {
        std::size_t size;
        bool warm;
    };

    static bool is_better(const Part& part, const Part& than) noexcept {
        if (part.warm != than.warm) return part.warm;
        return part.warm && part.size < than.size;  // cold: the first one, to keep together what is in use
    }
    bool join_with_next(std::map<std::size_t, Part>::iterator place) noexcept {
        const auto next = std::next(place);
        if (next == parts_.end() || place->first + place->second.size != next->first ||
            place->second.warm != next->second.warm)
            return false;
        place->second.size += next->second.size;
        parts_.erase(next);
        return true;
    }

    std::map<std::size_t, Part> parts_;  // by offset
};

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
