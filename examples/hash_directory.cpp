// SPDX-License-Identifier: MIT
//
// Lesson: a hash of each file of a directory tree. Reading waits for the disk and hashing for the processor, so there
// are more threads than processors; files that cannot be read fail alone.
//
// Run: build/quickstart/examples/hash_directory [directory]
// Prints for the photographs of the examples (the test compares it; … stands for anything):
//     … corrupt.ppm
//     … dandelions.jpg
//     … mountains.jpg
//     … stream.ppm
//     … sunset.png
//     … truncated.png
//     failed: nowhere.jpg: cannot read …nowhere.jpg
//     6 files, … bytes, all as when hashed one after the other
#include <algorithm>
#include <array>
#include <concurrent/futures.hpp>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace cf = concurrent::futures;
namespace fs = std::filesystem;

struct Hashed {
    std::uint64_t hash, bytes;
    bool operator==(const Hashed&) const = default;
};

/// FNV-1a, 64 bits: finds changes, not attackers.
Hashed hash_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path.string());
    Hashed result{14695981039346656037u, 0};
    std::array<char, 65536> block;
    while (file.read(block.data(), block.size()), file.gcount() > 0)
        for (std::streamsize i = 0; i < file.gcount(); ++i, ++result.bytes)
            result.hash = (result.hash ^ static_cast<unsigned char>(block[static_cast<std::size_t>(i)])) * 1099511628211u;
    return result;
}

int main(int argc, char** argv) {
    const fs::path root = argc > 1 ? argv[1] : fs::path(__FILE__).parent_path() / "data" / "photos";
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(root))
        if (entry.is_regular_file()) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    files.push_back(root / "nowhere.jpg");

    cf::ThreadPoolExecutor pool(2 * cf::available_parallelism());
    std::vector<cf::Future<Hashed>> hashes;
    for (const fs::path& file : files) hashes.push_back(pool.submit(hash_file, file));

    std::uint64_t bytes = 0, hashed = 0, wrong = 0;
    for (std::size_t i = 0; i < files.size(); ++i) {
        const std::string name = fs::relative(files[i], root).string();
        try {
            const Hashed& result = hashes[i].result();
            std::printf("%016llx %s\n", static_cast<unsigned long long>(result.hash), name.c_str());
            bytes += result.bytes;
            ++hashed;
            if (result != hash_file(files[i])) ++wrong;
        } catch (const std::runtime_error& error) {
            std::printf("failed: %s: %s\n", name.c_str(), error.what());
        }
    }
    std::printf("%llu files, %llu bytes, %s\n", static_cast<unsigned long long>(hashed),
                static_cast<unsigned long long>(bytes),
                wrong == 0 ? "all as when hashed one after the other" : "some are wrong");
}
