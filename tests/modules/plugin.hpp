// SPDX-License-Identifier: MIT
//
// plugin.hpp: what host.cpp calls in plugin.cpp, which is loaded at run time and hides its symbols: each of the two
// has its own copy of every inline variable.
#pragma once

#include <concurrent/futures.hpp>

#include <atomic>

namespace modules {

namespace cf = concurrent::futures;

struct Plugin {
    int (*submit_and_wait)(cf::ThreadPoolExecutor& pool);
    void (*watch)(const cf::Future<int>& future, std::atomic<long>& count);
    cf::Future<int> (*plus_one)(cf::Future<int> future);
    int (*wait_for)(const cf::Future<int>& future);
    void (*fulfil)(cf::Promise<int>& promise, int value);
};

}  // namespace modules
