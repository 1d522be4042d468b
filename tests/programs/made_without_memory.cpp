// SPDX-License-Identifier: MIT
// expect-exit: 0
// expect-output: ^thread pool: made after [0-9]+ failures$
// expect-output: ^process pool: made after [0-9]+ failures$
// expect-output: ^channel: made after [0-9]+ failures$
// expect-output: ^as_completed: made after [0-9]+ failures$
// expect-output: ^wait: made after [0-9]+ failures$
// expect-output: ^hang report: made after [0-9]+ failures$
// timeout-seconds: 60
//
// Each allocation of what is made here fails once: that is std::bad_alloc, and the program goes on. Some containers of
// the standard library take memory while they are empty, so a noexcept constructor with one ends the program.
#include <concurrent/futures.hpp>
#include <concurrent/futures/hang_report.hpp>

#include <utility>
#include <vector>

#include "support/counted_new.hpp"

namespace cf = concurrent::futures;

template <class Make>
static void try_until_made(const char* what, Make make) {
    for (long failures = 0;; ++failures) {
        try {
            support::allocations_left = failures;
            make();
            support::allocations_left = support::any_number;
            std::printf("%s: made after %ld failures\n", what, failures);
            std::fflush(stdout);  // what ends the program loses what stands in a buffer
            return;
        } catch (const std::bad_alloc&) {
            support::allocations_left = support::any_number;
        }
    }
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    try_until_made("thread pool", [] { const cf::ThreadPoolExecutor pool(1); });
    try_until_made("process pool", [] {
        const cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
    });
    try_until_made("channel", [] {
        auto [sender, receiver] = cf::make_channel<int>();
        sender.send(7);
        if (receiver.receive() != 7) std::abort();
    });
    cf::InlineExecutor here;
    const std::vector<cf::Future<int>> futures{here.submit([] { return 1; }), here.submit([] { return 2; })};
    try_until_made("as_completed", [&] {
        auto results = cf::as_completed(futures);
        auto moved = std::move(results);
        for (const auto& future : moved) static_cast<void>(future.result());
    });
    try_until_made("wait", [&] { static_cast<void>(cf::wait(futures)); });
    try_until_made("hang report", [] { const cf::HangReport report; });
}
