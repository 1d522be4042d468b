// SPDX-License-Identifier: MIT
#include <concurrent/futures/process.hpp>

#include "processes/channel/workload.hpp"

using namespace benchmarks;
namespace cf = concurrent::futures;

static void send_ints(cf::Receiver<int> requests, cf::Sender<int> values) {
    for (const int count : requests)
        for (int n = 1; n <= count; ++n) values.send(n);
}
static void send_vectors(cf::Receiver<int> requests, cf::Sender<Numbers> values) {
    Numbers numbers(numbers_of_a_mebibyte);
    for (const int count : requests)
        for (int n = 1; n <= count; ++n) {
            numbers.assign(numbers_of_a_mebibyte, n);
            values.send(numbers);
        }
}

static void small(benchmark::State& state) {
    auto [requests, asked] = cf::make_channel<int>();
    auto [sent, values] = cf::make_channel<int>();
    cf::Process sender(send_ints, std::move(asked), std::move(sent));
    time_small(
        state, [&to = requests](int count) { to.send(count); },
        [&from = values] { return from.receive().value(); });
    requests.close();
}
static void large(benchmark::State& state) {
    auto [requests, asked] = cf::make_channel<int>();
    auto [sent, values] = cf::make_channel<Numbers>();
    cf::Process sender(send_vectors, std::move(asked), std::move(sent));
    time_large(
        state, [&to = requests](int count) { to.send(count); },
        [&from = values] { return from.receive().value(); });
    requests.close();
}
BENCHMARK(small)->Name(small_title)->UseRealTime();
BENCHMARK(large)->Name(large_title)->UseRealTime();
