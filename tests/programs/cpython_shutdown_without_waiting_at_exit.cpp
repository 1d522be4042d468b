// SPDX-License-Identifier: MIT
// expect-output: ^threads: apple$
// expect-output: ^threads: exit code 0$
// expect-output: ^spawn: apple$
// expect-output: ^spawn: exit code 0$
// expect-output: ^fork: (apple|left out.*)$
// expect-output: ^fork: (exit code 0|left out.*)$
// expect-no-output: exception|terminate|(WARNING|ERROR): .*Sanitizer
//
// CPython's test_shutdown.ExecutorShutdownTest.test_hang_gh83386: a program that ends after
// shutdown() without waiting, with a call still running, does not hang, and the call is run to its
// end.
#include "cpython/program.hpp"
#include "support/gate.hpp"

namespace {

void say_at(const std::string& gate, const std::string& text) {
    support::wait_at_gate(gate);
    cpython::say(text);
}

template <class Pool>
int scenario(const std::string& name) {
    static support::ProcessGate gate;
    static Pool pool(3);
    pool.submit(say_at, gate.path(), name + ": apple");
    pool.shutdown({.wait = false});
    std::atexit([] { gate.open(); });  // runs when main has returned, before the pool is destroyed
    return 0;
}

}  // namespace

int main(int argc, char** argv) { return CPYTHON_PROGRAM(argc, argv, scenario); }
