// SPDX-License-Identifier: MIT
//
// Lesson: one process for one piece of work, and channels to talk to it: the Process and Pipe of the tutorial of
// Python's multiprocessing.
//
// Run: build/quickstart/examples/11_process
// Prints (the test compares it; … stands for anything):
//     the parent is not the child: true
//     hello bob
//     [42, null, "hello"]
//     square of 1: 1
//     square of 2: 4
//     square of 3: 9
//     the counter was asked to stop and ended with 0
#include <concurrent/futures.hpp>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace cf = concurrent::futures;

static void greet(const std::string& name, int parent) {
    std::printf("the parent is not the child: %s\n", parent != ::getpid() ? "true" : "false");
    std::printf("hello %s\n", name.c_str());
}

static void say(cf::Sender<std::string> sender) { sender.send("[42, null, \"hello\"]"); }

// Two directions are two channels.
static void square(cf::Receiver<int> numbers, cf::Sender<int> squares) {
    for (const int n : numbers) squares.send(n * n);
}

// A std::stop_token as the first parameter: request_stop() reaches it.
static void count(std::stop_token stop, cf::Sender<long> sender) {
    for (long n = 0; !stop.stop_requested(); ++n) sender.send(n);
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);

    // From Python: Process(target=f, args=("bob",))
    cf::Process greeting(greet, "bob", ::getpid());
    greeting.join();

    // From Python: Pipe(duplex=False)
    auto [sender, receiver] = cf::make_channel<std::string>();
    cf::Process speaker(say, std::move(sender));
    std::printf("%s\n", receiver.receive().value().c_str());

    auto [numbers_in, numbers_out] = cf::make_channel<int>();
    auto [squares_in, squares_out] = cf::make_channel<int>();
    cf::Process worker(square, std::move(numbers_out), std::move(squares_in));
    for (const int n : {1, 2, 3}) {
        numbers_in.send(n);
        std::printf("square of %d: %d\n", n, squares_out.receive().value());
    }
    numbers_in.close();  // the loop in the worker ends

    auto [count_in, count_out] = cf::make_channel<long>();
    cf::Process counter(count, std::move(count_in));
    while (count_out.receive() != 1000) {
    }
    counter.request_stop();
    while (count_out.receive()) {
    }
    counter.join();
    std::printf("the counter was asked to stop and ended with %d\n", counter.exit_code().value());
}
