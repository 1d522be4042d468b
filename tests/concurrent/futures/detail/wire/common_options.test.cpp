// SPDX-License-Identifier: MIT
//
// What both kinds of pools with workers elsewhere take over from their options. The options of MPI pools need MPI, so a type
// with the same fields stands for them.
#include <concurrent/futures/detail/wire/common_options.hpp>

#include <catch2/catch_test_macros.hpp>
#include <concurrent/futures/bind_task.hpp>
#include <concurrent/futures/detail/mpi/mpi_pool.hpp>
#include <concurrent/futures/detail/processes/process_settings.hpp>
#include <concurrent/futures/process_pool_executor.hpp>
#include <cstddef>
#include <exception>
#include <memory>

namespace {

using namespace concurrent::futures::detail;
namespace cf = concurrent::futures;

void begin(int) {}
void end() {}

struct LikeMpi {
    cf::BoundTask initializer, worker_exit;
    std::size_t max_pending = 0;
    cf::QueueFull on_full = cf::QueueFull::block;
    bool report_unobserved = false;
    cf::UnhandledExceptionHook on_unhandled_exception;
    std::shared_ptr<cf::Observer> observer;
};

template <class Settings, class Options>
void check_all_but(const Options& none, Options some) {
    const auto usual = settings_from<Settings>(none);
    CHECK((usual.initializer.empty() && usual.worker_exit.empty() && usual.max_pending == 0 && !usual.report_unobserved));
    CHECK((usual.on_full == cf::QueueFull::block && !usual.hook && !usual.observer));

    int heard = 0;
    const auto observer = std::make_shared<cf::Observer>();
    some.initializer = cf::bind_task(begin, 1);
    some.worker_exit = cf::bind_task(end);
    some.max_pending = 9;
    some.on_full = cf::QueueFull::raise;
    some.report_unobserved = true;
    some.on_unhandled_exception = [&heard](const std::exception_ptr&) { ++heard; };
    some.observer = observer;
    const auto settings = settings_from<Settings>(some);
    CHECK((settings.initializer.size() > settings.worker_exit.size() && !settings.worker_exit.empty()));
    CHECK((settings.max_pending == 9 && settings.on_full == cf::QueueFull::raise && settings.report_unobserved));
    settings.hook(nullptr);
    CHECK(heard == 1);
    CHECK(settings.observer == observer);
    CHECK(settings_from<Settings>(some).initializer.size() == settings.initializer.size());  // a copy: the options keep theirs
}

TEST_CASE("a process pool takes over from its options what all pools with workers elsewhere have", "[common_options]") {
    check_all_but<ProcessSettings>(cf::ProcessPoolOptions{}, cf::ProcessPoolOptions{});
}

TEST_CASE("a pool of MPI ranks takes over the same from its options", "[common_options]") {
    check_all_but<MpiSettings>(LikeMpi{}, LikeMpi{});
}

}  // namespace
