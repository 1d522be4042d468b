// SPDX-License-Identifier: MIT
// expect-output: ^threads: apple$
// expect-output: ^threads: exit code 0$
// expect-output: ^spawn: apple$
// expect-output: ^spawn: exit code 0$
// expect-output: ^fork: (apple|left out.*)$
// expect-output: ^fork: (exit code 0|left out.*)$
// expect-no-output: pear|exception|terminate|(WARNING|ERROR): .*Sanitizer
//
// CPython's test_shutdown.ThreadPoolShutdownTest.test_cancel_futures_wait_false: a program that
// ends after shutdown({.wait = false, .cancel_futures = true}) ends well: what runs is run to its
// end, what waits never starts. In CPython it is left to chance whether the call runs or waits.
#include "cpython/program.hpp"
#include "support/gate.hpp"

namespace {

void say_at(const std::string& started, const std::string& gate, const std::string& text) {
    support::open_gate(started);
    support::wait_at_gate(gate);
    cpython::say(text);
}

template <class Pool>
int scenario(const std::string& name) {
    static support::ProcessGate started, gate;
    static Pool pool(1);
    pool.submit(say_at, started.path(), gate.path(), name + ": apple");
    started.wait();
    pool.submit(say_at, started.path(), gate.path(), name + ": pear");
    pool.shutdown({.wait = false, .cancel_futures = true});
    std::atexit([] { gate.open(); });  // runs when main has returned, before the pool is destroyed
    return 0;
}

}  // namespace

int main(int argc, char** argv) { return CPYTHON_PROGRAM(argc, argv, scenario); }
