// SPDX-License-Identifier: MIT
//
// driver.cpp: runs fuzz targets, over a corpus or over mutations of it.
//
//     fuzz_targets CORPUS                                   every file of CORPUS/<target>/, once
//     fuzz_targets CORPUS --seconds 60 [--only TARGET] [--seed N] [--keep DIRECTORY]
//     fuzz_targets CORPUS --write-seeds                     makes the part of the corpus that our encoder writes
//
// When the targets are compiled with -fsanitize-coverage=trace-pc,trace-cmp (scripts/long_tests.sh fuzz), inputs
// that reach something new are mutated further, and numbers that are compared are tried. With --keep they are
// saved, and the input that is being run always is in DIRECTORY/current: after a crash it is the culprit.
// Compiled with FUZZ_WITH_LIBFUZZER instead (scripts/long_tests.sh libfuzzer), it is libFuzzer that mutates, and the
// environment variable FUZZ_TARGET names the target.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <new>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz.hpp"

#if defined(FUZZ_WITH_PROCESSES)
#include <concurrent/futures/process_main.hpp>
#endif

namespace {

thread_local std::size_t largest = 0;

}  // namespace

void* operator new(std::size_t size) {
    largest = std::max(largest, size);
    if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    largest = std::max(largest, size);
    return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

namespace {

using Input = std::vector<std::byte>;

std::string corpus_path;

}  // namespace

#if !defined(FUZZ_WITH_LIBFUZZER)  // which brings its own
namespace {

// ---- what the compiler's instrumentation tells ----

constexpr std::size_t edges = 1 << 16;
std::array<unsigned char, edges> seen{};
std::array<unsigned char, edges> now{};
thread_local bool watched = false;  // the thread that runs the target
std::array<std::uint64_t, 256> compared{};
std::size_t comparisons = 0;

void note_comparison(std::uint64_t a, std::uint64_t b) {
    if (!watched || a == b) return;
    compared[comparisons++ % compared.size()] = a;
    compared[comparisons++ % compared.size()] = b;
}

/// True when the run has reached what no run before it has.
bool found_something_new() {
    bool found = false;
    for (std::size_t i = 0; i < edges; ++i) {
        if (now[i] == 0) continue;
        int level = 0;  // once, twice, up to 4, 8, … times
        for (unsigned count = now[i]; count > 1; count /= 2) ++level;
        const auto bit = static_cast<unsigned char>(1U << level);
        if ((seen[i] & bit) == 0) found = true;
        seen[i] = static_cast<unsigned char>(seen[i] | bit);
    }
    return found;
}

}  // namespace

extern "C" {
void __sanitizer_cov_trace_pc();
void __sanitizer_cov_trace_pc() {
    if (!watched) return;
    const auto address = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
    unsigned char& count = now[(address ^ address >> 16) % edges];
    if (count < 255) ++count;
}
void __sanitizer_cov_trace_cmp1(std::uint8_t a, std::uint8_t b);
void __sanitizer_cov_trace_cmp2(std::uint16_t a, std::uint16_t b);
void __sanitizer_cov_trace_cmp4(std::uint32_t a, std::uint32_t b);
void __sanitizer_cov_trace_cmp8(std::uint64_t a, std::uint64_t b);
void __sanitizer_cov_trace_const_cmp1(std::uint8_t a, std::uint8_t b);
void __sanitizer_cov_trace_const_cmp2(std::uint16_t a, std::uint16_t b);
void __sanitizer_cov_trace_const_cmp4(std::uint32_t a, std::uint32_t b);
void __sanitizer_cov_trace_const_cmp8(std::uint64_t a, std::uint64_t b);
void __sanitizer_cov_trace_cmpf(float, float);
void __sanitizer_cov_trace_cmpd(double, double);
void __sanitizer_cov_trace_switch(std::uint64_t value, std::uint64_t* cases);
void __sanitizer_cov_trace_cmp1(std::uint8_t a, std::uint8_t b) { note_comparison(a, b); }
void __sanitizer_cov_trace_cmp2(std::uint16_t a, std::uint16_t b) { note_comparison(a, b); }
void __sanitizer_cov_trace_cmp4(std::uint32_t a, std::uint32_t b) { note_comparison(a, b); }
void __sanitizer_cov_trace_cmp8(std::uint64_t a, std::uint64_t b) { note_comparison(a, b); }
void __sanitizer_cov_trace_const_cmp1(std::uint8_t a, std::uint8_t b) { note_comparison(a, b); }
void __sanitizer_cov_trace_const_cmp2(std::uint16_t a, std::uint16_t b) { note_comparison(a, b); }
void __sanitizer_cov_trace_const_cmp4(std::uint32_t a, std::uint32_t b) { note_comparison(a, b); }
void __sanitizer_cov_trace_const_cmp8(std::uint64_t a, std::uint64_t b) { note_comparison(a, b); }
void __sanitizer_cov_trace_cmpf(float, float) {}
void __sanitizer_cov_trace_cmpd(double, double) {}
void __sanitizer_cov_trace_switch(std::uint64_t value, std::uint64_t* cases) {
    for (std::uint64_t i = 0; i < cases[0]; ++i) note_comparison(value, cases[2 + i]);
}
}
#endif

namespace fuzz {

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "fuzz target: %s\n", what);
    std::abort();
}
std::size_t largest_allocation() { return std::exchange(largest, 0); }

void write_seed(const char* target, std::span<const std::byte> bytes) {
    static std::map<std::string, int> numbers;
    const std::filesystem::path folder = std::filesystem::path(corpus_path) / target;
    std::filesystem::create_directories(folder);
    std::ofstream file(folder / ("seed_" + std::to_string(++numbers[target])), std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace fuzz

#if defined(FUZZ_WITH_LIBFUZZER)

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const fuzz::Target* const target = [] {
        const char* const name = std::getenv("FUZZ_TARGET");
        const fuzz::Target* found = fuzz::Target::first();
        while (found && name && std::strcmp(found->name, name) != 0) found = found->next;
        fuzz::require(found != nullptr, "FUZZ_TARGET names no target");
        return found;
    }();
    target->run({reinterpret_cast<const std::byte*>(data), size});
    return 0;
}

#else

namespace {

Input read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const auto* const data = reinterpret_cast<const std::byte*>(text.data());
    return {data, data + text.size()};
}

std::vector<Input> corpus_of(const fuzz::Target& target) {
    std::vector<std::filesystem::path> paths;
    const std::filesystem::path folder = std::filesystem::path(corpus_path) / target.name;
    if (std::filesystem::exists(folder))
        for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    std::vector<Input> inputs;
    for (const auto& path : paths) inputs.push_back(read_file(path));
    return inputs;
}

/// Exactly as large as the input, so that reading behind it is noticed.
void run(const fuzz::Target& target, const Input& input) {
    auto* const copy = static_cast<std::byte*>(std::malloc(std::max<std::size_t>(input.size(), 1)));
    std::copy(input.begin(), input.end(), copy);
    now.fill(0);
    watched = true;
    target.run({copy, input.size()});
    watched = false;
    std::free(copy);
}

class Mutator {
  public:
    explicit Mutator(unsigned seed) : random_(seed) {}

    std::size_t below(std::size_t end) { return end == 0 ? 0 : random_() % end; }

    Input mutate(Input input, const std::vector<Input>& corpus) {
        for (std::size_t changes = 1 + below(below(4) == 0 ? 16 : 3); changes > 0; --changes)
            change(input, corpus);
        if (input.size() > 4096) input.resize(4096);
        return input;
    }

  private:
    void put(Input& input, std::uint64_t value) {
        const std::size_t size = std::size_t{1} << below(4);
        const std::size_t place = below(input.size() + 1);
        if (place + size > input.size()) input.resize(place + size);
        std::memcpy(input.data() + place, &value, size);
    }
    void change(Input& input, const std::vector<Input>& corpus) {
        static constexpr std::array<std::uint64_t, 14> odd{
            0, 1, 16, 32, 127, 128, 255, 256, 65535, 0x7fffffff, 0xffffffff, std::uint64_t{1} << 45,
            std::uint64_t{1} << 63, ~std::uint64_t{0}};
        const std::size_t place = below(input.size());
        switch (below(9)) {
            case 0:
                if (!input.empty()) input[place] ^= static_cast<std::byte>(1U << below(8));
                return;
            case 1:
                if (!input.empty()) input[place] = static_cast<std::byte>(random_());
                return;
            case 2: return put(input, odd[below(odd.size())]);
            case 3: return put(input, compared[below(compared.size())]);
            case 4: return put(input, input.size() - place);
            case 5: {  // away with some
                const auto from = input.begin() + static_cast<std::ptrdiff_t>(place);
                input.erase(from, from + static_cast<std::ptrdiff_t>(below(input.size() - place + 1)));
                return;
            }
            case 6: {  // some twice
                const Input part(input.begin() + static_cast<std::ptrdiff_t>(place), input.end());
                const std::size_t size = below(part.size() + 1);
                input.insert(input.begin() + static_cast<std::ptrdiff_t>(below(input.size() + 1)), part.begin(),
                             part.begin() + static_cast<std::ptrdiff_t>(size));
                return;
            }
            case 7: {  // the rest of another one
                if (corpus.empty()) return;
                const Input& other = corpus[below(corpus.size())];
                input.resize(place);
                const std::size_t from = below(other.size() + 1);
                input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
                return;
            }
            default: input.insert(input.begin() + static_cast<std::ptrdiff_t>(place), static_cast<std::byte>(random_()));
        }
    }
    std::minstd_rand random_;
};

struct Options {
    int seconds = 0;
    unsigned seed = 1;
    std::string only{}, keep{};
};

void write(const std::filesystem::path& path, const Input& input) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(input.data()), static_cast<std::streamsize>(input.size()));
}

void run_target(const fuzz::Target& target, const Options& options) {
    std::vector<Input> corpus = corpus_of(target);
    seen.fill(0);
    std::size_t executions = 0;
    for (const Input& input : corpus) {
        run(target, input);
        found_something_new();
        ++executions;
    }
    const std::size_t files = corpus.size();
    if (corpus.empty()) corpus.emplace_back();
    Mutator mutator(options.seed);
    const auto began = std::chrono::steady_clock::now();
    const auto end = began + std::chrono::seconds(options.seconds);
    if (!options.keep.empty()) std::filesystem::create_directories(options.keep);
    while (std::chrono::steady_clock::now() < end) {
        Input input = mutator.mutate(corpus[mutator.below(corpus.size())], corpus);
        if (!options.keep.empty()) write(std::filesystem::path(options.keep) / "current", input);
        run(target, input);
        ++executions;
        if (!found_something_new()) continue;
        if (!options.keep.empty())
            write(std::filesystem::path(options.keep) / (std::string(target.name) + "_" + std::to_string(executions)), input);
        corpus.push_back(std::move(input));
    }
    std::size_t reached = 0;
    for (const unsigned char each : seen) reached += each != 0;
    std::printf("%s: %zu inputs of the corpus, %zu executions, %zu inputs found, %zu places reached\n", target.name,
                files, executions, corpus.size() - std::max<std::size_t>(files, 1), reached);
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
#if defined(FUZZ_WITH_PROCESSES)
    concurrent::futures::process_main(argc, argv);
#endif
    if (argc < 2) return std::fprintf(stderr, "driver.cpp says how to use this\n"), 2;
    corpus_path = argv[1];
    Options options;
    for (int i = 2; i < argc; i += 2) {
        const std::string_view word = argv[i];
        const char* const value = i + 1 < argc ? argv[i + 1] : "";
        if (word == "--write-seeds") {
            for (const fuzz::Seeds* seeds = fuzz::Seeds::first(); seeds; seeds = seeds->next) seeds->write();
            return 0;
        }
        if (word == "--seconds") options.seconds = std::atoi(value);
        else if (word == "--seed") options.seed = static_cast<unsigned>(std::atoi(value));
        else if (word == "--only") options.only = value;
        else if (word == "--keep") options.keep = value;
        else return std::fprintf(stderr, "unknown option %s\n", argv[i]), 2;
    }
    for (const fuzz::Target* target = fuzz::Target::first(); target; target = target->next)
        if (options.only.empty() || options.only == target->name) run_target(*target, options);
    return 0;
}

#endif
