// SPDX-License-Identifier: MIT
#include <concurrent/futures/shared_array.hpp>

#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <fstream>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "concurrent/futures/hostile_worker.hpp"
#include "concurrent/futures/process_pool.hpp"
#include "concurrent/futures/shared_mappings.hpp"
#include "support/processes.hpp"

namespace process_pools {
namespace {

using Numbers = cf::SharedArray<double>;

// ---- calls ----

void wait_at(const std::string& gate) { support::wait_at_gate(gate); }
void fill(std::span<double> numbers, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) numbers[i] = static_cast<double>(i);
}
double sum(std::span<const double> numbers) { return std::accumulate(numbers.begin(), numbers.end(), 0.0); }
double sum_of(const Numbers& numbers) { return sum(numbers); }
Numbers made(std::size_t size) {
    Numbers numbers(size);
    fill(numbers, 0, size);
    return numbers;
}
Numbers same(Numbers numbers) {
    numbers[0] += 1;
    return numbers;
}
struct Scene {
    std::string name;
    Numbers heights;
    std::map<int, std::vector<cf::SharedArray<char>>> layers;
};
Scene shifted(Scene scene) {
    for (double& height : scene.heights) height += 1;
    scene.layers.at(7).at(1)[0] = 'z';
    scene.layers[8].push_back(cf::SharedArray<char>(3, 'n'));
    return scene;
}
int mappings_with(const Numbers& numbers) { return numbers.empty() ? -1 : support::shared_mappings(); }
int count_mappings() { return support::shared_mappings(); }
void write_and_die(Numbers numbers) {
    numbers[0] = 42;
    ::raise(SIGKILL);
}
void add_atomically(cf::SharedArray<long> counter, int times) {
    for (int i = 0; i < times; ++i) std::atomic_ref(counter[0]).fetch_add(1);
}
Numbers kept_here;  // in the worker, beyond the call
void keep_here(Numbers numbers) { kept_here = std::move(numbers); }
Numbers give_kept() { return kept_here; }
double first_kept() { return kept_here.empty() ? -1.0 : kept_here[0]; }
double without_descriptors(std::size_t size) {
    const support::NoDescriptors none;
    return Numbers(size)[0];
}
/// Until the next call.
std::unique_ptr<support::NoDescriptors> no_descriptors;
void close_the_table() { no_descriptors = std::make_unique<support::NoDescriptors>(); }
double sum_in_a_pool_of_its_own(const Numbers& numbers) {
    cf::ProcessPoolExecutor pool(Spawn::with({.max_workers = 1}));
    pool.submit(fill, numbers, std::size_t{0}, std::size_t{3}).result();
    return pool.submit(same, numbers).result()[0] + sum(numbers);
}

template <class T>
std::vector<std::byte> bytes_of(const T& value) {
    cf::Encoder encoder;
    encoder.encode(value);
    return {encoder.bytes().begin(), encoder.bytes().end()};
}
template <class T>
T decoded(const std::vector<std::byte>& bytes) {
    cf::Decoder decoder(bytes);
    T value = decoder.decode<T>();
    decoder.expect_end();
    return value;
}

// ---- the array itself ----

TEST_CASE("a SharedArray starts with zeros, or with what it is made of", "[shared_array]") {
    const Numbers zeros(1000);
    CHECK(zeros.size() == 1000);
    CHECK(zeros.size_bytes() == 8000);
    CHECK(sum(zeros) == 0);
    CHECK(sum(Numbers(10, 0.5)) == 5);
    const cf::SharedArray three{1, 2, 3};
    CHECK(std::vector<int>(three.begin(), three.end()) == std::vector{1, 2, 3});
    const cf::SharedArray from_list(std::list<long>{4, 5});
    static_assert(std::is_same_v<decltype(from_list), const cf::SharedArray<long>>);
    CHECK(from_list.front() + from_list.back() == 9);
    CHECK(from_list.at(1) == 5);
    CHECK_THROWS_AS(from_list.at(2), std::out_of_range);
}

TEST_CASE("copies of a SharedArray are the same array", "[shared_array]") {
    const Numbers one(5);
    const Numbers other = one;
    other[3] = 8;
    CHECK(one[3] == 8);
    CHECK(one == other);
    CHECK(one != Numbers(5));
    const std::span<double> view = one;
    CHECK(view.data() == one.data());
}

TEST_CASE("an empty SharedArray takes no memory and crosses", "[shared_array]") {
    const int before = support::shared_mappings();
    const Numbers none;
    const Numbers nothing(0);
    CHECK(none.empty());
    CHECK(nothing.begin() == nothing.end());
    CHECK(none == nothing);
    CHECK(decoded<Numbers>(bytes_of(none)).empty());
    CHECK(support::shared_mappings() == before);
}

TEST_CASE("the memory of a SharedArray goes with its last handle", "[shared_array]") {
    const int before = support::shared_mappings();
    {
        const Numbers numbers(100);
        const Numbers copy = numbers;
        CHECK(support::shared_mappings() == before + 1);
    }
    CHECK(support::shared_mappings() == before);
}

TEST_CASE("a SharedArray for which there is no memory or no descriptor is an exception that says so", "[shared_array]") {
    CHECK_THROWS_AS(Numbers(std::numeric_limits<std::size_t>::max() / 4), std::bad_alloc);
    CHECK_THROWS_AS(Numbers(std::numeric_limits<std::size_t>::max() / 64), std::bad_alloc);
    std::string text;
    try {
        const support::NoDescriptors none;
        const Numbers numbers(10);
    } catch (const std::system_error& error) {
        text = error.what();
    }
    CHECK_THAT(text, ContainsSubstring("RLIMIT_NOFILE"));
}

TEST_CASE("bytes that name no SharedArray are a SerializationError", "[shared_array]") {
    const Numbers numbers(100);
    const std::vector<std::byte> good = bytes_of(numbers);
    CHECK(decoded<Numbers>(good) == numbers);
    for (std::size_t size = 0; size < good.size(); ++size)
        CHECK_THROWS_AS(decoded<Numbers>({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}),
                        cf::SerializationError);
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        std::vector<std::byte> bad = good;
        bad[bit / 8] ^= std::byte{1} << bit % 8;
        CHECK_THROWS_AS(decoded<Numbers>(bad), cf::SerializationError);
    }
    // Of another size of elements, and memory that is gone.
    CHECK_THROWS_AS((decoded<cf::SharedArray<std::array<char, 7>>>(good)), cf::SerializationError);
    const std::vector<std::byte> late = bytes_of(Numbers(3));
    CHECK_THROWS_AS(decoded<Numbers>(late), cf::SerializationError);
}

TEST_CASE("calls on threads see the same SharedArray", "[shared_array]") {
    cf::ThreadPoolExecutor pool(2);
    const Numbers numbers(1000);
    pool.submit(fill, numbers, 0, 500).result();
    pool.submit(fill, numbers, 500, 1000).result();
    CHECK(pool.submit(sum, numbers).result() == 499'500);
    CHECK(pool.submit(same, numbers).result() == numbers);
}

// ---- in processes ----

PROCESS_CASE("calls in several processes write into one SharedArray") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    const Numbers numbers(1000);
    const auto half = pool.submit(fill, numbers, std::size_t{0}, std::size_t{500});
    const auto rest = pool.submit(fill, numbers, std::size_t{500}, std::size_t{1000});
    half.result();
    rest.result();
    CHECK(sum(numbers) == 499'500);
    CHECK(pool.submit(sum_of, numbers).result() == 499'500);
    CHECK(pool.submit([](auto array) { return array.size(); }, numbers).result() == 1000);
    const cf::SharedArray<long> counter(1);
    const auto one = pool.submit(add_atomically, counter, 10'000);
    const auto other = pool.submit(add_atomically, counter, 10'000);
    one.result();
    other.result();
    CHECK(counter[0] == 20'000);
}

PROCESS_CASE("a call may return a SharedArray, its own or one that it was given") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    const Numbers fresh = pool.submit(made, std::size_t{1000}).result();
    CHECK(sum(fresh) == 499'500);
    const Numbers returned = pool.submit(same, fresh).result();
    CHECK(returned == fresh);
    CHECK(fresh[0] == 1);
    CHECK(pool.submit(made, std::size_t{0}).result().empty());
    // Its worker is gone; the array stays, and other workers see it.
    pool.kill_workers();
    fresh[1] = 5;
    cf::ProcessPoolExecutor next(TestType::with({.max_workers = 1}));
    CHECK(next.submit(sum, fresh).result() == 499'500 + 1 + 4);
}

PROCESS_CASE("SharedArrays cross as parts of other values") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    Scene scene{"hills", Numbers(3, 1.0), {{7, {cf::SharedArray<char>(2, 'a'), cf::SharedArray<char>(2, 'b')}}}};
    const Scene result = pool.submit(shifted, scene).result();
    CHECK(result.heights == scene.heights);
    CHECK(scene.heights[2] == 2);
    CHECK(scene.layers[7][1][0] == 'z');
    CHECK(result.layers.at(7) == scene.layers[7]);
    CHECK(result.layers.at(8).at(0)[2] == 'n');
    const std::vector<Numbers> many{Numbers(1, 1.0), Numbers(1, 2.0), Numbers(1, 3.0)};
    double total = 0;
    for (const double each : pool.map({.chunksize = 2}, sum_of, many)) total += each;
    CHECK(total == 6);
    for (const Numbers& each : pool.map({.chunksize = 3}, made, std::vector<std::size_t>{1, 2, 3, 4}))
        CHECK(each.back() == static_cast<double>(each.size() - 1));
}

PROCESS_CASE("a worker maps a SharedArray once, and lets go of it when the program does") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    {
        const Numbers numbers(1000);
        const Numbers other(1000);
        for (int i = 0; i < 100; ++i) CHECK(pool.submit(mappings_with, numbers).result() == 1);
        CHECK(pool.submit(mappings_with, other).result() == 2);
        CHECK(pool.submit(mappings_with, numbers).result() == 2);
    }
    CHECK(support::eventually([&] { return pool.submit(count_mappings).result() == 0; }));
}

PROCESS_CASE("an idle worker lets go of a SharedArray, too") {
    const int before = support::shared_mappings();
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    pool.submit(mappings_with, Numbers(1000)).result();
    CHECK(support::eventually([&] { return support::shared_mappings() == before; }));
    // Seen from outside: the worker is not asked to do anything.
    REQUIRE(knows_workers(pool, 1));
    const std::string maps = "/proc/" + std::to_string(pool.worker_pids().at(0)) + "/maps";
    CHECK(support::eventually([&] {
        std::ifstream lines(maps);
        std::string line;
        while (std::getline(lines, line))
            if (line.find("memfd:concurrent_futures_shared") != std::string::npos) return false;
        return true;
    }));
}

PROCESS_CASE("a call that is cancelled while it waits behind others lets go of its SharedArray at once") {
    const int before = support::shared_mappings();
    support::ProcessGate gate;
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    std::vector<cf::Future<void>> others;
    for (int i = 0; i < 100; ++i) others.push_back(pool.submit(wait_at, gate.path()));
    REQUIRE(support::eventually([&] { return pool.stats().running == 1; }));
    std::vector<cf::Future<double>> cancelled;
    for (int i = 0; i < 200; ++i) cancelled.push_back(pool.submit(sum, Numbers(1000, 1.0)));
    for (cf::Future<double>& future : cancelled) CHECK(future.cancel());
    CHECK(support::shared_mappings() == before);
    CHECK(pool.stats().pending == 99);
    CHECK(pool.stats().cancelled == 200);
    gate.open();
    for (cf::Future<void>& future : others) future.result();
    CHECK(pool.submit(sum, Numbers(10, 1.0)).result() == 10);
}

PROCESS_CASE("a pool that is to let go of memory and to shut down at the same moment ends") {
    for (int i = 0; i < 20; ++i) {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
        CHECK(pool.submit(sum, Numbers(10, 1.0)).result() == 10);
    }
}

PROCESS_CASE("a call keeps its SharedArray until it has ended, and no longer") {
    const int before = support::shared_mappings();
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    BusyWorker busy(pool);
    const auto waiting = pool.submit(sum, Numbers(10, 1.0));
    const auto cancelled = pool.submit(sum, Numbers(10, 1.0));
    CHECK(support::shared_mappings() == before + 2);
    CHECK(cancelled.cancel());
    busy.open();
    CHECK(waiting.result() == 10);
    CHECK(support::eventually([&] { return support::shared_mappings() == before; }));
}

PROCESS_CASE("a worker that dies leaves the SharedArray as it was, and leaks nothing") {
    const int before = support::shared_mappings();
    {
        cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
        const Numbers numbers(10, 1.0);
        for (int i = 0; i < 3; ++i) {
            error_of<cf::WorkerDiedError>(pool.submit(write_and_die, numbers));
            CHECK(numbers[0] == 42);
            CHECK(pool.submit(sum, numbers).result() == 51);
        }
    }
    CHECK(support::shared_mappings() == before);
}

PROCESS_CASE("a worker may keep a SharedArray beyond the call, and return it later") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    {
        const Numbers numbers(1, 7.0);
        pool.submit(keep_here, numbers).result();
        numbers[0] = 8;
    }
    CHECK(pool.submit(first_kept).result() == 8);
    const Numbers again = pool.submit(give_kept).result();
    CHECK(again[0] == 8);
    again[0] = 9;
    CHECK(pool.submit(first_kept).result() == 9);
    CHECK(pool.submit(give_kept).result() == again);
}

PROCESS_CASE("the initializer may take a SharedArray") {
    const Numbers numbers(1, 3.0);
    cf::ProcessPoolExecutor pool(
        TestType::with({.max_workers = 1, .initializer = cf::bind_task(keep_here, numbers)}));
    CHECK(pool.submit(first_kept).result() == 3);
    numbers[0] = 4;
    CHECK(pool.submit(first_kept).result() == 4);
}

TEST_CASE("a worker's own pool gets the same SharedArray", "[process_pool]") {
    cf::ProcessPoolExecutor pool(Spawn::with({.max_workers = 1}));
    const Numbers numbers(3);
    CHECK(pool.submit(sum_in_a_pool_of_its_own, numbers).result() == 1 + 4);
    CHECK(numbers[0] == 1);
    CHECK(numbers[2] == 2);
}

PROCESS_CASE("where a worker has no descriptors left its calls say so and the others go on") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    const auto error = error_of<std::system_error>(pool.submit(without_descriptors, std::size_t{10}));
    CHECK_THAT(error.what(), ContainsSubstring("RLIMIT_NOFILE"));
    const Numbers numbers(10, 1.0);
    CHECK(pool.submit(sum, numbers).result() == 10);
    pool.submit(close_the_table).result();
    const auto full = error_of<cf::SerializationError>(pool.submit(sum, Numbers(5)));
    CHECK_THAT(full.what(), ContainsSubstring("RLIMIT_NOFILE"));
    CHECK(pool.submit(sum, numbers).result() == 10);  // it has that one
}

TEST_CASE("where the program has no descriptors left a returned SharedArray says so", "[process_pool]") {
    cf::ProcessPoolExecutor pool(Spawn::with({.max_workers = 1}));
    CHECK(pool.submit(made, std::size_t{2}).result().size() == 2);
    {
        const support::NoDescriptors none;
        CHECK_THAT(error_of<cf::SerializationError>(pool.submit(made, std::size_t{2})).what(),
                   ContainsSubstring("RLIMIT_NOFILE"));
    }
    CHECK(pool.submit(made, std::size_t{2}).result().size() == 2);
}

TEST_CASE("a fork of the program has the SharedArray, too", "[process_pool]") {
    const Numbers numbers(10, 1.0);
    const pid_t child = ::fork();
    if (child == 0) {
        numbers[3] = 5;
        const Numbers own(4, 1.0);
        ::_exit(own[3] == 1 ? 0 : 1);
    }
    int status = 0;
    REQUIRE(support::wait_for_end(child, &status) == child);
    CHECK(status == 0);
    CHECK(numbers[3] == 5);
}

// ---- workers that lie ----

using hostile::About, hostile::FrameType, hostile::Hostile, hostile::Length, hostile::Script;

void check_killed(cf::ProcessPoolExecutor& pool, const Script& script) {
    const auto error = error_of<cf::WorkerDiedError>(pool.submit(Hostile(), script.text()));
    CHECK_THAT(error.what(), ContainsSubstring("it sent bytes that are no message"));
    CHECK(pool.submit(square, 5).result() == 25);
}

PROCESS_CASE("a worker that lies about shared memory kills itself alone") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    BusyWorker neighbour(pool);
    const Numbers numbers(10, 1.0);
    check_killed(pool, Script().frame(FrameType::want));
    check_killed(pool, Script().frame(FrameType::want, About::own, Length::true_one, "15 bytes of it."));
    check_killed(pool, Script().frame(FrameType::memory));
    check_killed(pool, Script().frame(FrameType::memory, About::own, Length::true_one, std::string(32, 'm')));
    CHECK(pool.submit(sum, numbers).result() == 10);
    neighbour.open();
    CHECK(neighbour.call().result() == neighbour.pid());
}

int close_sockets() {
    int closed = 0;
    for (int fd = 3; fd < 256; ++fd) {
        int type = 0;
        socklen_t size = sizeof type;
        if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0) closed += ::close(fd) == 0;
    }
    return closed;
}

PROCESS_CASE("a worker that has closed its socket for shared memory fails the calls that need it, and is replaced") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 1}));
    CHECK(pool.submit(close_sockets).result() > 0);
    const auto in_vain = pool.submit(sum_of, Numbers(3));
    try {
        in_vain.result(support::deadline(30s));
        FAIL("it has a result");
    } catch (const cf::SerializationError&) {
    } catch (const cf::WorkerDiedError& error) {  // a busy machine: it was ended before it could say so
        CHECK_THAT(error.what(), ContainsSubstring("it closed its socket for shared memory"));
    }
    CHECK(support::eventually([&] { return pool.stats().worker_restarts == 1; }));
    CHECK(pool.submit(sum_of, Numbers(3)).result() == 0);
    CHECK(pool.stats().failed == 1);
}

PROCESS_CASE("a worker that asks for shared memory for ever is ended, and only that one") {
    cf::ProcessPoolExecutor pool(TestType::with({.max_workers = 2}));
    BusyWorker neighbour(pool);
    Script script;
    for (int i = 0; i < 2000; ++i)
        script.frame(FrameType::want, About::own, Length::true_one, "16 bytes of some");
    // By the pool, or by what it goes on to write, which nobody reads any more.
    error_of<cf::WorkerDiedError>(pool.submit(Hostile(), script.text()));
    CHECK(pool.submit(square, 5).result() == 25);
    neighbour.open();
    CHECK(neighbour.call().result() == neighbour.pid());
}

}  // namespace
}  // namespace process_pools
