// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^the whole program: submit in_threads$
// expect-output: ^the whole program: submit in_processes$
// expect-output: ^crashed: running: crashes$
// expect-output: ^crashed: submit before$
// expect-output: ^refused: .*there is no trace: .*another trace
// expect-no-output: Traceback|Error
//
// CONCURRENT_FUTURES_TRACE traces all pools of a program; after a crash the file shows what was running.
#include <concurrent/futures/process_pool_executor.hpp>
#include <concurrent/futures/thread_pool_executor.hpp>
#include <concurrent/futures/trace.hpp>

#include <stdlib.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/process_log.hpp"

namespace cf = concurrent::futures;

namespace {

int square(int n) { return n * n; }

void run_all_ways() {
    cf::ThreadPoolExecutor threads(2);
    cf::ProcessPoolExecutor processes(2);
    threads.submit({.name = "in_threads"}, square, 2).result();
    processes.submit({.name = "in_processes"}, square, 2).result();
    const cf::ThreadPoolExecutor never_used(2);
}

void crash() {
    const rlimit none{};
    ::setrlimit(RLIMIT_CORE, &none);
    cf::ThreadPoolExecutor threads(2);
    threads.submit({.name = "before"}, square, 2).result();
    threads.submit({.name = "crashes"}, [] { std::_Exit(3); }).result();
}

void run(const char* self, const std::string& way, const std::string& file) {
    ::setenv("CONCURRENT_FUTURES_TRACE", file.c_str(), 1);
    std::fflush(nullptr);
    static_cast<void>(std::system(("'" + std::string(self) + "' " + way + " 2>&1").c_str()));
    ::unsetenv("CONCURRENT_FUTURES_TRACE");
}

void check(const std::string& prefix, const std::string& option, const std::string& file) {
    const std::string script = (std::filesystem::path(std::getenv("TEST_SOURCE")).parent_path() / "../support/check_trace.py").string();
    std::fflush(nullptr);
    static_cast<void>(std::system(
        ("python3 '" + script + "' " + option + " '" + file + "' 2>&1 | sed 's/^/" + prefix + ": /'").c_str()));
}

}  // namespace

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    const std::string way = argc > 1 ? argv[1] : "";
    if (way == "all") return run_all_ways(), 0;
    if (way == "crash") return crash(), 0;
    const support::TemporaryDirectory directory;
    const std::string file = directory.path() + "/run.json";
    run(argv[0], "all", file);
    check("the whole program", "", file);
    run(argv[0], "crash", file);
    check("crashed", "--crashed", file);
    const cf::TraceFile mine(file);
    std::printf("refused: ");
    run(argv[0], "all", file);
}
