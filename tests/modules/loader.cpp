// SPDX-License-Identifier: MIT
//
// loader.cpp: loads and unloads initializer.cpp some times, from a thread that ends afterwards, too.
#include <dlfcn.h>

#include <cstdio>
#include <thread>

static bool load(const char* path) {
    void* const library = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) return std::puts(::dlerror()), false;
    const int sum = reinterpret_cast<int (*)()>(::dlsym(library, "initializer_sum"))();
    ::dlclose(library);
    return sum == 507;
}

int main(int, char** arguments) {
    bool right = true;
    for (int i = 0; i < 3; ++i) right = load(arguments[1]) && right;
    std::thread([&] { right = load(arguments[1]) && right; }).join();
    return right ? 0 : 1;
}
