// SPDX-License-Identifier: MIT
//
// How a worker process ends whose user code has ended the main thread. That such code leads here: tests/programs.
#include <concurrent/futures/detail/processes/ended_main_thread.hpp>

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <concurrent/futures/detail/platform/shared_page.hpp>
#include <cstddef>
#include <cstdio>
#include <new>
#include <string>

#include "support/forked.hpp"

namespace {

using namespace concurrent::futures::detail;

struct End {
    support::ForkedEnd end;
    std::string words, buffered;
};
/// `end` is what the child calls at its end.
End end_with(EndProcess end) {
    const SharedPage page(sizeof(LastWords));
    auto& words = *::new (page.memory()) LastWords;
    std::FILE* const file = std::tmpfile();
    REQUIRE(file);
    End result;
    result.end = support::run_forked([&]() -> int {
        record_last_words(words);
        std::fputs("kept in a buffer", file);
        end_without_main_thread("worker process 12", end);
    });
    char text[64];
    const ssize_t size = ::pread(::fileno(file), text, sizeof text, 0);
    if (size > 0) result.buffered.assign(text, static_cast<std::size_t>(size));
    std::fclose(file);
    result.words = words.text();
    return result;
}

TEST_CASE("a process that has lost its main thread ends with exit code 1, and says why", "[ended_main_thread]") {
    const End end = end_with(end_forked_process);
    CHECK(end.end.exit_code() == 1);
    CHECK(end.end.errors == std::string("concurrent::futures: worker process 12: ") + ended_main_thread_text + "\n");
    CHECK(end.words == ended_main_thread_text);
}

TEST_CASE("a process that has lost its main thread ends in the way of its start method", "[ended_main_thread]") {
    CHECK(end_with([](int code) { ::_exit(20 + code); }).end.exit_code() == 21);
}

TEST_CASE("what is in the buffers of streams is written before a process ends, however it ends", "[ended_main_thread]") {
    const End end = end_with([](int) {});  // it comes back
    CHECK(end.end.exit_code() == 1);
    CHECK(end.buffered == "kept in a buffer");
}

}  // namespace
