// expect-error: this callable cannot cross to another process
// SPDX-License-Identifier: MIT
//
// What a Process may call is what a pool may call.
#include <concurrent/futures/process.hpp>

namespace cf = concurrent::futures;

void start(int n) {
    const cf::Process process([n] { static_cast<void>(n); });
}
