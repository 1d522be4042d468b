// expect-error: f cannot be called with copies of args
// SPDX-License-Identifier: MIT
#include <concurrent/futures/inline_executor.hpp>

int main() {
    concurrent::futures::InlineExecutor pool;
    pool.submit([](int) {}, "text");
}
