// SPDX-License-Identifier: MIT
// expect-output: ^threads: still open: 42$
// expect-output: ^threads: closed: .*cannot schedule new tasks after shutdown$
// expect-output: ^threads: destroyed: 1 4 .*cannot schedule new tasks after shutdown$
// expect-output: ^threads: exit code 0$
// expect-output: ^spawn: still open: 42$
// expect-output: ^spawn: closed: .*cannot schedule new tasks after shutdown$
// expect-output: ^spawn: destroyed: 1 4 .*cannot schedule new tasks after shutdown$
// expect-output: ^spawn: exit code 0$
// expect-output: ^fork: (exit code 0|left out.*)$
// expect-output: ^fork: (destroyed: 1 4 .*cannot schedule new tasks after shutdown|left out.*)$
// expect-no-output: terminate|(WARNING|ERROR): .*Sanitizer
//
// CPython's test_shutdown.ExecutorShutdownTest.test_submit_after_interpreter_shutdown: there a
// submit in an atexit handler throws. Here it works as long as the static executor is open; after
// its shutdown, and by way of a map that outlives it, it throws ShutdownError.
#include <optional>
#include <vector>

#include "cpython/program.hpp"

namespace {

int multiply(int a, int b) { return a * b; }
int square(int n) { return n * n; }

std::string executor_name;
namespace cf = concurrent::futures;
std::optional<cf::MapResults<int>> unfinished_map;

void read_unfinished_map() {
    std::string text = executor_name + ": destroyed:";
    try {
        for (auto it = unfinished_map->begin(); it != unfinished_map->end(); ++it)
            text += " " + std::to_string(*it);
        text += " no error";
    } catch (const cf::ShutdownError& error) {
        text += std::string(" ") + error.what();
    }
    cpython::say(text);
}

template <class Pool>
int scenario(const std::string& name) {
    executor_name = name;
    std::atexit(read_unfinished_map);  // runs after the pool is destroyed
    static Pool pool(2);
    unfinished_map.emplace(pool.map({.buffersize = 2}, square, std::vector{1, 2, 3, 4}));
    std::atexit([] {  // runs before
        cpython::say(executor_name +
                     ": still open: " + std::to_string(pool.submit(multiply, 6, 7).result()));
        pool.shutdown();
        try {
            pool.submit(multiply, 6, 7);
        } catch (const cf::ShutdownError& error) {
            cpython::say(executor_name + ": closed: " + error.what());
        }
    });
    return 0;
}

}  // namespace

int main(int argc, char** argv) { return CPYTHON_PROGRAM(argc, argv, scenario); }
