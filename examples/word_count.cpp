// SPDX-License-Identifier: MIT
//
// Lesson: map and reduce. Processes count the words of one file each; this process adds the counts up as they come.
// The files are those of a directory, by default this library's headers.
//
// Run: build/quickstart/examples/word_count [directory]
// Prints (the test compares it; … stands for anything):
//     … files, … words, … different ones
//     … the
//     …
//     …
//     the same as one file after the other: yes
#include <algorithm>
#include <cctype>
#include <concurrent/futures.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace cf = concurrent::futures;
namespace fs = std::filesystem;

using Counts = std::map<std::string, long>;  // crosses from the workers without any code

/// In the comments of C++: words of letters, in small letters.
Counts count_words(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("cannot read " + path);
    Counts counts;
    for (std::string line; std::getline(file, line);) {
        const std::size_t comment = line.find("//");
        if (comment == std::string::npos) continue;
        std::string word;
        for (std::size_t i = comment + 2; i <= line.size(); ++i) {
            const auto c = static_cast<unsigned char>(i < line.size() ? line[i] : ' ');
            if (std::isalpha(c))
                word += static_cast<char>(std::tolower(c));
            else if (!word.empty())
                ++counts[std::exchange(word, {})];
        }
    }
    return counts;
}

void add(Counts& sum, const Counts& counts) {
    for (const auto& [word, count] : counts) sum[word] += count;
}

int main(int argc, char** argv) {
    cf::process_main(argc, argv);
    const fs::path directory = argc > 1 ? argv[1] : fs::path(__FILE__).parent_path().parent_path() / "include";
    std::vector<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(directory))
        if (entry.path().extension() == ".hpp") files.push_back(entry.path().string());

    cf::ProcessPoolExecutor pool({.max_workers = 2});
    Counts counts;
    for (const Counts& part : pool.map_unordered(count_words, files)) add(counts, part);

    long words = 0;
    std::vector<std::pair<long, std::string>> by_count;
    for (const auto& [word, count] : counts) {
        words += count;
        by_count.emplace_back(-count, word);
    }
    std::printf("%zu files, %ld words, %zu different ones\n", files.size(), words, counts.size());
    std::sort(by_count.begin(), by_count.end());
    for (std::size_t i = 0; i < std::min<std::size_t>(3, by_count.size()); ++i)
        std::printf("%ld %s\n", -by_count[i].first, by_count[i].second.c_str());

    Counts serial;
    for (const std::string& file : files) add(serial, count_words(file));
    std::printf("the same as one file after the other: %s\n", serial == counts ? "yes" : "no");
}
