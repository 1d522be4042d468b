// SPDX-License-Identifier: MIT
//
// A thousand records of a name, a number and eight doubles, into bytes and back: what an argument costs apart from its way.
#pragma once

#include <string>

#include "support/workload.hpp"

namespace benchmarks {

inline constexpr const char* title = "1000 records encoded and decoded";

/// `there_and_back(records)` gives equal records. `Record` has name, number and weights.
template <class Record, class ThereAndBack>
void time_codec(benchmark::State& state, ThereAndBack there_and_back) {
    std::vector<Record> records(1000);
    for (std::size_t i = 0; i < records.size(); ++i) {
        records[i].name = "the record with number " + std::to_string(i);
        records[i].number = static_cast<int>(i);
        records[i].weights.assign(8, static_cast<double>(i));
    }
    time_trips(
        state, 1, [&](int) { return there_and_back(records); },
        [&](int, const std::vector<Record>& copy) {
            require("as many records", copy.size() == records.size());
            for (std::size_t i = 0; i < records.size(); ++i)
                require("equal records", copy[i].name == records[i].name && copy[i].number == records[i].number &&
                                             copy[i].weights == records[i].weights);
        })
        .report_median(state);
}

}  // namespace benchmarks
