// SPDX-License-Identifier: MIT
#include "plugin.hpp"

using namespace modules;

extern "C" __attribute__((visibility("default"))) const Plugin* modules_plugin() {
    static const Plugin plugin{
        [](cf::ThreadPoolExecutor& pool) { return pool.submit([] { return 41; }).result() + 1; },
        [](const cf::Future<int>& future, std::atomic<long>& count) {
            future.add_done_callback([&count](const cf::Future<int>&) { ++count; });
        },
        [](cf::Future<int> future) { return std::move(future).then([](int n) { return n + 1; }); },
        [](const cf::Future<int>& future) { return future.result(); },
        [](cf::Promise<int>& promise, int value) { promise.set_value(value); }};
    return &plugin;
}
