// SPDX-License-Identifier: MIT
//
// concurrencpp.hpp: a runtime of concurrencpp whose thread pool has as many workers as asked for, and its name
// for the table. The runtime's other executors start no thread until they are used.
#pragma once

#include <benchmark/benchmark.h>
#include <concurrencpp/concurrencpp.h>

#include <memory>
#include <string>

#include "support/workload.hpp"

namespace benchmarks {

class ConcurrencppPool {
  public:
    explicit ConcurrencppPool(std::size_t count) : runtime_(options(count)) {}

    concurrencpp::thread_pool_executor& operator*() const noexcept { return *executor_; }
    concurrencpp::thread_pool_executor* operator->() const noexcept { return executor_.get(); }
    const std::shared_ptr<concurrencpp::thread_pool_executor>& shared() const noexcept { return executor_; }

  private:
    static concurrencpp::runtime_options options(std::size_t count) {
        concurrencpp::runtime_options options;
        options.max_cpu_threads = count;
        return options;
    }

    concurrencpp::runtime runtime_;
    std::shared_ptr<concurrencpp::thread_pool_executor> executor_ = runtime_.thread_pool_executor();
};

/// Shown in the table.
inline const bool concurrencpp_is_named = [] {
    const auto [major, minor, revision] = concurrencpp::runtime::version();
    benchmark::AddCustomContext("library", "concurrencpp " + std::to_string(major) + "." +
                                               std::to_string(minor) + "." + std::to_string(revision));
    return true;
}();

}  // namespace benchmarks
