// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^tray 2 is empty$
// expect-output: ^queue 7 is full: 7$
//
// register_exception<E>() may stand anywhere, also behind process_main, which a worker never leaves, and in a function
// that is called in the program only.
#include <concurrent/futures.hpp>

#include <cstdio>
#include <stdexcept>

namespace cf = concurrent::futures;

struct OutOfPaper : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct QueueIsFull : std::runtime_error {
    explicit QueueIsFull(int n = 0) : std::runtime_error("queue " + std::to_string(n) + " is full"), number(n) {}
    int number;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(number);
        if (number != 0) static_cast<std::runtime_error&>(*this) = QueueIsFull(number);
    }
};

static int print() { throw OutOfPaper("tray 2 is empty"); }
static int enqueue() { throw QueueIsFull(7); }

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    cf::register_exception<OutOfPaper>();
    cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
    try {
        pool.submit(print).result();
    } catch (const OutOfPaper& error) {
        std::printf("%s\n", error.what());
    }
    const auto failed = pool.submit(enqueue);
    cf::wait(std::vector{failed});
    cf::register_exception<QueueIsFull>();  // after the worker threw it
    try {
        failed.result();
    } catch (const QueueIsFull& error) {
        std::printf("%s: %d\n", error.what(), error.number);
    }
}
