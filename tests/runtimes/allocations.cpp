// SPDX-License-Identifier: MIT
//
// Memory that one thread or process allocates and another frees, under a preloaded allocator. Returns 0 if all is right
// and the allocator, whose name is the argument, is loaded in the parent and in the workers.
#include <concurrent/futures.hpp>

#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace cf = concurrent::futures;

static bool is_loaded(const std::string& name) {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);)
        if (line.find(name) != std::string::npos) return true;
    return false;
}

static std::vector<std::string> grow(const std::vector<std::string>& words) {
    std::vector<std::string> more = words;
    for (const std::string& word : words) more.push_back(word + word);
    return more;
}

static void require(const char* what, bool right) {
    std::printf("%s: %s\n", what, right ? "right" : "WRONG");
    if (!right) throw std::runtime_error(what);
}

static void run_in(auto& pool, const char* where, const std::string& allocator) {
    require(where, pool.submit(is_loaded, allocator).result());
    std::vector<std::vector<std::string>> inputs;
    for (std::size_t i = 0; i < 100; ++i) inputs.emplace_back(i, std::string(i, 'x'));
    std::size_t i = 0;
    bool right = true;
    for (const auto& words : pool.map(grow, inputs)) {
        right &= words.size() == 2 * i && (i == 0 || words.back().size() == 2 * i);
        ++i;
    }
    require(where, right && i == inputs.size());
    std::vector<std::string> large(4, std::string(1'000'000, 'y'));
    require(where, pool.submit(grow, large).result().size() == 8);
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    const std::string allocator = argc > 1 ? argv[1] : "libc";
    cf::ProcessPoolExecutor spawned({.max_workers = 2, .start_method = cf::StartMethod::spawn});
    run_in(spawned, "spawned workers", allocator);
    try {
        cf::ProcessPoolExecutor forked({.max_workers = 2, .start_method = cf::StartMethod::fork});
        run_in(forked, "forked workers", allocator);
    } catch (const std::invalid_argument& error) {
        std::printf("forked workers: %s\n", error.what());
    }
    cf::ThreadPoolExecutor threads(4);
    run_in(threads, "threads", allocator);
}
