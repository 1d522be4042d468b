// SPDX-License-Identifier: MIT
//
// algorithm.hpp: parallel loops and calls, on any executor that runs tasks in this process.
//
//     cf::for_each(pool, prices, [](double& price) { price *= 1.19; });
//     cf::for_each_index(pool, height, [&](int y) { render_line(y); });          // or from, to
//     cf::transform(pool, words, lengths.begin(), [](const std::string& word) { return word.size(); });
//     double sum = cf::reduce(pool, xs);
//     double sum_of_squares = cf::transform_reduce(pool, xs, 0.0, std::plus<>(), [](double x) { return x * x; });
//     cf::for_each_index_2d(pool, height, width, [&](int y, int x) { shade(y, x); });
//     cf::parallel_invoke(pool, [&] { sort(left); }, [&] { sort(right); });
//
// All of these functions block, and the calling thread takes part: max_workers() threads work in all, so with a pool of
// one worker the caller does all the work. Loops of a few microseconds wake no worker. After an exception the rest is
// skipped, and the first exception is rethrown when all running parts have ended. If the pool takes no tasks (it is
// shut down, full or broken), the caller does all the work. The functions may be nested in tasks and in each other, on
// any number of workers. Elements are visited in place, in no fixed order, and must not wait for each other; f is one
// object that several threads call at once. For a range without random access the function first makes a list of its
// elements; it copies a single-pass range. Scans: scan.hpp; searches: find.hpp; sorting: sort.hpp. The caller processes
// a std::vector<bool> alone, because its elements share bytes.
// How it works: detail/loops/parallel_loop.hpp.
#pragma once

#include "concurrent/futures/detail/platform/requirements.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "concurrent/futures/detail/map/map_positions.hpp"
#include "concurrent/futures/detail/loops/parallel_loop.hpp"
#include "concurrent/futures/detail/platform/cycle_counter.hpp"
#include "concurrent/futures/detail/platform/range_ends.hpp"
#include "concurrent/futures/detail/platform/refusal.hpp"
#include "concurrent/futures/detail/platform/tuning.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/executor.hpp"
#include "concurrent/futures/future.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

class ProcessPoolExecutor;

namespace detail {

template <class E>
consteval void require_this_process() {
    static_assert(!std::is_base_of_v<ProcessPoolExecutor, E>,
                  "for_each, transform, transform_reduce and parallel_invoke work on the caller's memory, "
                  "which workers in other processes do not have: use a ThreadPoolExecutor, or "
                  "pool.map(f, range) with an f that can cross");
}

/// Parts of a loop or of parallel_invoke that were submitted and refer to the caller's stack.
class SubmittedParts {
  public:
    SubmittedParts() = default;
    SubmittedParts(const SubmittedParts&) = delete;
    SubmittedParts& operator=(const SubmittedParts&) = delete;
    ~SubmittedParts() { finish(); }

    /// False when the pool takes no tasks.
    template <class E, class Part>
    bool submit(E& pool, Part part) {
        try {
            parts_.push_back(pool.submit(std::move(part)));
            return true;
        } catch (...) {
            return false;
        }
    }
    /// Parts that have not started will not start; waits for the others.
    void finish() noexcept {
        for (const Future<void>& part : parts_) {
            if (part.cancel()) continue;
            // The part is at its last piece: to be woken would take as long as that piece.
            const std::uint64_t begin = cycle_count();
            while (!part.done() && cycle_count() - begin < patience) {
            }
            try {
                part.wait();
            } catch (const BrokenExecutor&) {  // in a forked child no thread runs it
            }
        }
        parts_.clear();
    }

  private:
    static constexpr std::uint64_t patience = tuning::looks_for_last_part;
    std::vector<Future<void>> parts_;
};

/// Runs body(begin, end) for parts of [0, size), here and on workers. `Cost` names the body's memory; `weight`: how many
/// elements an item has.
template <class Cost, class E, class Body>
void run_loop(E& pool, std::size_t size, Body& body, std::size_t weight = 1) {
    require_this_process<E>();
    if (size == 0) return;
    const std::size_t workers = worker_count(pool);
    if (workers == 1) return body(std::size_t{0}, size);
    ParallelLoop<Body> loop(size, body, remembered_cycles<Cost>, weight);
    if (loop.run_alone_if_short()) return;
    const std::size_t threads = loop.worth_threads(workers);
    {
        SubmittedParts parts;
        for (std::size_t part = 1; part < threads; ++part)
            if (!parts.submit(pool, [&loop, threads] { loop.take_part(threads); })) break;
        loop.take_part(threads);
    }
    loop.rethrow();
}

template <class Range>
using IteratorOf = decltype(range_begin(std::declval<Range&>()));

template <class F, class Range>
concept CallableWithElement = std::invocable<F&, std::iter_reference_t<IteratorOf<Range>>> ||
                              std::invocable<F&, std::iter_value_t<IteratorOf<Range>>&>;

/// Also for output iterators, which have no reference.
template <class Out>
concept CanBeWrittenAnywhere =
    std::random_access_iterator<Out> && std::is_reference_v<std::iter_reference_t<Out>>;

/// Calls use(first, size) with a random access iterator to the elements of the range.
template <class Range, class Use>
decltype(auto) with_random_access(Range& range, Use use) {
    using Iterator = IteratorOf<Range>;
    if constexpr (std::contiguous_iterator<Iterator> &&
                  std::sized_sentinel_for<decltype(range_end(range)), Iterator>) {
        const auto first = range_begin(range);
        return use(std::to_address(first), static_cast<std::size_t>(range_end(range) - first));
    } else if constexpr (std::random_access_iterator<Iterator> &&
                         std::sized_sentinel_for<decltype(range_end(range)), Iterator>) {
        const auto first = range_begin(range);
        return use(first, static_cast<std::size_t>(range_end(range) - first));
    } else if constexpr (std::forward_iterator<Iterator>) {
        std::vector<Iterator> places;
        for (auto place = range_begin(range); place != range_end(range); ++place)
            places.push_back(place);
        struct Indirect {
            const Iterator* place;
            decltype(auto) operator[](std::size_t index) const { return *place[index]; }
        };
        return use(Indirect{places.data()}, places.size());
    } else {
        std::vector<std::iter_value_t<Iterator>> values;
        for (auto place = range_begin(range); place != range_end(range); ++place)
            values.push_back(*place);
        return use(values.begin(), values.size());
    }
}

template <class First>
decltype(auto) element(First& first, std::size_t index) {
    using Iterator = std::remove_cv_t<First>;
    if constexpr (std::random_access_iterator<Iterator>)
        return first[static_cast<std::iter_difference_t<Iterator>>(index)];
    else
        return first[index];
}

/// How many neighbouring elements a reduction or a scan puts into one bracket. It depends on their number alone. The most is
/// no power of two: brackets that are walked side by side would be in each other's way in the cache.
inline std::size_t bracket_size(std::size_t elements) noexcept {
    return clamped<std::size_t>((elements + tuning::loop_brackets - 1) / tuning::loop_brackets, 1, tuning::largest_bracket);
}

/// What the brackets from `begin` to `end` give, each by itself, into `values`.
template <class T, class First, class Reduce, class Transform>
void reduce_brackets(First& first, std::size_t size, std::size_t bracket, std::size_t begin, std::size_t end,
                     std::optional<T>* values, Reduce& reduce, Transform& transform) {
    const auto at = [&](std::size_t index) -> decltype(auto) { return std::invoke(transform, element(first, index)); };
    while (begin != end) {
        const std::size_t from = begin * bracket;
        if constexpr (std::is_arithmetic_v<T>) {
            // Four at a time: each step of one bracket waits for the step before it.
            if (end - begin >= 4 && from + 4 * bracket <= size) {
                T a = at(from), b = at(from + bracket), c = at(from + 2 * bracket), d = at(from + 3 * bracket);
                for (std::size_t i = from + 1; i != from + bracket; ++i) {
                    a = std::invoke(reduce, a, at(i));
                    b = std::invoke(reduce, b, at(i + bracket));
                    c = std::invoke(reduce, c, at(i + 2 * bracket));
                    d = std::invoke(reduce, d, at(i + 3 * bracket));
                }
                values[begin++] = a;
                values[begin++] = b;
                values[begin++] = c;
                values[begin++] = d;
                continue;
            }
        }
        T value = at(from);
        for (std::size_t i = from + 1, to = smaller(from + bracket, size); i != to; ++i)
            value = std::invoke(reduce, std::move(value), at(i));
        values[begin++].emplace(std::move(value));
    }
}

/// Elements that several threads may write at once: not bits that share a byte.
template <class Iterator>
inline constexpr bool are_apart =
    !std::is_same_v<std::iter_reference_t<Iterator>, std::vector<bool>::reference>;

}  // namespace detail

/// f(element) for each element.
template <class E, detail::InputRange Range, class F>
void for_each(E& pool, Range&& range, F f) {
    static_assert(detail::CallableWithElement<F, Range>,
                  "for_each(pool, range, f): f cannot be called with an element of the range");
    if constexpr (!detail::are_apart<detail::IteratorOf<Range>>) {
        for (auto&& one : range) std::invoke(f, std::forward<decltype(one)>(one));
        return;
    }
    detail::with_random_access(range, [&](auto first, std::size_t size) {
        const auto body = [first, &f](std::size_t begin, std::size_t end) {
            for (auto i = begin; i != end; ++i) std::invoke(f, detail::element(first, i));
        };
        detail::run_loop<F>(pool, size, body);
    });
}

/// Refused: says what to write instead.
template <class E, class First, class... Rest>
    requires(!detail::InputRange<First> || sizeof...(Rest) != 1)
void for_each(E&, First&&, Rest&&...) {
    static_assert(detail::always_false<First>,
                  "for_each(pool, range, f): takes one range and a function; for indices write "
                  "for_each_index(pool, first, last, f), for two iterators std::ranges::subrange(first, last)");
}

/// f(i) for first, first + 1, … last - 1; without `first` from 0 on.
template <class E, std::integral First, std::integral Last, class F>
void for_each_index(E& pool, First first, Last last, F f) {
    using Index = std::common_type_t<First, Last>;
    if (!std::cmp_less(first, last)) return;
    const auto body = [first, &f](std::size_t begin, std::size_t end) {
        for (auto i = begin; i != end; ++i)
            std::invoke(f, static_cast<Index>(static_cast<Index>(first) + static_cast<Index>(i)));
    };
    detail::run_loop<F>(pool, static_cast<std::size_t>(last) - static_cast<std::size_t>(first), body);
}

template <class E, std::integral Last, class F>
void for_each_index(E& pool, Last last, F f) {
    for_each_index(pool, Last{0}, last, std::move(f));
}

/// *out++ = f(element) for each element, in their order. Gives the end of the output.
template <class E, detail::InputRange Range, class Out, class F>
Out transform(E& pool, Range&& range, Out out, F f) {
    static_assert(detail::CallableWithElement<F, Range>,
                  "transform(pool, range, out, f): f cannot be called with an element of the range");
    return detail::with_random_access(range, [&](auto first, std::size_t size) -> Out {
        if constexpr (detail::CanBeWrittenAnywhere<Out>) {
            using Difference = std::iter_difference_t<Out>;
            const auto body = [first, out, &f](std::size_t begin, std::size_t end) {
                for (auto i = begin; i != end; ++i)
                    out[static_cast<Difference>(i)] = std::invoke(f, detail::element(first, i));
            };
            detail::run_loop<F>(pool, size, body);
            return out + static_cast<Difference>(size);
        } else {
            // An output that has to be written in order: the results wait for that.
            using Result = std::remove_cvref_t<decltype(std::invoke(f, detail::element(first, 0)))>;
            std::vector<std::optional<Result>> results(size);
            const auto body = [first, &f, &results](std::size_t begin, std::size_t end) {
                for (auto i = begin; i != end; ++i)
                    results[i].emplace(std::invoke(f, detail::element(first, i)));
            };
            detail::run_loop<F>(pool, size, body);
            for (std::optional<Result>& result : results) *out++ = std::move(*result);
            return out;
        }
    });
}

/// f(row, column) for each row below `rows` and each column below `columns`: one loop over all of them, so few long rows
/// are shared out as well as many short ones.
template <class E, std::integral Row, std::integral Column, class F>
void for_each_index_2d(E& pool, Row rows, Column columns, F f) {
    if (rows <= 0 || columns <= 0) return;
    const auto width = static_cast<std::size_t>(columns);
    const auto body = [width, &f](std::size_t begin, std::size_t end) {
        for (std::size_t row = begin / width, column = begin % width; begin != end; ++row, column = 0)
            for (; column != width && begin != end; ++column, ++begin)
                std::invoke(f, static_cast<Row>(row), static_cast<Column>(column));
    };
    detail::run_loop<F>(pool, static_cast<std::size_t>(rows) * width, body);
}

/// reduce(…reduce(reduce(init, transform(e0)), transform(e1))…) with brackets elsewhere: `reduce` must be associative. The
/// order of the elements is kept, and the brackets depend on the number of elements alone: a sum of floating-point
/// numbers is the same in each run and with any number of workers.
template <class E, detail::InputRange Range, class T, class Reduce, class Transform>
T transform_reduce(E& pool, Range&& range, T init, Reduce reduce, Transform transform) {
    static_assert(detail::CallableWithElement<Transform, Range> && std::invocable<Reduce&, T, T>,
                  "transform_reduce(pool, range, init, reduce, transform): transform is called with an element, reduce "
                  "with two values of the type of init; are they in this order?");
    detail::with_random_access(range, [&](auto first, std::size_t size) {
        const std::size_t bracket = detail::bracket_size(size);
        std::vector<std::optional<T>> values((size + bracket - 1) / bracket);
        const auto body = [&, first](std::size_t begin, std::size_t end) {
            detail::reduce_brackets<T>(first, size, bracket, begin, end, values.data(), reduce, transform);
        };
        detail::run_loop<Transform>(pool, values.size(), body, bracket);
        for (std::optional<T>& value : values) init = std::invoke(reduce, std::move(init), std::move(*value));
    });
    return init;
}

/// transform_reduce() of the elements as they are; `init` and a sum where nothing else is given.
template <class E, detail::InputRange Range, class T, class Reduce = std::plus<>>
T reduce(E& pool, Range&& range, T init, Reduce reduce = {}) {
    return concurrent::futures::transform_reduce(pool, range, std::move(init), std::move(reduce), std::identity());
}
template <class E, detail::InputRange Range>
auto reduce(E& pool, Range&& range) {
    return concurrent::futures::reduce(pool, range, std::iter_value_t<detail::IteratorOf<Range>>());
}

/// Calls all of them, the first one here, the others here or on workers.
template <class E, class First, class... Others>
    requires(std::invocable<First&> && ... && std::invocable<Others&>)
void parallel_invoke(E& pool, First&& first, Others&&... others) {
    detail::require_this_process<E>();
    if constexpr (sizeof...(Others) == 0) {
        std::invoke(first);
    } else {
        std::exception_ptr error;  // the first one
        detail::Atomic<bool> failed{false};
        const auto run = [&](auto& call) noexcept {
            // relaxed: nothing depends on how soon the others are skipped.
            if (failed.load(std::memory_order_relaxed)) return;
            try {
                std::invoke(call);
            } catch (...) {
                // relaxed: only one is to be the first; its call's end hands over the exception.
                if (!failed.exchange(true, std::memory_order_relaxed)) error = std::current_exception();
            }
        };
        std::array<Future<void>, sizeof...(Others)> parts;
        std::size_t count = 0;
        const auto submit = [&](auto& call) {
            try {
                parts[count] = pool.submit([&run, &call] { run(call); });
            } catch (...) {  // the pool takes no tasks: the call is made below
            }
            ++count;
        };
        (submit(others), ...);
        run(first);
        // The newest first: it is the least likely to have started. A worker takes it out of its own queue again and
        // runs it; other threads leave an entry there that does nothing.
        const auto finish = [&](auto& call, Future<void>& part) {
            if (!part.valid()) return run(call);
            auto& state = detail::FutureAccess::state(part, "parallel_invoke");
            if (!(state.run_here({}) && state.done()) && !part.cancel()) part.wait();
            // Cancelled, or failed because the pool broke: it has not run. A part that runs does not fail.
            if (state.state() == detail::CallState::finished) return;
            state.mark_observed();
            run(call);
        };
        const std::tuple<Others&...> calls(others...);
        [&]<std::size_t... Index>(std::index_sequence<Index...>) {
            constexpr std::size_t last = sizeof...(Others) - 1;
            (finish(std::get<last - Index>(calls), parts[last - Index]), ...);
        }(std::index_sequence_for<Others...>());
        if (error) std::rethrow_exception(error);
    }
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
