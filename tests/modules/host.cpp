// SPDX-License-Identifier: MIT
//
// host.cpp: one future, promise or pool used by two modules. Arguments: the plugin, and which case. 0: right.
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "plugin.hpp"

using namespace modules;

namespace {

cf::Future<int> plus_one_here(cf::Future<int> future) {
    return std::move(future).then([](int n) { return n + 1; });
}

/// Both add callbacks to the same calls while a third thread, in either module, ends them.
bool watch(const Plugin& plugin) {
    std::atomic<long> here{0}, there{0};
    constexpr long rounds = 2'000, each = 25;
    for (long round = 0; round < rounds; ++round) {
        cf::Promise<int> promise;
        const auto future = promise.get_future();
        const std::jthread other([&] {
            for (long i = 0; i < each; ++i) plugin.watch(future, there);
        });
        const std::jthread ends([&] {
            if (round % 2 == 0) promise.set_value(1);
            else plugin.fulfil(promise, 1);
        });
        for (long i = 0; i < each; ++i) future.add_done_callback([&here](const cf::Future<int>&) { ++here; });
    }
    std::printf("callbacks: %ld here, %ld there, of %ld each\n", here.load(), there.load(), rounds * each);
    return here == rounds * each && there == rounds * each;
}

/// A long chain whose links are made in turn by both.
bool chain(const Plugin& plugin) {
    constexpr int links = 200'000;
    cf::Promise<int> promise;
    auto last = promise.get_future();
    for (int i = 0; i < links; ++i)
        last = i % 2 == 0 ? plugin.plus_one(std::move(last)) : plus_one_here(std::move(last));
    promise.set_value(0);
    return last.result() == links;
}

/// A function of one module ends a call and waits in the other module for what follows from it.
bool promised(const Plugin& plugin) {
    for (const bool fulfilled_there : {false, true})
        for (const bool awaited_there : {false, true}) {
            cf::Promise<int> start, inner;
            const auto follows = plus_one_here(plugin.plus_one(plus_one_here(inner.get_future())));
            const auto answer = plus_one_here(start.get_future()).then([&](int n) {
                fulfilled_there ? plugin.fulfil(inner, n) : inner.set_value(n);
                return awaited_there ? plugin.wait_for(follows) : follows.result();
            });
            plugin.fulfil(start, 0);
            if (answer.result() != 4) return false;
        }
    return true;
}

/// The one worker of a pool waits, in the plugin, for another call of its pool.
bool nest(const Plugin& plugin) {
    cf::ThreadPoolExecutor pool({.max_workers = 1});
    return pool.submit([&] { return plugin.submit_and_wait(pool); }).result() == 42;
}

}  // namespace

int main(int, char** arguments) {
    const std::string which = arguments[2];
    const auto load = [&]() -> const Plugin* {
        void* const library = ::dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
        if (!library) return std::puts(::dlerror()), nullptr;
        return reinterpret_cast<const Plugin* (*)()>(::dlsym(library, "modules_plugin"))();
    };
    if (which == "fork") {
        // A child makes a pool, and only then loads the plugin, which has not seen the fork.
        cf::ThreadPoolExecutor(1).submit([] {}).wait();
        const pid_t child = ::fork();
        if (child == 0) {
            cf::ThreadPoolExecutor pool(1);
            const Plugin* const plugin = load();
            ::_exit(plugin && plugin->submit_and_wait(pool) == 42 ? 0 : 1);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        return status == 0 ? 0 : 1;
    }
    const Plugin* const plugin = load();
    if (!plugin) return 2;
    const bool right = which == "watch"      ? watch(*plugin)
                       : which == "chain"    ? chain(*plugin)
                       : which == "promised" ? promised(*plugin)
                                             : nest(*plugin);
    return right ? 0 : 1;
}
