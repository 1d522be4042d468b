// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/bound_functions.hpp>

#include <signal.h>

#include <catch2/catch_test_macros.hpp>
#include <exception>

namespace {

using namespace concurrent::futures::detail;

TEST_CASE("binding the functions of forked children changes nothing in the parent", "[bound_functions]") {
    const auto handlers = [] {
        std::array<void (*)(int), NSIG> all{};
        for (int signal = 1; signal < NSIG; ++signal) {
            struct sigaction action{};
            if (::sigaction(signal, nullptr, &action) == 0) all[static_cast<std::size_t>(signal)] = action.sa_handler;
        }
        return all;
    };
    const auto mask = [] {
        sigset_t now;
        ::sigprocmask(SIG_BLOCK, nullptr, &now);
        std::array<int, NSIG> members{};
        for (int signal = 1; signal < NSIG; ++signal) members[static_cast<std::size_t>(signal)] = ::sigismember(&now, signal);
        return members;
    };
    const auto handlers_before = handlers();
    const auto mask_before = mask();
    const std::terminate_handler terminate_before = std::get_terminate();
    const ProcessorSet processors_before = ProcessorSet::of_this_thread();
    for (int time = 0; time < 2; ++time) bind_functions_of_forks();
    CHECK(handlers() == handlers_before);
    CHECK(mask() == mask_before);
    CHECK(std::get_terminate() == terminate_before);
    CHECK_FALSE(ProcessorSet::of_this_thread() != processors_before);
}

}  // namespace
