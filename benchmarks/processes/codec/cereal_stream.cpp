// SPDX-License-Identifier: MIT
//
// cereal's own binary archives over a std::stringstream, which check nothing.
#include <cereal/archives/binary.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

#include <sstream>

#include "processes/codec/workload.hpp"

using namespace benchmarks;

struct Record {
    std::string name;
    int number;
    std::vector<double> weights;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(name, number, weights);
    }
};

static void codec(benchmark::State& state) {
    time_codec<Record>(state, [](const std::vector<Record>& records) {
        std::stringstream stream;
        cereal::BinaryOutputArchive output(stream);
        output(records);
        cereal::BinaryInputArchive input(stream);
        std::vector<Record> copy;
        input(copy);
        return copy;
    });
}
BENCHMARK(codec)->Name(title)->UseRealTime();
