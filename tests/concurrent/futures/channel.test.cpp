// SPDX-License-Identifier: MIT
#include <concurrent/futures/channel.hpp>
#include <concurrent/futures/hang_report.hpp>
#include <concurrent/futures/process.hpp>
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/shared_array.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <array>
#include <chrono>
#include <cstddef>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/deadline.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"
#include "support/process_log.hpp"

namespace cf = concurrent::futures;
using namespace std::chrono_literals;

namespace {

struct SpawnChild {
    static cf::ProcessOptions options() { return {.start_method = cf::StartMethod::spawn}; }
    static constexpr cf::StartMethod method = cf::StartMethod::spawn;
};

// ThreadSanitizer cannot follow a fork of a process with threads.
#if CONCURRENT_FUTURES_TSAN
#define EACH_CHILD(name) TEMPLATE_TEST_CASE(name, "[channel]", SpawnChild)
#else
struct ForkChild {
    static cf::ProcessOptions options() { return {.start_method = cf::StartMethod::fork}; }
    static constexpr cf::StartMethod method = cf::StartMethod::fork;
};
#define EACH_CHILD(name) TEMPLATE_TEST_CASE(name, "[channel]", SpawnChild, ForkChild)
#endif

std::vector<int> numbers_below(int end) {
    std::vector<int> numbers(static_cast<std::size_t>(end));
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}
std::vector<int> all_of(cf::Receiver<int>& receiver) {
    std::vector<int> numbers;
    for (const int n : receiver) numbers.push_back(n);
    return numbers;
}

struct Reading {
    std::string name;
    std::map<std::string, double> values;
    friend bool operator==(const Reading&, const Reading&) = default;
};
struct Job {
    int number;
    cf::Sender<std::string> answer;
};
/// Its bytes are not what its decode expects.
struct Liar {
    bool lies = false;
};

// ---- calls ----

void count(int end, cf::Sender<int> sender) {
    for (int n = 0; n < end; ++n) sender.send(n);
}
void count_and_die(int end, cf::Sender<int> sender) {
    for (int n = 0; n < end; ++n) sender.send(n);
    ::raise(SIGKILL);
}
void square_all(cf::Receiver<int> receiver, cf::Sender<int> sender) {
    for (const int n : receiver) sender.send(n * n);
}
void ignore_values(const std::string& log, cf::Receiver<std::string> receiver) {
    static_cast<void>(receiver);
    support::append_line(log, "has it");
    for (;;) ::pause();
}
void stay_until(const std::string& log, const std::string& gate) {
    support::append_line(log, "stays");
    support::wait_at_gate(gate);
}
void send_large(const std::string& log, cf::Sender<std::string> sender) {
    sender.send("first");
    support::append_line(log, "started");
    sender.send(std::string(10'000'000, 'x'));
}
void serve(cf::Receiver<Job> jobs) {
    for (Job& job : jobs) {
        cf::Sender<std::string> answer = std::move(job.answer);
        answer.send("answer " + std::to_string(job.number));
    }
}
void number_arrays(cf::Receiver<cf::SharedArray<int>> arrays) {
    int number = 0;
    for (cf::SharedArray<int> array : arrays) array[3] = ++number;
}
void sum_bytes(cf::Receiver<std::vector<std::byte>> receiver, cf::Sender<std::size_t> sums) {
    for (const auto& bytes : receiver) {
        std::size_t sum = 0;
        for (std::size_t i = 0; i < bytes.size(); i += 4096) sum += std::to_integer<std::size_t>(bytes[i]);
        sums.send(sum + bytes.size());
    }
}

TEST_CASE("send() and receive() are right for every timeout", "[channel]") {
    const std::chrono::duration<double> nan(std::numeric_limits<double>::quiet_NaN());
    auto [sender, receiver] = cf::make_channel<int>();
    CHECK_THROWS_AS(receiver.receive(std::chrono::hours::min()), cf::TimeoutError);
    CHECK_THROWS_AS(receiver.receive(-std::chrono::duration<double>::max()), cf::TimeoutError);
    CHECK_THROWS_AS(receiver.receive(nan), std::invalid_argument);
    CHECK_THROWS_WITH(receiver.receive(nan), Catch::Matchers::ContainsSubstring("Receiver::receive is not a number"));
    CHECK_THROWS_AS(sender.send(1, nan), std::invalid_argument);
    CHECK_THROWS_WITH(sender.send(1, nan), Catch::Matchers::ContainsSubstring("Sender::send is not a number"));
    CHECK(sender.send(2, std::chrono::nanoseconds::max()));
    CHECK(sender.send(3, std::chrono::hours::min()));  // there is room
    CHECK(receiver.receive(std::chrono::hours::max()) == 2);
    CHECK(receiver.receive(std::chrono::duration<double>(std::numeric_limits<double>::infinity())) == 3);
    while (sender.send(4, std::chrono::nanoseconds::min())) {
    }  // until it is full
    CHECK_FALSE(sender.send(5, std::chrono::hours::min()));
    CHECK(receiver.receive() == 4);
}

}  // namespace

template <>
struct concurrent::futures::Codec<Liar> {
    static void encode(Encoder& encoder, const Liar& liar) {
        if (liar.lies)
            encoder.write_u64(~std::uint64_t{0});
        else
            encoder.encode(std::string("truth"));
    }
    static Liar decode(Decoder& decoder) { return {decoder.decode<std::string>() != "truth"}; }
};

EACH_CHILD("values come in order, then the end") {
    auto [sender, receiver] = cf::make_channel<int>();
    cf::Process process(TestType::options(), count, 20'000, std::move(sender));
    CHECK_FALSE(sender.is_open());
    CHECK(all_of(receiver) == numbers_below(20'000));
    CHECK_FALSE(receiver.receive());
    CHECK_FALSE(receiver.receive(1ms));
    process.join();
    CHECK(process.exit_code() == 0);
}

EACH_CHILD("all that a killed sender has sent is received, then the end") {
    auto [sender, receiver] = cf::make_channel<int>();
    cf::Process process(TestType::options(), count_and_die, 5'000, std::move(sender));
    process.join();
    CHECK(process.signal() == SIGKILL);
    CHECK(all_of(receiver) == numbers_below(5'000));
}

EACH_CHILD("a sender that is killed in the middle of a value ends the channel, and no part of the value is given") {
    const support::ProcessLog log;
    auto [sender, receiver] = cf::make_channel<std::string>();
    cf::Process process(TestType::options(), send_large, log.path(), std::move(sender));
    CHECK(receiver.receive() == "first");
    log.wait_for(1);
    CHECK_THROWS_AS(receiver.receive(0ms), cf::TimeoutError);  // takes what there is: the value is larger
    process.kill();
    process.join();
    CHECK_FALSE(receiver.receive());
    CHECK_FALSE(receiver.receive());
}

EACH_CHILD("both ends go to two different processes") {
    auto [numbers_in, numbers_out] = cf::make_channel<int>();
    auto [squares_in, squares_out] = cf::make_channel<int>();
    cf::Process counter(TestType::options(), count, 1000, std::move(numbers_in));
    cf::Process squarer(TestType::options(), square_all, std::move(numbers_out), std::move(squares_in));
    int n = 0;
    for (const int square : squares_out) {
        REQUIRE(square == n * n);
        ++n;
    }
    CHECK(n == 1000);
    counter.join();
    squarer.join();
    CHECK(counter.exit_code() == 0);
    CHECK(squarer.exit_code() == 0);
}

EACH_CHILD("send() throws BrokenChannelError when the process with the receiver was killed") {
    const support::ProcessLog log;
    auto [sender, receiver] = cf::make_channel<std::string>();
    cf::Process process(TestType::options(), ignore_values, log.path(), std::move(receiver));
    log.wait_for(1);
    sender.send("nobody reads this");
    process.kill();
    process.join();
    CHECK_THROWS_AS(sender.send("gone"), cf::BrokenChannelError);
    CHECK_THROWS_AS(sender.send("gone", 1ms), cf::BrokenChannelError);
}

EACH_CHILD("a sender that waits for room learns that the receiver was killed") {
    const support::ProcessLog log;
    auto [sender, receiver] = cf::make_channel<std::string>();
    cf::Process process(TestType::options(), ignore_values, log.path(), std::move(receiver));
    log.wait_for(1);
    std::thread killer([&] { process.kill(); });
    CHECK_THROWS_AS(sender.send(std::string(1'000'000, 'x')), cf::BrokenChannelError);
    killer.join();
}

EACH_CHILD("processes that have nothing to do with a channel do not keep it open") {
    const support::ProcessLog log;
    support::ProcessGate gate;
    auto [sender, receiver] = cf::make_channel<int>();
    auto [other_sender, other_receiver] = cf::make_channel<int>();
    cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = TestType::method});
    const auto call = pool.submit(stay_until, log.path(), gate.path());
    cf::Process process(TestType::options(), stay_until, log.path(), gate.path());
    log.wait_for(2);
    sender.send(1);
    sender.close();
    CHECK(receiver.receive() == 1);
    CHECK_FALSE(receiver.receive());
    other_receiver.close();
    CHECK_THROWS_AS(other_sender.send(1), cf::BrokenChannelError);
    gate.open();
    call.result();
    process.join();
}

EACH_CHILD("ends of channels go through channels") {
    auto [jobs_in, jobs_out] = cf::make_channel<Job>();
    cf::Process server(TestType::options(), serve, std::move(jobs_out));
    std::vector<cf::Receiver<std::string>> answers;
    for (int n = 0; n < 20; ++n) {
        auto [answer_in, answer_out] = cf::make_channel<std::string>();
        jobs_in.send(Job{n, std::move(answer_in)});
        answers.push_back(std::move(answer_out));
    }
    for (int n = 0; n < 20; ++n) {
        CHECK(answers[static_cast<std::size_t>(n)].receive() == "answer " + std::to_string(n));
        CHECK_FALSE(answers[static_cast<std::size_t>(n)].receive());
    }
    jobs_in.close();
    server.join();
    CHECK(server.exit_code() == 0);
}

EACH_CHILD("large values go through whole") {
    // The long form, 1 GiB: scripts/long_tests.sh processes
    const std::size_t size = std::size_t{support::sanitized ? 8u : 64u} << 20;
    auto [sender, receiver] = cf::make_channel<std::vector<std::byte>>();
    auto [sums_in, sums_out] = cf::make_channel<std::size_t>();
    cf::Process process(TestType::options(), sum_bytes, std::move(receiver), std::move(sums_in));
    std::vector<std::byte> bytes(size);
    std::size_t sum = size;
    for (std::size_t i = 0; i < size; i += 4096) {
        bytes[i] = static_cast<std::byte>(i / 4096 * 7);
        sum += std::to_integer<std::size_t>(bytes[i]);
    }
    sender.send(bytes);
    CHECK(sums_out.receive() == sum);
    sender.close();
    process.join();
    CHECK(process.exit_code() == 0);
}

EACH_CHILD("a receiver takes along what it has of a value") {
    auto [sender, receiver] = cf::make_channel<int>();
    auto [squares_in, squares_out] = cf::make_channel<int>();
    for (int n = 0; n < 10; ++n) sender.send(n);
    CHECK(receiver.receive() == 0);
    cf::Process squarer(TestType::options(), square_all, std::move(receiver), std::move(squares_in));
    sender.close();
    CHECK(squares_out.receive() == 1);
    CHECK(all_of(squares_out).size() == 8);
}

EACH_CHILD("a receiver takes along the ends of channels that have arrived for values not received yet") {
    auto [jobs_in, jobs_out] = cf::make_channel<Job>();
    std::vector<cf::Receiver<std::string>> answers;
    for (int n = 0; n < 4; ++n) {
        auto [answer_in, answer_out] = cf::make_channel<std::string>();
        jobs_in.send(Job{n, std::move(answer_in)});
        answers.push_back(std::move(answer_out));
    }
    std::optional<Job> first = jobs_out.receive();  // takes all descriptors that are there
    REQUIRE(first);
    first->answer.send("answer of the parent");
    first->answer.close();
    cf::Process server(TestType::options(), serve, std::move(jobs_out));
    jobs_in.close();
    CHECK(answers[0].receive() == "answer of the parent");
    for (int n = 1; n < 4; ++n) {
        CHECK(answers[static_cast<std::size_t>(n)].receive() == "answer " + std::to_string(n));
        CHECK_FALSE(answers[static_cast<std::size_t>(n)].receive());
    }
    server.join();
    CHECK(server.exit_code() == 0);
}

EACH_CHILD("a receiver takes along shared memory that has arrived for values not received yet") {
    auto [arrays_in, arrays_out] = cf::make_channel<cf::SharedArray<int>>();
    std::vector<cf::SharedArray<int>> arrays;
    for (int n = 0; n < 3; ++n) arrays_in.send(arrays.emplace_back(std::size_t{10}));
    const auto first = arrays_out.receive();
    REQUIRE(first);
    auto [on_in, on_out] = cf::make_channel<cf::Receiver<cf::SharedArray<int>>>();
    on_in.send(std::move(arrays_out));
    CHECK_FALSE(arrays_out.is_open());  // NOLINT(bugprone-use-after-move)
    std::optional<cf::Receiver<cf::SharedArray<int>>> on = on_out.receive();
    REQUIRE(on);
    cf::Process writer(TestType::options(), number_arrays, std::move(*on));
    arrays_in.close();
    writer.join();
    CHECK(writer.exit_code() == 0);
    CHECK(arrays[0][3] == 0);
    CHECK(arrays[1][3] == 1);
    CHECK(arrays[2][3] == 2);
}

TEST_CASE("both ends may be in one process", "[channel]") {
    auto [sender, receiver] = cf::make_channel<Reading>();
    const Reading reading{"outside", {{"temperature", 3.5}, {"humidity", 0.9}}};
    int plain = 0;
    std::thread thread([to = std::move(sender), &reading, &plain]() mutable {
        plain = 7;
        for (int i = 0; i < 1000; ++i) to.send(reading);
    });
    CHECK(receiver.receive() == reading);
    CHECK(plain == 7);  // what was done before a value was sent can be seen
    int received = 1;
    for (const Reading& each : receiver) {
        REQUIRE(each == reading);
        ++received;
    }
    CHECK(received == 1000);
    thread.join();
}

TEST_CASE("while a worker waits in a channel, another thread does the work of its pool", "[channel]") {
    cf::ThreadPoolExecutor pool(1);
    auto [sender, receiver] = cf::make_channel<int>();
    const auto received = pool.submit([&from = receiver] { return from.receive(support::deadline(30s)); });
    const auto sent = pool.submit([&to = sender] { to.send(7); });
    CHECK(received.result() == 7);
    sent.result();

    while (sender.send(0, 0ms)) {
    }
    const auto blocked = pool.submit([&to = sender] { return to.send(1, support::deadline(30s)); });
    const auto drained = pool.submit([&from = receiver] {
        int last = 0;
        while (last == 0) last = from.receive().value();
        return last;
    });
    CHECK(blocked.result());
    CHECK(drained.result() == 1);
}

TEST_CASE("receive() with a time throws TimeoutError, and the channel goes on", "[channel]") {
    auto [sender, receiver] = cf::make_channel<std::unique_ptr<int>>();
    CHECK_THROWS_AS(receiver.receive(1ms), cf::TimeoutError);
    CHECK_THROWS_AS(receiver.receive(-1s), cf::TimeoutError);
    sender.send(std::make_unique<int>(5));
    CHECK(**receiver.receive(1ms) == 5);
    sender.close();
    CHECK_FALSE(receiver.receive(1ms));
}

TEST_CASE("a value that keeps coming does not hold receive() beyond its time, and no part of it is lost", "[channel]") {
    auto [sender, receiver] = cf::make_channel<std::string>();
    const std::string large(10'000'000, 'x');
    std::thread thread([&to = sender, &large] { to.send(large); });
    std::optional<std::string> received;
    int timeouts = 0;
    while (!received) {
        try {
            received = receiver.receive(0ms);
        } catch (const cf::TimeoutError&) {
            ++timeouts;
        }
    }
    thread.join();
    CHECK(*received == large);
    CHECK(timeouts >= 10);  // each call takes at most what the channel holds, 256 KiB
}

TEST_CASE("send() with a time is false when the channel is full, and nothing of the value is received", "[channel]") {
    const std::size_t size = GENERATE(std::size_t{4}, std::size_t{1000}, std::size_t{40'000}, std::size_t{1'000'000});
    auto [sender, receiver] = cf::make_channel<std::string>();
    std::size_t sent = 0;
    while (sender.send(std::string(size, static_cast<char>('a' + sent % 26)), 1ms)) ++sent;
    CHECK_FALSE(sender.send(std::string(size, '!'), 0ms));
    std::thread thread([to = std::move(sender)]() mutable { to.send("end"); });
    for (std::size_t i = 0; i < sent; ++i)
        REQUIRE(receiver.receive() == std::string(size, static_cast<char>('a' + i % 26)));
    CHECK(receiver.receive() == "end");
    CHECK_FALSE(receiver.receive());
    thread.join();
}

TEST_CASE("a sender that goes away after a value was taken back tells its receiver to forget the part that it has", "[channel]") {
    auto [sender, receiver] = cf::make_channel<std::string>();
    CHECK_FALSE(sender.send(std::string(1'000'000, 'x'), 0ms));  // a part of it is in the channel
    auto [away, here] = cf::make_channel<cf::Sender<std::string>>();
    away.send(std::move(sender));
    auto moved = here.receive();
    REQUIRE(moved);
    std::thread thread([&] { moved->send("whole"); });
    CHECK(receiver.receive() == "whole");
    thread.join();
}

TEST_CASE("there is room again when one value was received", "[channel]") {
    auto [sender, receiver] = cf::make_channel<int>();
    while (sender.send(1, 0ms)) {
    }
    CHECK(receiver.receive() == 1);
    CHECK(sender.send(2, 0ms));
    CHECK_FALSE(sender.send(3, 0ms));
}

TEST_CASE("a sender that sleeps goes on when there is room for its value, though most of the channel is full", "[channel]") {
    const cf::HangReport report({.after = {}});  // tells who sleeps
    auto [sender, receiver] = cf::make_channel<std::string>();
    const std::string value(40'000, 'x');
    while (sender.send(value, 0ms)) {
    }
    std::thread thread([&to = sender, &value] { to.send(value); });
    CHECK(support::eventually([&] { return report.text().find("the other end of a channel") != std::string::npos; }));
    CHECK(receiver.receive() == value);
    thread.join();
}

TEST_CASE("send() waits while the channel is full", "[channel]") {
    auto [sender, receiver] = cf::make_channel<int>();
    constexpr int values = 50'000;
    std::thread thread([to = std::move(sender)]() mutable { count(values, std::move(to)); });
    CHECK(all_of(receiver) == numbers_below(values));
    thread.join();
}

TEST_CASE("a closed receiver makes send() throw BrokenChannelError at once", "[channel]") {
    auto [sender, receiver] = cf::make_channel<int>();
    sender.send(1);
    SECTION("close()") { receiver.close(); }
    SECTION("destructor") { const auto gone = std::move(receiver); }
    CHECK_THROWS_AS(sender.send(2), cf::BrokenChannelError);
}

TEST_CASE("an end that is not here any more is an InvalidStateError", "[channel]") {
    auto [sender, receiver] = cf::make_channel<int>();
    auto moved_sender = std::move(sender);
    auto moved_receiver = std::move(receiver);
    CHECK_THROWS_AS(sender.send(1), cf::InvalidStateError);        // NOLINT(bugprone-use-after-move)
    CHECK_THROWS_AS(receiver.receive(), cf::InvalidStateError);    // NOLINT(bugprone-use-after-move)
    moved_sender.close();
    moved_sender.close();
    CHECK_THROWS_AS(moved_sender.send(1), cf::InvalidStateError);
    moved_receiver.close();
    CHECK_THROWS_AS(moved_receiver.receive(), cf::InvalidStateError);
}

TEST_CASE("bytes that are no value are a SerializationError, and the next value comes", "[channel]") {
    auto [sender, receiver] = cf::make_channel<Liar>();
    sender.send(Liar{true});
    sender.send(Liar{false});
    CHECK_THROWS_AS(receiver.receive(), cf::SerializationError);
    CHECK(receiver.receive().has_value());
}

TEST_CASE("an end stays here when the value that it is in cannot be sent", "[channel]") {
    auto [jobs_in, jobs_out] = cf::make_channel<Job>();
    auto [answer_in, answer_out] = cf::make_channel<std::string>();
    Job job{1, std::move(answer_in)};
    jobs_out.close();
    CHECK_THROWS_AS(jobs_in.send(std::move(job)), cf::BrokenChannelError);
    job.answer.send("still here");
    CHECK(answer_out.receive() == "still here");
    CHECK_THROWS_AS(cf::Process({.stop_grace = -1s}, serve, std::move(jobs_out)), std::exception);
}

TEST_CASE("many ends at a time go through a channel", "[channel]") {
    constexpr std::size_t ends = 100;
    auto [sender, receiver] = cf::make_channel<std::vector<cf::Sender<int>>>();
    std::vector<cf::Sender<int>> senders(ends);
    std::vector<cf::Receiver<int>> receivers(ends);
    for (std::size_t i = 0; i < ends; ++i) std::tie(senders[i], receivers[i]) = cf::make_channel<int>();
    std::thread thread([&] { sender.send(std::move(senders)); });
    auto received = receiver.receive();
    thread.join();
    REQUIRE(received);
    REQUIRE(received->size() == ends);
    for (std::size_t i = 0; i < ends; ++i) (*received)[i].send(static_cast<int>(i));
    received->clear();
    for (std::size_t i = 0; i < ends; ++i) CHECK(all_of(receivers[i]) == std::vector{static_cast<int>(i)});
}

TEST_CASE("ends in a value that was taken back are still here, and later ones are not mixed up with them", "[channel]") {
    struct Load {
        cf::Sender<int> end;
        std::string weight;
    };
    auto [sender, receiver] = cf::make_channel<Load>();
    auto [first_in, first_out] = cf::make_channel<int>();
    auto [second_in, second_out] = cf::make_channel<int>();
    Load heavy{std::move(first_in), std::string(1'000'000, 'x')};
    CHECK_FALSE(sender.send(std::move(heavy), 5ms));
    CHECK(heavy.end.is_open());
    std::thread thread([&] { sender.send(Load{std::move(second_in), "light"}); });
    const auto light = receiver.receive();
    thread.join();
    REQUIRE(light);
    CHECK(light->weight == "light");
    const_cast<cf::Sender<int>&>(light->end).send(2);
    CHECK(second_out.receive() == 2);
    heavy.end.send(1);
    CHECK(first_out.receive() == 1);
}

TEST_CASE("shared memory goes through a channel and is not copied", "[channel]") {
    auto [sender, receiver] = cf::make_channel<cf::SharedArray<int>>();
    cf::SharedArray<int> array(10);
    sender.send(array);
    auto received = receiver.receive();
    REQUIRE(received);
    (*received)[3] = 33;
    CHECK(array[3] == 33);
}

TEST_CASE("an end of a channel in bytes for a pool is refused also where its type is hidden", "[channel]") {
    auto [sender, receiver] = cf::make_channel<int>();
    cf::Encoder encoder;
    CHECK_THROWS_AS(encoder.encode(sender), cf::SerializationError);
    CHECK(sender.is_open());
    std::array<std::byte, 64> bytes{};
    cf::Decoder decoder(bytes);
    CHECK_THROWS_AS(decoder.decode<cf::Receiver<int>>(), cf::SerializationError);
}
