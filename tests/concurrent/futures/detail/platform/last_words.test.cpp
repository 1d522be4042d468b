// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/last_words.hpp>
#include <concurrent/futures/detail/platform/shared_page.hpp>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cassert>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/deadline.hpp"
#include "support/process_log.hpp"
#include "support/processes.hpp"

namespace {

using namespace concurrent::futures::detail;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

TEST_CASE("the first words count, and they are made one line", "[last_words]") {
    LastWords words;
    CHECK(words.text().empty());
    words.write("");
    words.write("one\ttwo\x7f\nthree\n\n");
    words.write("four");
    CHECK(words.text() == "one two  three");
    LastWords many;
    many.write(std::string(1000, 'x'));
    CHECK(many.text() == std::string(LastWords::room, 'x'));
}

struct End {
    int status;
    std::string words;
};
/// How a child ends that does `call`, and what it says.
template <class Call>
End end_of(Call call) {
    const SharedPage page(sizeof(LastWords));
    auto& words = *::new (page.memory()) LastWords;
    const pid_t child = ::fork();
    if (child == 0) {
        const rlimit no_core{0, 0};
        ::setrlimit(RLIMIT_CORE, &no_core);
        ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
        // Catch2 has handlers of its own in this process.
        for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL})
            if (!support::sanitized || signal == SIGABRT) ::signal(signal, SIG_DFL);
        record_last_words(words);
        call();
        ::_exit(0);
    }
    int status = 0;
    CHECK(support::wait_for_end(child, &status) == child);
    return {status, words.text()};
}
bool died_of(const End& end, int signal) { return WIFSIGNALED(end.status) && WTERMSIG(end.status) == signal; }

template <class Error>
void throw_error(const Error& error) {
    throw error;
}

TEST_CASE("an exception that nobody catches is named", "[last_words]") {
    const auto thrown = [](auto error) { return end_of([=]() noexcept { throw_error(error); }); };
    const End end = thrown(std::runtime_error("no such shard"));
    CHECK(died_of(end, SIGABRT));
    CHECK(end.words == "uncaught std::runtime_error: no such shard");
    CHECK(thrown(42).words == "uncaught int");
    CHECK(thrown(std::bad_alloc()).words == "uncaught std::bad_alloc");
    CHECK(end_of([] { std::terminate(); }).words ==
          "std::terminate() was called without an exception, or a function that is noexcept ended its thread, with "
          "pthread_exit() or because it was cancelled");
}

TEST_CASE("an exception whose what() throws ends the process, and that is said", "[last_words]") {
    struct Secretive : std::exception {
        const char* what() const noexcept override {
            throw_error(1);
            return "";
        }
    };
    const End end = end_of([]() noexcept { throw_error(Secretive()); });
    CHECK(died_of(end, SIGABRT));
    CHECK_THAT(end.words, ContainsSubstring("std::terminate() was called again, by what() of an uncaught exception"));
}

TEST_CASE("the program's own terminate handler still runs", "[last_words]") {
    const auto before = std::set_terminate([] { ::_exit(17); });
    const End end = end_of([]() noexcept { throw_error(std::logic_error("on the way out")); });
    std::set_terminate(before);
    CHECK(WIFEXITED(end.status));
    CHECK(WEXITSTATUS(end.status) == 17);
    CHECK(end.words == "uncaught std::logic_error: on the way out");
}

[[noreturn]] void fail_an_assertion() {
    ::__assert_fail("shards > 0", "shards.cpp", 12, "int split(int)");  // what assert() calls
}

TEST_CASE("what the C library says when it aborts is kept", "[last_words]") {
    if (!CONCURRENT_FUTURES_HAS_ABORT_MESSAGE) SKIP("a C library below glibc 2.34");
    const End end = end_of(fail_an_assertion);
    CHECK(died_of(end, SIGABRT));
    CHECK_THAT(end.words, ContainsSubstring("shards.cpp:12: int split(int): Assertion `shards > 0' failed."));
    if (support::sanitized) return;  // its allocator says it in its own words
    const End corrupt = end_of([] {
        char* volatile inside = static_cast<char*>(std::malloc(5000)) + 1;
        std::free(inside);
    });
    CHECK(died_of(corrupt, SIGABRT));
    CHECK_THAT(corrupt.words, ContainsSubstring("invalid pointer"));
}

TEST_CASE("a bare abort, and signals from outside, have no words and do what they did", "[last_words]") {
    const End aborted = end_of([] { std::abort(); });
    CHECK(died_of(aborted, SIGABRT));
    CHECK(aborted.words.empty());
    for (const int signal : {SIGABRT, SIGSEGV, SIGFPE}) {
        if (support::sanitized && signal != SIGABRT) continue;  // it reports them and exits
        const End end = end_of([=] { ::kill(::getpid(), signal); });
        CHECK(died_of(end, signal));
        CHECK(end.words.empty());
    }
}

int endless(int depth) {
    volatile char frame[1024];
    frame[depth % 1024] = static_cast<char>(depth);
    return depth < 0 ? 0 : endless(depth + 1) + frame[depth % 7];
}

TEST_CASE("a bad address and a full stack are told apart", "[last_words]") {
    if (support::sanitized) SKIP("a sanitizer has handlers of its own for these");
    int* volatile nowhere = nullptr;
    const End null = end_of([&] { *nowhere = 1; });
    CHECK(died_of(null, SIGSEGV));
    CHECK(null.words == "at address 0x0, which is not mapped");
    void* const memory = ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const End read_only = end_of([&] { *static_cast<volatile char*>(memory) = 1; });
    CHECK(died_of(read_only, SIGSEGV));
    CHECK_THAT(read_only.words, ContainsSubstring("where that is not allowed"));
    ::munmap(memory, 4096);
    support::ProcessLog short_file;  // a page of which its file has no byte
    const int file = ::open(short_file.path().c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    void* const beyond = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    REQUIRE(beyond != MAP_FAILED);
    const End bus = end_of([&] { ::_exit(*static_cast<volatile char*>(beyond)); });
    CHECK(died_of(bus, SIGBUS));
    CHECK_THAT(bus.words, StartsWith("at address 0x") && !ContainsSubstring(","));
    ::munmap(beyond, 4096);
    const End full = end_of([] { ::_exit(endless(0)); });
    CHECK(died_of(full, SIGSEGV));
    CHECK(full.words == "the stack was full: endless recursion?");
    const End other_thread = end_of([&] { std::thread([&] { *nowhere = 1; }).join(); });
    CHECK(other_thread.words == "at address 0x0, which is not mapped");
}

TEST_CASE("a handler of the program is left alone, and words of a child's child are not taken",
          "[last_words]") {
    const End own = end_of([] {
        ::signal(SIGABRT, [](int) { ::_exit(18); });
        fail_an_assertion();
    });
    CHECK(WIFEXITED(own.status));
    const End grandchild = end_of([] {
        const pid_t child = ::fork();
        if (child == 0) fail_an_assertion();
        support::wait_for_end(child, nullptr);
    });
    CHECK(grandchild.status == 0);
    CHECK(grandchild.words.empty());
}

TEST_CASE("AddressSanitizer's summary is kept", "[last_words]") {
    if (!support::address_sanitized) SKIP("not built with AddressSanitizer");
    const End end = end_of([] {
        char* volatile memory = new char[10];
        delete[] memory;
        memory[3] = 1;
    });
    CHECK(WIFEXITED(end.status));
    CHECK_THAT(end.words, ContainsSubstring("SUMMARY: AddressSanitizer: heap-use-after-free"));
}

TEST_CASE("an address is said with all its digits", "[last_words]") {
    if (support::sanitized) SKIP("a sanitizer has handlers of its own for these");
    char* volatile nowhere = reinterpret_cast<char*>(std::uintptr_t{0x1abc});  // below what a program may map
    const End end = end_of([&] { *nowhere = 1; });
    CHECK(died_of(end, SIGSEGV));
    CHECK(end.words == "at address 0x1abc, which is not mapped");
}

}  // namespace
