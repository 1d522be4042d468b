// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/thread_name.hpp>
#include <pthread.h>

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <thread>

namespace {

std::string name_given(const std::string& prefix, std::size_t number) {
    std::string name(16, '\0');
    std::thread([&] {
        concurrent::futures::detail::name_current_thread(prefix, number);
        ::pthread_getname_np(::pthread_self(), name.data(), name.size());
    }).join();
    return name.c_str();
}

TEST_CASE("a thread is named by prefix and number", "[thread_name]") {
    CHECK(name_given("io", 0) == "io_0");
    CHECK(name_given("", 12) == "_12");
}

TEST_CASE("a name that is too long keeps its number", "[thread_name]") {
    CHECK(name_given("a_very_long_prefix", 3) == "a_very_long_p_3");
    CHECK(name_given("a_very_long_prefix", 12345) == "a_very_lo_12345");
}

}  // namespace
