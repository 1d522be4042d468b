// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/sized_thread.hpp>

#include <pthread.h>
#include <sys/resource.h>

#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <utility>

namespace {

using namespace concurrent::futures::detail;

std::size_t stack_here() {
    pthread_attr_t attributes;
    void* lowest = nullptr;
    std::size_t size = 0;
    REQUIRE(::pthread_getattr_np(::pthread_self(), &attributes) == 0);
    REQUIRE(::pthread_attr_getstack(&attributes, &lowest, &size) == 0);
    ::pthread_attr_destroy(&attributes);
    return size;
}

std::size_t stack_of(std::size_t asked) {
    std::size_t size = 0;
    SizedThread thread(asked, [&] { size = stack_here(); });
    thread.join();
    return size;
}

TEST_CASE("a thread has the stack that was asked for", "[sized_thread]") {
    // No upper bound: the system may reuse the larger stack of a thread that has ended.
    for (const std::size_t mib : {std::size_t{1}, std::size_t{3}, std::size_t{40}}) CHECK(stack_of(mib << 20) >= mib << 20);
    CHECK(stack_of((std::size_t{3} << 20) + 1) > std::size_t{3} << 20);
    CHECK(stack_of(least_stack_size) >= least_stack_size);
}

TEST_CASE("without a size a thread has the stack that the system gives", "[sized_thread]") {
    pthread_attr_t attributes;
    std::size_t usual = 0;
    REQUIRE(::pthread_attr_init(&attributes) == 0);
    REQUIRE(::pthread_attr_getstacksize(&attributes, &usual) == 0);
    ::pthread_attr_destroy(&attributes);
    CHECK(stack_of(0) >= usual - least_stack_size);  // glibc keeps the guard page within
    CHECK(stack_of(0) <= usual + least_stack_size);
}

TEST_CASE("a thread can be moved, and is joined once", "[sized_thread]") {
    bool ran = false;
    SizedThread first(0, [&] { ran = true; });
    CHECK(first.joinable());
    SizedThread second = std::move(first);
    CHECK_FALSE(first.joinable());
    REQUIRE(second.joinable());
    second.join();
    CHECK_FALSE(second.joinable());
    CHECK(ran);
    first = std::move(second);
    CHECK_FALSE(first.joinable());
}

TEST_CASE("what main() has is taken where the system gives threads less", "[sized_thread]") {
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_STACK, &before) == 0);
    const auto with_limit = [&](rlim_t limit) {
        rlimit changed = before;
        changed.rlim_cur = limit;
        REQUIRE(::setrlimit(RLIMIT_STACK, &changed) == 0);
        const std::size_t size = stack_size_of_main();
        REQUIRE(::setrlimit(RLIMIT_STACK, &before) == 0);
        return size;
    };
    CHECK(with_limit(rlim_t{64} << 10) == 0);  // the system's default is more
    if (before.rlim_max >= rlim_t{100} << 20 && before.rlim_cur <= rlim_t{8} << 20)
        CHECK(with_limit(rlim_t{100} << 20) == std::size_t{sizeof(void*) > 4 ? 32u : 8u} << 20);
}

}  // namespace
