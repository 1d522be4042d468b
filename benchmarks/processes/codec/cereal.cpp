// SPDX-License-Identifier: MIT
//
// cereal's functions with the checked archives of serialization/cereal.hpp, one for all records.
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>
#include <concurrent/futures/serialization/cereal.hpp>

#include "processes/codec/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

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
        cf::Encoder encoder;
        cf::detail::CerealOutput output(encoder);
        output(records);
        cf::Decoder decoder(encoder.bytes());
        cf::detail::CerealInput input(decoder);
        std::vector<Record> copy;
        input(copy);
        return copy;
    });
}
BENCHMARK(codec)->Name(title)->UseRealTime();
