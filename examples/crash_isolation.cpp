// SPDX-License-Identifier: MIT
//
// Hosts a third party's plugin that crashes on some of its input. In a process pool a crash costs one call:
// the others go on, and the error says what happened. A flaky step is simply tried again.
//
// Run: build/quickstart/examples/crash_isolation
// Prints (the test compares it; … stands for anything):
//     in order: 3 crash 7 7 crash 1 7
//     the first: worker process … was killed by signal 11 (Segmentation fault) while it ran task 2 "render", …
//     what crashed at first, tried again: 42
//     what throws is no crash: cannot render an empty text
//     5 results, 2 crashes, workers replaced: 3
#include <signal.h>
#include <unistd.h>

#include <concurrent/futures.hpp>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace cf = concurrent::futures;

// ---- the plugin: somebody else's code, which the host cannot mend ----

int plugin_render(const std::string& text) {
    if (text.empty()) throw std::invalid_argument("cannot render an empty text");
    if (text.find('\t') != std::string::npos) ::raise(SIGSEGV);  // it writes where it should not
    return static_cast<int>(text.size());
}

int plugin_connect(const std::string& mark) {
    const bool first = ::access(mark.c_str(), F_OK) == 0 && std::remove(mark.c_str()) == 0;
    if (first) ::raise(SIGSEGV);
    return 42;
}

// ---- the host ----

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    cf::ProcessPoolExecutor pool({.max_workers = 2});

    const std::vector<std::string> texts{"one", "a\ttab", "another", "the two", "\t", " ", "at last"};
    std::vector<cf::Future<int>> rendered;
    for (const std::string& text : texts)
        rendered.push_back(pool.submit({.name = "render"}, plugin_render, text));

    std::string first_crash;
    int crashes = 0;
    int results = 0;
    std::cout << "in order:";
    for (const cf::Future<int>& future : rendered) {
        try {
            const int size = future.result();
            std::cout << ' ' << size;
            ++results;
        } catch (const cf::WorkerDiedError& error) {
            std::cout << " crash";
            if (++crashes == 1) first_crash = error.what();
        }
    }
    std::cout << "\nthe first: " << first_crash << '\n';

    char mark[] = "/tmp/crash_isolation_XXXXXX";  // there until the first attempt
    ::close(::mkstemp(mark));
    std::cout << "what crashed at first, tried again: "
              << pool.submit({.retries = 2}, plugin_connect, mark).result() << '\n';

    try {
        pool.submit(plugin_render, "").result();
    } catch (const std::invalid_argument& error) {
        std::cout << "what throws is no crash: " << error.what() << '\n';
    }
    std::cout << results << " results, " << crashes
              << " crashes, workers replaced: " << pool.stats().worker_restarts << '\n';
}
