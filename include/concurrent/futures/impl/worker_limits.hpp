// SPDX-License-Identifier: MIT
//
// impl/worker_limits.hpp: how the limits of a worker are set; see impl/src.hpp.
#pragma once

#include <stdexcept>
#include <string>
#include <system_error>

#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/processes/call_limits.hpp"
#include "concurrent/futures/detail/processes/start_environment.hpp"
#include "concurrent/futures/worker_limits.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

CONCURRENT_FUTURES_DECL void WorkerLimits::operator()() const {
    if (detail::program_start().depth == 0) return;
    const auto demand = [](int error, const std::string& what) {
        if (error != 0) throw std::system_error(error, std::generic_category(), "WorkerLimits::" + what);
    };
    if (cpu_time) {
        if (*cpu_time < std::chrono::seconds(1))
            throw std::invalid_argument("WorkerLimits::cpu_time must be at least 1 s, but is " +
                                        std::to_string(cpu_time->count()) + " s; leave it out for no limit");
        detail::obey_cpu_limit();
        detail::cpu_seconds_per_call = cpu_time->count();
        demand(detail::limit_own_cpu(cpu_time->count()), "cpu_time");
    }
    if (niceness)
        demand(detail::set_own_niceness(*niceness), "niceness = " + std::to_string(*niceness));
    if (!processors.empty())
        demand(detail::set_own_processors(processors),
              "processors: none of these may be used by this process");
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
