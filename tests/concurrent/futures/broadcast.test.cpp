// SPDX-License-Identifier: MIT
#include <concurrent/futures/broadcast.hpp>

#include <concurrent/futures/inline_executor.hpp>
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/shared_array.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <signal.h>

#include <atomic>
#include <numeric>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "concurrent/futures/process_pool.hpp"
#include "concurrent/futures/shared_mappings.hpp"

namespace process_pools {
namespace {

using Numbers = std::vector<double>;

/// Counts how often it crosses, in each process.
struct Model {
    Numbers weights;
    bool unreadable = false;

    inline static std::atomic<int> encoded{0};
    inline static std::atomic<int> decoded{0};
};

}  // namespace
}  // namespace process_pools

template <>
struct concurrent::futures::Codec<process_pools::Model> {
    static void encode(Encoder& encoder, const process_pools::Model& model) {
        ++process_pools::Model::encoded;
        encoder(model.weights, model.unreadable);
    }
    static process_pools::Model decode(Decoder& decoder) {
        ++process_pools::Model::decoded;
        process_pools::Model model;
        decoder(model.weights, model.unreadable);
        if (model.unreadable) throw std::runtime_error("unreadable");
        return model;
    }
};

namespace process_pools {
namespace {

Model model_of(std::size_t size) { return {Numbers(size, 0.5), false}; }

// ---- calls ----

double weigh(const Model& model, double factor) {
    return factor * std::accumulate(model.weights.begin(), model.weights.end(), 0.0);
}
double weigh_copy(Model model) { return weigh(model, 1); }
/// In which process, and how often there so far.
std::pair<int, int> decodes(const Model& model) {
    return {model.weights.empty() ? -1 : ::getpid(), Model::decoded.load()};
}
int decodes_without_looking(const cf::Broadcast<Model>&) { return Model::decoded.load(); }
double sum(std::span<const double> numbers) { return std::accumulate(numbers.begin(), numbers.end(), 0.0); }
std::size_t length(std::string_view text) { return text.size(); }
std::size_t length_of(const std::string& text) { return text.size(); }
void die(const Model& model) {
    if (!model.weights.empty()) ::raise(SIGKILL);
}
cf::Broadcast<Numbers> made(std::size_t size) { return cf::broadcast(Numbers(size, 2.0)); }
cf::Broadcast<Model> given_back(const cf::Broadcast<Model>& model) { return model; }
int count_mappings() { return support::shared_mappings(); }
struct Scaled {
    cf::Broadcast<Model> model;
    double operator()(double factor) const { return weigh(*model, factor); }
};
double sum_shared(const std::vector<cf::SharedArray<double>>& arrays) {
    double total = 0;
    for (const auto& array : arrays) total += sum(array);
    return total;
}
double in_a_pool_of_its_own(const cf::Broadcast<Model>& model) {
    cf::ProcessPoolExecutor pool(Spawn::with({.max_workers = 1}));
    return pool.submit(weigh, model, 3.0).result();
}

// ---- in processes ----

PROCESS_CASE("a broadcast is encoded once, and decoded once by each worker") {
    Model::encoded = 0;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    const auto model = cf::broadcast(model_of(10'000));
    CHECK(Model::encoded == 0);
    std::vector<cf::Future<double>> futures;
    for (int i = 0; i < 100; ++i) futures.push_back(pool.submit(weigh, model, i));
    for (int i = 0; i < 100; ++i) CHECK(futures[static_cast<std::size_t>(i)].result() == i * 5000.0);
    CHECK(pool.submit(weigh_copy, model).result() == 5000);
    for (int i = 0; i < 20; ++i) CHECK(pool.submit(decodes, model).result().second == 1);
    CHECK(Model::encoded == 1);
    CHECK(Model::decoded == 0);
}

PROCESS_CASE("a broadcast that a call does not look at is not decoded") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto model = cf::broadcast(model_of(10));
    CHECK(pool.submit(decodes_without_looking, model).result() == 0);
    CHECK(pool.submit(decodes, model).result().second == 1);
}

PROCESS_CASE("a worker that replaces one that died decodes the broadcast again, and nobody encodes it again") {
    Model::encoded = 0;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto model = cf::broadcast(model_of(10'000));
    std::set<int> pids;
    for (int i = 0; i < 3; ++i) {
        const auto [pid, times] = pool.submit(decodes, model).result();
        pids.insert(pid);
        CHECK(times == 1);
        error_of<cf::WorkerDiedError>(pool.submit(die, model));
    }
    CHECK(pids.size() == 3);
    CHECK(Model::encoded == 1);
}

PROCESS_CASE("views of a broadcast are of the shared bytes, and owners are copies") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto numbers = cf::broadcast(Numbers(100'000, 0.5));
    CHECK(pool.submit(sum, numbers).result() == 50'000);
    const auto text = cf::broadcast(std::string(5000, 't'));
    CHECK(pool.submit(length, text).result() == 5000);
    CHECK(pool.submit(length_of, text).result() == 5000);
    CHECK(pool.submit(length, text).result() == 5000);
    CHECK(pool.submit([](const auto& each) { return each->size(); }, text).result() == 5000);
    CHECK(pool.submit(length, cf::broadcast(std::string())).result() == 0);
}

PROCESS_CASE("a broadcast may be part of a callable, of a map, of a struct") {
    Model::encoded = 0;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    const auto model = cf::broadcast(model_of(100));
    const std::vector<double> factors{1, 2, 3, 4, 5};
    double total = 0;
    for (const double each : pool.map({.chunksize = 2}, Scaled{model}, factors)) total += each;
    CHECK(total == 50 * 15);
    CHECK(Model::encoded == 1);
}

PROCESS_CASE("workers let go of a broadcast when the program has") {
    const int before = support::shared_mappings();
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    {
        const auto one = cf::broadcast(model_of(10));
        const auto other = cf::broadcast(model_of(10));
        CHECK(pool.submit(weigh, one, 1.0).result() == 5);
        CHECK(pool.submit(weigh, other, 1.0).result() == 5);
        CHECK(pool.submit(count_mappings).result() == 2);
    }
    CHECK(support::eventually([&] { return pool.submit(count_mappings).result() == 0; }));
    CHECK(support::shared_mappings() == before);
}

PROCESS_CASE("a call may return a broadcast, its own or one that it was given") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto numbers = pool.submit(made, std::size_t{1000}).result();
    CHECK(*numbers == Numbers(1000, 2.0));
    CHECK(pool.submit(sum, numbers).result() == 2000);
    Model::decoded = 0;
    const auto model = cf::broadcast(model_of(10));
    const auto same = pool.submit(given_back, model).result();
    CHECK(same == model);
    CHECK(same->weights == model->weights);
    CHECK(Model::decoded == 0);
}

PROCESS_CASE("a broadcast keeps the SharedArrays in it") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto arrays = [] {
        std::vector<cf::SharedArray<double>> list;
        for (int i = 0; i < 3; ++i) list.emplace_back(10, 1.0);
        return cf::broadcast(std::move(list));
    }();
    CHECK(pool.submit(sum_shared, arrays).result() == 30);
}

PROCESS_CASE("what a broadcast's codec throws in a worker is the outcome of each call that looks at it") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto model = cf::broadcast(Model{{1}, true});
    for (int i = 0; i < 2; ++i)
        CHECK_THAT(error_of<std::runtime_error>(pool.submit(weigh, model, 1.0)).what(),
                   ContainsSubstring("unreadable"));
    CHECK(pool.submit(weigh, cf::broadcast(model_of(2)), 1.0).result() == 1);
}

TEST_CASE("a worker's own pool gets the same broadcast, without encoding it", "[process_pool]") {
    cf::ProcessPoolExecutor pool(Spawn::with({.max_workers = 1}));
    CHECK(pool.submit(in_a_pool_of_its_own, cf::broadcast(model_of(4))).result() == 6);
}

// ---- elsewhere ----

TEST_CASE("on threads and inline a broadcast is the value itself", "[broadcast]") {
    Model::encoded = Model::decoded = 0;
    const auto model = cf::broadcast(model_of(100));
    cf::ThreadPoolExecutor threads(2);
    cf::InlineExecutor here;
    CHECK(threads.submit(weigh, model, 2.0).result() == 100);
    CHECK(here.submit(weigh, model, 2.0).result() == 100);
    CHECK(threads.submit(weigh_copy, model).result() == 50);
    CHECK(threads.submit([&](const Model& each) { return &each == &*model; }, model).result());
    CHECK(here.submit(sum, cf::broadcast(Numbers(10, 1.0))).result() == 10);
    CHECK(here.submit(length, cf::broadcast(std::string("four"))).result() == 4);
    CHECK(Model::encoded == 0);
    CHECK(Model::decoded == 0);
}

TEST_CASE("copies of a broadcast are the same value", "[broadcast]") {
    const auto one = cf::broadcast(std::string("text"));
    const auto other = one;
    CHECK(&*one == &*other);
    CHECK(one == other);
    CHECK(one->size() == 4);
    CHECK(one != cf::broadcast(std::string("text")));
    static_assert(std::is_same_v<decltype(cf::broadcast(std::declval<const std::string&>())),
                                 cf::Broadcast<std::string>>);
}

TEST_CASE("bytes that name no broadcast of this type are a SerializationError", "[broadcast]") {
    const auto model = cf::broadcast(model_of(3));
    cf::Encoder encoder;
    encoder.encode(model);
    const std::vector<std::byte> good(encoder.bytes().begin(), encoder.bytes().end());
    const auto decode = [](const std::vector<std::byte>& bytes, auto type) {
        cf::Decoder decoder(bytes);
        return *decoder.decode<typename decltype(type)::type>();
    };
    CHECK(decode(good, std::type_identity<cf::Broadcast<Model>>()).weights.size() == 3);
    CHECK_THROWS_AS(decode(good, std::type_identity<cf::Broadcast<Numbers>>()), cf::SerializationError);
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        std::vector<std::byte> bad = good;
        bad[bit / 8] ^= std::byte{1} << bit % 8;
        CHECK_THROWS_AS(decode(bad, std::type_identity<cf::Broadcast<Model>>()), cf::SerializationError);
    }
    // A SharedArray's memory can be written to: it is none of a broadcast.
    const cf::SharedArray<double> array(10);
    cf::Encoder other;
    other.encode(array);
    const std::vector<std::byte> name(other.bytes().begin() + 1, other.bytes().end());
    CHECK_THROWS_AS(decode(name, std::type_identity<cf::Broadcast<Model>>()), cf::SerializationError);
}

}  // namespace
}  // namespace process_pools
