// SPDX-License-Identifier: MIT
//
// Lesson: a pipeline of stages, each a lazy map over the results of the one before. buffersize bounds how many results of
// a stage wait for the next one, so the memory stays the same however long the input is.
//
// Run: build/quickstart/examples/bounded_pipeline
// Prints (the test compares it):
//     10000 records in, 5000 out, the last is "record 9998: 19996"
//     records that were in the pipeline at a time: never more than 64
#include <atomic>
#include <concurrent/futures.hpp>
#include <cstdio>
#include <optional>
#include <ranges>
#include <string>

namespace cf = concurrent::futures;

std::atomic<int> in_pipeline{0}, most_in_pipeline{0};

struct Record {
    int id = 0;
    long value = 0;
};

/// The source: whoever advances it reads one more record.
int read_id(int id) {
    const int now = ++in_pipeline;
    for (int most = most_in_pipeline; most < now && !most_in_pipeline.compare_exchange_weak(most, now);) {
    }
    return id;
}

Record parse(int id) { return {id, 2L * id}; }

std::optional<std::string> format(const Record& record) {
    if (record.id % 2 != 0) return std::nullopt;  // filtered
    return "record " + std::to_string(record.id) + ": " + std::to_string(record.value);
}

int main() {
    cf::ThreadPoolExecutor parsers(2), formatters(2);
    auto source = std::views::iota(0, 10'000) | std::views::transform(read_id);
    auto parsed = parsers.map({.buffersize = 16}, parse, source);
    int in = 0, out = 0;
    std::string last;
    for (const std::optional<std::string>& line : formatters.map({.buffersize = 16}, format, parsed)) {
        ++in;
        --in_pipeline;
        if (!line) continue;
        ++out;
        last = *line;
    }
    std::printf("%d records in, %d out, the last is \"%s\"\n", in, out, last.c_str());
    std::printf("records that were in the pipeline at a time: %s\n",
                most_in_pipeline <= 64 ? "never more than 64" : "too many");
}
