// SPDX-License-Identifier: MIT
//
// main of every test executable. Workers that a process pool starts enter here as well, and
// process_main does not return in them. CONCURRENT_FUTURES_TEST_WITHOUT_PROCESS_MAIN builds the
// variant for tests of programs that forgot it.
//
// With --apart each test case runs in a fork of its own, made before any of them has run: as separate as if this
// program had been started for each, without the time that the start of a sanitizer takes.
#include <catch2/catch_session.hpp>
#include <catch2/catch_test_case_info.hpp>
#include <catch2/interfaces/catch_interfaces_registry_hub.hpp>
#include <catch2/interfaces/catch_interfaces_testcase.hpp>
#include <catch2/internal/catch_test_case_registry_impl.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "support/leak_listener.hpp"
#include "support/watchdog.hpp"

#if __has_include(<concurrent/futures/process_main.hpp>) && \
    !defined(CONCURRENT_FUTURES_TEST_WITHOUT_PROCESS_MAIN)
#include <concurrent/futures/process_main.hpp>
#define CONCURRENT_FUTURES_TEST_CALLS_PROCESS_MAIN 1
#endif

namespace {

constexpr int all_skipped = 4;  // Catch2's exit code for it

int run_tests(Catch::Session& session) {
    const int code = session.run();
    return code == 0 && support::leaks_found() > 0 ? 3 : code;
}

/// As a test specification that matches no other test.
std::string escaped(const std::string& name) {
    std::string text;
    for (const char c : name) {
        if (c == '\\' || c == ',' || c == '[' || c == ']' || c == '"') text += '\\';
        text += c;
    }
    return text;
}

int run_apart(Catch::Session& session) {
    for (Catch::TestCaseInfo* test : Catch::getRegistryHub().getTestCaseRegistry().getAllInfos())
        test->addFilenameTag();  // which Catch2 would do only when it runs them
    const auto& config = session.config();
    std::vector<std::string> names;
    for (const auto& test : Catch::filterTests(Catch::getAllTestCasesSorted(config), config.testSpec(), config))
        names.push_back(test.getTestCaseInfo().name);
    std::vector<std::string> failed;
    bool any_passed = false;
    int first_code = 0;
    for (const std::string& name : names) {
        const int code = support::run_supervised([&] {
            auto data = session.configData();
            data.testsOrTags = {escaped(name)};
            data.filenamesAsTags = false;
            session.useConfigData(data);
            return run_tests(session);
        });
        any_passed = any_passed || code == 0;
        if (code == 0 || code == all_skipped) continue;
        if (failed.empty()) first_code = code;
        failed.push_back(name);
    }
    std::printf("\n%zu test cases, each in a process of its own: %zu failed\n", names.size(), failed.size());
    for (const std::string& name : failed)
        std::printf("FAILED: %s (--rng-seed %u)\n", name.c_str(), session.configData().rngSeed);
    if (!failed.empty()) return first_code;
    if (names.empty()) return 2;  // as Catch2: nothing matched
    return any_passed ? 0 : all_skipped;
}

}  // namespace

int main(int argc, char** argv) {
    support::prepare_process();
#if defined(CONCURRENT_FUTURES_TEST_CALLS_PROCESS_MAIN)
    concurrent::futures::process_main(argc, argv);
#endif
    Catch::Session session;
    session.configData().filenamesAsTags = true;  // CTest lists the tests of each file
    bool apart = false;
    session.cli(session.cli() | Catch::Clara::Opt(apart)["--apart"]("each test case in a process of its own"));
    if (const int refused = session.applyCommandLine(argc, argv); refused != 0) return refused;
    if (apart) return run_apart(session);
    return support::run_supervised([&] { return run_tests(session); });
}
