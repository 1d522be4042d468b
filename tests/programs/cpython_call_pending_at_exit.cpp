// SPDX-License-Identifier: MIT
// expect-output: ^threads: apple$
// expect-output: ^threads: exit code 0$
// expect-output: ^spawn: apple$
// expect-output: ^spawn: exit code 0$
// expect-output: ^fork: (apple|left out.*)$
// expect-output: ^fork: (exit code 0|left out.*)$
// expect-no-output: exception|terminate|(WARNING|ERROR): .*Sanitizer
//
// CPython's test_shutdown.ExecutorShutdownTest.test_interpreter_shutdown: a call that is still
// running when main returns is run to its end by a static executor, and nothing is said on standard
// error.
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
    static Pool pool(5);
    pool.submit(say_at, gate.path(), name + ": apple");
    std::atexit([] { gate.open(); });  // runs when main has returned, before the pool is destroyed
    return 0;
}

}  // namespace

int main(int argc, char** argv) { return CPYTHON_PROGRAM(argc, argv, scenario); }
