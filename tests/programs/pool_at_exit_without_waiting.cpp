// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^worker: apple$
// expect-output: ^main ends$
// expect-no-output: unhandled|terminate
//
// shutdown without waiting, then the end of main: the destructor still waits for what was submitted.
#include <concurrent/futures/process_pool_executor.hpp>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "support/gate.hpp"

namespace cf = concurrent::futures;

static void say(const std::string& gate, const std::string& word) {
    support::wait_at_gate(gate);
    std::printf("worker: %s\n", word.c_str());
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    support::ProcessGate gate;
    std::vector<cf::Future<void>> futures;
    cf::ProcessPoolExecutor pool(2);
    for (int i = 0; i < 5; ++i) futures.push_back(pool.submit(say, gate.path(), "apple"));
    pool.shutdown({.wait = false});
    std::printf("main ends\n");
    gate.open();
}
