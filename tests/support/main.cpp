// SPDX-License-Identifier: MIT
//
// main of every test executable. Workers that a process pool starts enter here as well, and
// process_main does not return in them. CONCURRENT_FUTURES_TEST_WITHOUT_PROCESS_MAIN builds the
// variant for tests of programs that forgot it.
#include <catch2/catch_session.hpp>

#include "support/leak_listener.hpp"
#include "support/watchdog.hpp"

#if __has_include(<concurrent/futures/process_main.hpp>) && \
    !defined(CONCURRENT_FUTURES_TEST_WITHOUT_PROCESS_MAIN)
#include <concurrent/futures/process_main.hpp>
#define CONCURRENT_FUTURES_TEST_CALLS_PROCESS_MAIN 1
#endif

int main(int argc, char** argv) {
    support::prepare_process();
#if defined(CONCURRENT_FUTURES_TEST_CALLS_PROCESS_MAIN)
    concurrent::futures::process_main(argc, argv);
#endif
    return support::run_supervised(argc, argv, [&] {
        Catch::Session session;
        session.configData().filenamesAsTags = true;  // CTest lists the tests of each file
        const int code = session.run(argc, argv);
        return code == 0 && support::leaks_found() > 0 ? 3 : code;
    });
}
