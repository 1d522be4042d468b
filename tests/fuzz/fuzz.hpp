// SPDX-License-Identifier: MIT
//
// fuzz.hpp: what a fuzz target is, for the driver beside it and for libFuzzer.
//
//     FUZZ_TARGET(frames) { … bytes … fuzz::require(whole, "a frame came before its last byte"); }
//
// A target takes any bytes. It may throw nothing, and calls require() for what must hold. What the bytes make
// the library allocate is watched: allocations of the thread are counted in allocated(), see driver.cpp.
#pragma once

#include <cstddef>
#include <span>

namespace fuzz {

using Bytes = std::span<const std::byte>;

struct Target {
    const char* name;
    void (*run)(Bytes);
    const Target* next;
    static const Target*& first() {
        static const Target* all = nullptr;
        return all;
    }
    Target(const char* name_, void (*run_)(Bytes)) : name(name_), run(run_), next(first()) { first() = this; }
};

/// Ends the process when it does not hold.
void require(bool holds, const char* what);
/// The largest single allocation of this thread since it was asked last.
std::size_t largest_allocation();

/// An input of the seed corpus, made by our own encoder.
void write_seed(const char* target, std::span<const std::byte> bytes);
struct Seeds {
    void (*write)();
    const Seeds* next;
    static const Seeds*& first() {
        static const Seeds* all = nullptr;
        return all;
    }
    explicit Seeds(void (*write_)()) : write(write_), next(first()) { first() = this; }
};

}  // namespace fuzz

#define FUZZ_TARGET(name)                                              \
    static void fuzz_##name(fuzz::Bytes bytes);                        \
    static const fuzz::Target target_##name(#name, fuzz_##name);       \
    static void fuzz_##name([[maybe_unused]] fuzz::Bytes bytes)
