// SPDX-License-Identifier: MIT
#include <concurrent/futures/serialization.hpp>

#include "processes/codec/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

struct Record {
    std::string name;
    int number;
    std::vector<double> weights;
};

static void codec(benchmark::State& state) {
    time_codec<Record>(state, [](const std::vector<Record>& records) {
        cf::Encoder encoder;
        encoder.encode(records);
        cf::Decoder decoder(encoder.bytes());
        return decoder.decode<std::vector<Record>>();
    });
}
BENCHMARK(codec)->Name(title)->UseRealTime();
