// SPDX-License-Identifier: MIT
//
// Lesson: a parser for files that strangers send, in processes. Whatever a file does to the decoder (libpng and libjpeg
// here), it costs one task: memory and time are bounded, a crash has a text, and the next file gets a worker as usual. Each
// photograph is read whole and cut off after every eighth of it.
//
// Run: build/quickstart/examples/hostile_files [directory]
// Prints (the test compares it; … stands for anything):
//     dandelions.jpg: whole 640x360; cut: … refused, … read, 0 lost
//     mountains.jpg: whole 480x360; cut: … refused, … read, 0 lost
//     sunset.png: whole 180x120; cut: 8 refused, 0 read, 0 lost
//     the pool still works: 42
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <concurrent/futures.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/image.hpp"

namespace cf = concurrent::futures;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

struct Size {
    std::size_t width, height;
};

/// In a worker: the first `bytes` bytes of the file, as a file of their own.
Size read_part(const fs::path& path, std::size_t bytes) {
    std::ifstream file(path, std::ios::binary);
    std::string content(std::istreambuf_iterator<char>(file), {});
    content.resize(std::min(bytes, content.size()));
    const fs::path part = fs::temp_directory_path() / ("hostile_" + std::to_string(::getpid()) + path.extension().string());
    std::ofstream(part, std::ios::binary) << content;
    struct Remove {
        const fs::path& path;
        ~Remove() { fs::remove(path); }
    } const remove{part};
    const Image image = read_image(part);
    return {image.width, image.height};
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    const fs::path directory = argc > 1 ? argv[1] : fs::path(__FILE__).parent_path() / "data" / "photos";
    cf::ProcessPoolExecutor pool({.max_workers = 2, .max_memory_bytes = std::size_t{1} << 30});
    for (const char* name : {"dandelions.jpg", "mountains.jpg", "sunset.png"}) {
        const fs::path path = directory / name;
        const std::size_t size = fs::file_size(path);
        const Size whole = pool.submit({.timeout = 10s}, read_part, path, size).result();
        std::vector<cf::Future<Size>> parts;
        for (std::size_t eighth = 0; eighth < 8; ++eighth)
            parts.push_back(pool.submit({.timeout = 10s}, read_part, path, size * eighth / 8));
        int refused = 0, read = 0, lost = 0;
        for (const auto& part : parts) {
            try {
                part.result();
                ++read;
            } catch (const cf::WorkerDiedError&) {
                ++lost;
            } catch (const cf::TaskTimeoutError&) {
                ++lost;
            } catch (const std::exception&) {
                ++refused;
            }
        }
        std::printf("%s: whole %zux%zu; cut: %d refused, %d read, %d lost\n", name, whole.width, whole.height,
                    refused, read, lost);
    }
    std::printf("the pool still works: %d\n", pool.submit([](int n) { return 6 * n; }, 7).result());
}
