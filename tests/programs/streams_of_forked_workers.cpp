// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: \Abefore\nprocess: out\nprocess: log\nprocess: stdio\ntask: out\ntask: log\ntask: stdio\nafter\n\Z
//
// C++ streams that are not synchronised with stdio keep a buffer of their own. What is in it at a fork is written once,
// by the program; what a forked worker leaves in it is written when the worker ends.
#include <concurrent/futures.hpp>
#include <concurrent/futures/process.hpp>

#include <cstdio>
#include <iostream>
#include <string>

namespace cf = concurrent::futures;

static void write_everywhere(const std::string& who) {
    std::cout << who << ": out\n";
    std::wclog << (who == "task" ? L"task" : L"process") << L": log\n";
    std::printf("%s: stdio\n", who.c_str());
}

int main() {
    std::ios::sync_with_stdio(false);
    static char buffer[4096];
    std::cout.rdbuf()->pubsetbuf(buffer, sizeof buffer);
    std::cout << "before\n";
    {
        cf::Process process({.start_method = cf::StartMethod::fork}, write_everywhere, "process");
        process.join();
    }
    cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::fork});
    std::cout << "after\n";
    pool.submit(write_everywhere, "task").result();
    pool.shutdown();
}
