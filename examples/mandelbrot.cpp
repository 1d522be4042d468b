// SPDX-License-Identifier: MIT
//
// Lesson: a picture whose rows take very different times. map() gives rows in order while later ones are computed, so
// the file is written as they come, and never more than 32 finished rows are kept.
//
// Run: build/quickstart/examples/mandelbrot [mandelbrot.pgm]
// Prints (the test compares it; … stands for anything):
//     mandelbrot.pgm: 320 x 240 pixels
//     … of 76800 pixels are black
//     the middle row starts at the point -2.20+0.00i
#include <algorithm>
#include <complex>
#include <concurrent/futures.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <ranges>
#include <string>

namespace cf = concurrent::futures;

constexpr int width = 320, height = 240, most_rounds = 1000;

std::complex<double> point(int x, int y) {
    return {-2.2 + 3.2 * x / width, 1.2 - 2.4 * y / height};
}

/// One byte per pixel: black where the series stays bounded.
std::string row(int y) {
    std::string pixels;
    for (int x = 0; x < width; ++x) {
        const std::complex<double> c = point(x, y);
        std::complex<double> z;
        int rounds = 0;
        while (rounds < most_rounds && std::norm(z) < 4) {
            z = {z.real() * z.real() - z.imag() * z.imag() + c.real(), 2 * z.real() * z.imag() + c.imag()};
            ++rounds;
        }
        pixels += static_cast<char>(rounds == most_rounds ? 0 : 255 - std::min(rounds * 4, 220));
    }
    return pixels;
}

int main(int argc, char** argv) {
    const std::string path = argc > 1 ? argv[1] : "mandelbrot.pgm";
    std::ofstream file(path, std::ios::binary);
    file << "P5 " << width << ' ' << height << " 255\n";

    cf::ThreadPoolExecutor pool;
    long black = 0;
    for (const std::string& pixels : pool.map({.buffersize = 32}, row, std::views::iota(0, height))) {
        file << pixels;
        black += std::count(pixels.begin(), pixels.end(), '\0');
    }
    if (!file.flush()) {
        std::fprintf(stderr, "mandelbrot: cannot write %s\n", path.c_str());
        return EXIT_FAILURE;
    }
    std::printf("%s: %d x %d pixels\n", path.c_str(), width, height);
    std::printf("%ld of %d pixels are black\n", black, width * height);
    const std::complex<double> middle = point(0, height / 2);
    std::printf("the middle row starts at the point %.2f%+.2fi\n", middle.real(), middle.imag());
}
