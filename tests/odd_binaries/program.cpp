// SPDX-License-Identifier: MIT
//
// Compiled once and linked in many ways by check.py, which says how it is called. Also linked as a shared
// library, which the program then loads as its plugin.
#include <concurrent/futures/process_pool_executor.hpp>
#include <dlfcn.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <string>

namespace cf = concurrent::futures;

namespace {

int failures = 0;
void check(bool right, const std::string& what) {
    if (right) return;
    ++failures;
    std::printf("wrong: %s\n", what.c_str());
}

int twice(int n) { return 2 * n; }
int double_it(int n) { return 2 * n; }  // a linker may make it one with twice()
int thrice(int n) { return 3 * n; }
void refuse(int n) { throw std::domain_error(std::to_string(n)); }
int die(int n) {
    ::kill(::getpid(), SIGKILL);
    return n;
}

void check_calls(cf::ProcessPoolExecutor& pool) {
    check(pool.submit(twice, 4).result() == 8, "a function");
    check(pool.submit(double_it, 5).result() == 10, "a function with the same code");
    check(pool.submit(thrice, 4).result() == 12, "another function");
    check(pool.submit([](int n) { return n + 1; }, 4).result() == 5, "a lambda");
    check(pool.submit([](int n) { return n + 1; }, 5).result() == 6, "a lambda with the same code");
    try {
        pool.submit(refuse, 7).result();
        check(false, "no exception");
    } catch (const std::domain_error& error) {
        check(std::string(error.what()) == "7", "the words of an exception");
    }
    try {
        pool.submit(die, 7).result();
        check(false, "no death");
    } catch (const cf::WorkerDiedError& error) {
        check(error.signal() == SIGKILL, "how a worker died");
    }
    check(pool.submit(twice, 6).result() == 12, "the worker after it");
}

/// The file of this program is replaced by another one, then removed, while it runs.
void check_replaced(cf::StartMethod method, const char* own, const char* other) {
    cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = method, .max_tasks_per_child = 1});
    check(pool.submit(twice, 1).result() == 2, "before");
    if (other) {
        check(std::rename(other, own) == 0, "rename");
        check(pool.submit(twice, 2).result() == 4, "a new worker after the program was replaced");
    }
    ::unlink(own);
    check(pool.submit(twice, 3).result() == 6, "a new worker after the program was removed");
    check_calls(pool);
}

// ---- a plugin ----

void load(const std::string& path) {
    if (!::dlopen(path.c_str(), RTLD_NOW)) throw std::runtime_error(::dlerror());
}
template <class Function>
Function* find(const std::string& path, const char* name) {
    void* const plugin = ::dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD);
    return reinterpret_cast<Function*>(plugin ? ::dlsym(plugin, name) : nullptr);
}

std::string error_of(const cf::Future<int>& future) {
    try {
        future.result();
        return "none";
    } catch (const cf::SerializationError& error) {
        return error.what();
    }
}

void check_plugin(cf::StartMethod method, const std::string& plugin, bool loaded_before) {
    if (loaded_before) load(plugin);
    cf::ProcessPoolExecutor bare({.max_workers = 1, .start_method = method});
    cf::ProcessPoolExecutor loading(
        {.max_workers = 1, .start_method = method, .initializer = cf::bind_task(load, plugin)});
    load(plugin);
    auto* const function = find<int(int)>(plugin, "plugin_negate");
    auto* const calls = find<int(cf::ProcessPoolExecutor&)>(plugin, "plugin_calls");
    if (!function || !calls) return check(false, "the plugin");
    check(loading.submit(function, 3).result() == -3, "a function of a plugin");
    check(calls(loading) == 0, "calls that the plugin submits");
    if (loaded_before && method == cf::StartMethod::fork) {
        check(bare.submit(function, 3).result() == -3, "a function of a plugin that was there before");
        check(calls(bare) == 0, "calls that such a plugin submits");
    } else {
        const std::string words = error_of(bare.submit(function, 3));
        check(words.find("load") != words.npos, "words about a plugin that a worker lacks: " + words);
        check(bare.submit(twice, 3).result() == 6, "the same worker");
    }
}

// ---- a library that goes while the program runs ----

void check_without_library(const std::string& library) {
    cf::ProcessPoolExecutor pool({.max_workers = 1, .start_method = cf::StartMethod::spawn});
    ::unlink(library.c_str());
    std::string words = "none";
    try {
        pool.submit(twice, 3).result();
    } catch (const cf::BrokenProcessPool& error) {
        words = error.what();
    }
    for (const std::string& part : {std::string("exit code 127"), "its library " + library + " is not there any more"})
        check(words.find(part) != words.npos, part + " in: " + words);
}

}  // namespace

extern "C" int plugin_negate(int n) { return -n; }
extern "C" int plugin_calls(cf::ProcessPoolExecutor& pool) {
    check_calls(pool);
    return failures;
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    const std::string what = argc > 1 ? argv[1] : "calls";
    const auto method = argc > 2 && std::string(argv[2]) == "fork" ? cf::StartMethod::fork
                                                                    : cf::StartMethod::spawn;
    if (what == "calls") {
        cf::ProcessPoolExecutor pool({.max_workers = 2, .start_method = method});
        check_calls(pool);
    }
    if (what == "replaced") check_replaced(method, argv[0], argc > 3 ? argv[3] : nullptr);
    if (what == "without_library") check_without_library(argv[2]);
    if (what == "plugin_before") check_plugin(method, argv[3], true);
    if (what == "plugin_after") check_plugin(method, argv[3], false);
    if (failures == 0) std::printf("all right\n");
    return failures == 0 ? 0 : 1;
}
