// SPDX-License-Identifier: MIT
//
// Values that one process sends and another receives, one after the other without waiting for answers: five million ints,
// and vectors of 1 MiB. Per value, from the request for all of them to the last one received. The sum of the ints and each
// vector's size and ends are checked.
#pragma once

#include <cstdint>
#include <vector>

#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* small_title = "an int through a channel";
inline constexpr const char* large_title = "1 MiB through a channel";

using Numbers = std::vector<double>;
inline constexpr std::size_t numbers_of_a_mebibyte = 131'072;

/// `request(count)` asks the sender for the ints 1 to count; `receive()` gives one.
template <class Request, class Receive>
void time_small(benchmark::State& state, Request request, Receive receive) {
    time_batches(state, scaled(5'000'000), [&](int count) {
        request(count);
        std::int64_t sum = 0;
        for (int n = 0; n < count; ++n) sum += receive();
        check("sum of the values", sum, sum_up_to(count));
    });
}

/// `request(count)` asks the sender for that many vectors, all of whose numbers are 1, 2, … count.
template <class Request, class Receive>
void time_large(benchmark::State& state, Request request, Receive receive) {
    time_batches(state, scaled(500), [&](int count) {
        request(count);
        for (int n = 1; n <= count; ++n) {
            const Numbers numbers = receive();
            require("the numbers", numbers.size() == numbers_of_a_mebibyte && numbers.front() == n && numbers.back() == n);
        }
    });
}

}  // namespace benchmarks
