// SPDX-License-Identifier: MIT
#include <concurrent/futures/detail/platform/thread_attributes.hpp>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <thread>

#include "concurrent/futures/process_pool_executor.hpp"
#include "concurrent/futures/thread_pool_executor.hpp"

namespace {

namespace cf = concurrent::futures;
using cf::detail::ThreadAttributes;

/// In words, so that two can be compared and read.
std::string attributes_here() {
    cpu_set_t processors;
    CPU_ZERO(&processors);
    ::sched_getaffinity(0, sizeof processors, &processors);
    std::string text = "processors";
    for (std::size_t number = 0; number < CPU_SETSIZE; ++number)
        if (CPU_ISSET(number, &processors)) text += ' ' + std::to_string(number);
    sched_param parameters{};
    int policy = -1;
    ::pthread_getschedparam(::pthread_self(), &policy, &parameters);
    text += ", policy " + std::to_string(policy) + ", priority " + std::to_string(parameters.sched_priority) +
            ", niceness " + std::to_string(::getpriority(PRIO_PROCESS, 0)) + ", blocked";
    sigset_t mask;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    for (int signal = 1; signal < NSIG; ++signal)
        if (::sigismember(&mask, signal) == 1) text += ' ' + std::to_string(signal);
    return text;
}
std::string without_mask(const std::string& attributes) { return attributes.substr(0, attributes.find(", blocked")); }

/// One processor, another class, a signal blocked. All of it can be undone without privileges.
void be_special() {
    cpu_set_t processors;
    CPU_ZERO(&processors);
    ::sched_getaffinity(0, sizeof processors, &processors);
    std::size_t first = 0;
    while (!CPU_ISSET(first, &processors)) ++first;
    CPU_ZERO(&processors);
    CPU_SET(first, &processors);
    REQUIRE(::sched_setaffinity(0, sizeof processors, &processors) == 0);
    sched_param parameters{};
    REQUIRE(::pthread_setschedparam(::pthread_self(), SCHED_BATCH, &parameters) == 0);
    sigset_t mask;
    ::sigemptyset(&mask);
    ::sigaddset(&mask, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &mask, nullptr);
}

template <class F>
void in_a_special_thread(F run) {
    std::thread([&] {
        be_special();
        run();
    }).join();
}

TEST_CASE("a thread takes over the attributes of another one", "[thread_attributes]") {
    const std::string here = attributes_here();
    const ThreadAttributes attributes = ThreadAttributes::of_this_thread();
    in_a_special_thread([&] {
        CHECK(attributes_here() != here);
        attributes.apply();
        CHECK(attributes_here() == here);
    });
}

TEST_CASE("threads of a pool are like the thread that made it, whoever submits", "[thread_attributes]") {
    const std::string here = attributes_here();
    cf::ThreadPoolExecutor pool(2);
    in_a_special_thread([&] { CHECK(pool.submit(attributes_here).result() == here); });
    in_a_special_thread([&] {
        const std::string special = attributes_here();
        cf::ThreadPoolExecutor special_pool(1);
        std::thread([&] { CHECK(special_pool.submit(attributes_here).result() == special); }).join();
    });
}

TEST_CASE("so is the thread that keeps time, also when it is started by a call that has made itself special",
          "[thread_attributes]") {
    const std::string here = attributes_here();
    cf::ThreadPoolExecutor pool(1);
    pool.submit(be_special).result();
    std::string there;
    const auto call = pool.submit({.timeout = std::chrono::milliseconds(1)}, [&](std::stop_token stop) {
        const std::stop_callback note(stop, [&] { there = attributes_here(); });
        while (!stop.stop_requested()) std::this_thread::yield();
    });
    call.wait();
    CHECK(there == here);
}

TEST_CASE("worker processes are like the thread that made the pool, with no signal blocked", "[thread_attributes]") {
    const std::string here = without_mask(attributes_here());
    cf::ProcessPoolExecutor spawned({.max_workers = 1, .start_method = cf::StartMethod::spawn});
    in_a_special_thread([&] { CHECK(spawned.submit(attributes_here).result() == here + ", blocked"); });
    in_a_special_thread([&] {
        const std::string special = without_mask(attributes_here());
        cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
        std::thread([&] { CHECK(pool.submit(attributes_here).result() == special + ", blocked"); }).join();
    });
}

}  // namespace
