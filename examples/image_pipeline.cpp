// SPDX-License-Identifier: MIT
//
// Lesson: work that may crash, on processes. Makes a small, softened copy of every photograph of a
// directory. A file that libpng or libjpeg refuses is an exception. A file that makes its decoder
// crash ends one worker process, not this program; all other files come out right.
//
// Run: build/quickstart/examples/image_pipeline examples/data/photos /tmp/thumbnails [workers]
//      With 0 workers all runs in this process: then the corrupt file takes the program with it.
// Prints (the order is that of the names):
//     lost   corrupt.ppm: worker process 4711 was killed by signal 11 (Segmentation fault) …
//     ok     dandelions.jpg 640x360 -> 96x54
//     …
//     failed truncated.png: libpng: read beyond end of data
//     4 ok, 1 failed, 1 lost: 0.019 s; time of all files added up: 0.014 s
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <concurrent/futures.hpp>
#include <cstdlib>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "support/image.hpp"
#include "support/thumbnail.hpp"

namespace cf = concurrent::futures;
namespace fs = std::filesystem;
using Seconds = std::chrono::duration<double>;

struct Report {  // crosses from the worker to us without any code
    std::size_t width, height, new_width, new_height;
    Seconds elapsed;
};

/// The call: paths go to the worker, pixels never leave it.
Report make_thumbnail(const fs::path& from, const fs::path& to) {
    const auto start = std::chrono::steady_clock::now();
    const Image photo = read_image(from);
    const Image small = softened(shrunk(photo, 96));
    write_png(small, to);
    return {photo.width, photo.height, small.width, small.height,
            std::chrono::steady_clock::now() - start};
}

void leave_no_core_file() {
    const rlimit nothing{0, 0};
    setrlimit(RLIMIT_CORE, &nothing);
}

void make_thumbnails(cf::Executor auto& pool, const fs::path& from, const fs::path& to) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<fs::path> names;
    for (const auto& entry : fs::directory_iterator(from)) names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    std::vector<cf::Future<Report>> reports;
    for (const fs::path& name : names)
        reports.push_back(
            pool.submit({.name = name.string()}, make_thumbnail, from / name, to / (name.string() + ".png")));

    std::size_t ok = 0, failed = 0, lost = 0;
    Seconds added_up{};
    for (std::size_t i = 0; i < names.size(); ++i) {
        const std::string name = names[i].string();
        try {
            const Report& report = reports[i].result();
            std::cout << "ok     " << name << ' ' << report.width << 'x' << report.height << " -> "
                      << report.new_width << 'x' << report.new_height << '\n';
            added_up += report.elapsed;
            ++ok;
        } catch (const cf::WorkerDiedError& error) {
            std::cout << "lost   " << name << ": " << error.what() << '\n';
            ++lost;
        } catch (const std::exception& error) {
            std::cout << "failed " << name << ": " << error.what() << '\n';
            ++failed;
        }
    }
    const Seconds elapsed = std::chrono::steady_clock::now() - start;
    std::cout << ok << " ok, " << failed << " failed, " << lost << " lost: " << std::fixed
              << std::setprecision(3) << elapsed.count()
              << " s; time of all files added up: " << added_up.count() << " s\n";
}

int main(int argc, char** argv) try {
    cf::process_main(argc, argv);
    if (argc < 3 || argc > 4) {
        std::cerr << "usage: image_pipeline FROM_DIRECTORY TO_DIRECTORY [workers]\n";
        return EXIT_FAILURE;
    }
    const int workers =
        argc == 4 ? std::stoi(argv[3]) : static_cast<int>(cf::available_parallelism());
    fs::create_directories(argv[2]);
    if (workers == 0) {
        cf::InlineExecutor pool;
        make_thumbnails(pool, argv[1], argv[2]);
    } else {
        cf::ProcessPoolExecutor pool(
            {.max_workers = workers, .initializer = cf::bind_task(leave_no_core_file)});
        make_thumbnails(pool, argv[1], argv[2]);
    }
} catch (const std::exception& error) {
    std::cerr << "image_pipeline: " << error.what() << '\n';
    return EXIT_FAILURE;
}
