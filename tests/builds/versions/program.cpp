// SPDX-License-Identifier: MIT
//
//     program NAME:LIBRARY...
//
// Loads the libraries and uses the pools of all of them at once. With -DLINKED the libraries v1 and v2 are parts of the
// program, with -DUNITY v1 is.
#include <dlfcn.h>

#include <atomic>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

using Start = void (*)(int, char**);
using Work = int (*)();
struct Library {
    Start start;
    Work work;
};

#if defined(LINKED) || defined(UNITY)
extern "C" void v1_start(int argc, char** argv);
extern "C" int v1_work();
#endif
#if defined(LINKED)
extern "C" void v2_start(int argc, char** argv);
extern "C" int v2_work();
static std::vector<Library> libraries(int, char**) { return {{v1_start, v1_work}, {v2_start, v2_work}}; }
#elif defined(UNITY)
static std::vector<Library> libraries(int, char**) { return {{v1_start, v1_work}}; }
#else
static std::vector<Library> libraries(int argc, char** argv) {
    std::vector<Library> found;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i], name = argument.substr(0, 2);
        void* const library = ::dlopen(argument.c_str() + 3, RTLD_NOW | RTLD_LOCAL);
        if (!library) {
            std::puts(::dlerror());
            return {};
        }
        found.push_back({reinterpret_cast<Start>(::dlsym(library, (name + "_start").c_str())),
                         reinterpret_cast<Work>(::dlsym(library, (name + "_work").c_str()))});
    }
    return found;
}
#endif

int main(int argc, char** argv) {
    const std::vector<Library> all = libraries(argc, argv);
    for (const Library& library : all) library.start(argc, argv);
    std::atomic<std::size_t> right{0};
    std::vector<std::jthread> threads;
    for (const Library& library : all)
        threads.emplace_back([&right, work = library.work] { right += static_cast<std::size_t>(work()); });
    threads.clear();
    std::printf("%zu of %zu\n", right.load(), all.size());
    return !all.empty() && right == all.size() ? 0 : 1;
}
