// SPDX-License-Identifier: MIT
// expect-exit: 125
// expect-output: watchdog: left behind: \d+ \(program\.
//
// main returns 0 while a grandchild, adopted by the watchdog, goes on for ever.
#include <unistd.h>

#include "support/watchdog.hpp"

int main() {
    return support::run_supervised([] {
        if (::fork() == 0)
            for (;;) ::pause();
        return 0;
    });
}
