// SPDX-License-Identifier: MIT
//
// Lesson: a service that fails now and then, and sometimes does not answer. A timeout ends an attempt, retries start
// another one. How much do they help? Attempt k of task n always does the same, so the numbers are always the same.
//
// Run: build/quickstart/examples/retries_and_timeouts
// Prints (the test compares it):
//     retries  answered  failed  timed out
//           0         8       6          2
//           1        12       3          1
//           2        15       1          0
//           4        16       0          0
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <concurrent/futures.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace cf = concurrent::futures;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// Counts its calls in a file, because each attempt may run in another process.
int attempts_so_far(const fs::path& file) {
    std::ofstream(file, std::ios::app) << '.';
    return static_cast<int>(fs::file_size(file));
}

int ask_service(int n, const std::string& directory) {
    const int attempt = attempts_so_far(fs::path(directory) / std::to_string(n));
    switch (n % 8) {
        case 1: if (attempt <= 1) throw std::runtime_error("connection reset"); break;
        case 3: if (attempt <= 2) throw std::runtime_error("connection reset"); break;
        case 5: if (attempt <= (n < 8 ? 1 : 3)) throw std::runtime_error("too many requests"); break;
        case 7: if (attempt <= (n < 8 ? 1 : 2)) std::this_thread::sleep_for(1h); break;
        default: break;
    }
    return n;
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    std::puts("retries  answered  failed  timed out");
    for (const int retries : {0, 1, 2, 4}) {
        char directory[] = "/tmp/retries_XXXXXX";
        if (!::mkdtemp(directory)) throw std::system_error(errno, std::generic_category(), directory);
        int answered = 0, failed = 0, timed_out = 0;
        {
            cf::ProcessPoolExecutor pool({.max_workers = 4, .stop_grace = 20ms});
            std::vector<cf::Future<int>> answers;
            for (int n = 0; n < 16; ++n)
                answers.push_back(pool.submit({.timeout = 500ms, .retries = retries}, ask_service, n, directory));
            for (const auto& answer : answers) {
                try {
                    answer.result();
                    ++answered;
                } catch (const cf::TaskTimeoutError&) {
                    ++timed_out;
                } catch (const std::runtime_error&) {
                    ++failed;
                }
            }
        }
        fs::remove_all(directory);
        std::printf("%7d %9d %7d %10d\n", retries, answered, failed, timed_out);
    }
}
