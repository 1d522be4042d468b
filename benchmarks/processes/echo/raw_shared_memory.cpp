// SPDX-License-Identifier: MIT
//
// The floor of what goes through shared memory: a ring of 1 MiB, filled and emptied in portions of 64 KiB by
// both processes at the same time, which spin; from the vector into the ring, from the ring into a vector,
// and back. No safer transport is faster.
#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "processes/echo/workload.hpp"
#include "support/forked_child.hpp"

using namespace benchmarks;

namespace {

struct Ring {
    static constexpr std::size_t capacity = 1024 * 1024;
    static constexpr std::size_t portion = 64 * 1024;
    alignas(64) std::atomic<std::size_t> written{0};
    alignas(64) std::atomic<std::size_t> read{0};
    alignas(64) std::byte bytes[capacity];

    void put(const void* data, std::size_t size) {
        const auto* from = static_cast<const std::byte*>(data);
        while (size > 0) {
            const std::size_t place = written.load(std::memory_order_relaxed);
            const std::size_t part = std::min(size, portion);
            while (place + part - read.load(std::memory_order_acquire) > capacity) pause();
            copy(place, part, [&](std::byte* at, std::size_t count) {
                std::memcpy(at, from, count);
                from += count;
            });
            written.store(place + part, std::memory_order_release);
            size -= part;
        }
    }
    void take(void* data, std::size_t size) {
        auto* to = static_cast<std::byte*>(data);
        while (size > 0) {
            const std::size_t place = read.load(std::memory_order_relaxed);
            std::size_t there = 0;
            while ((there = written.load(std::memory_order_acquire) - place) == 0) pause();
            const std::size_t part = std::min({size, there, portion});
            copy(place, part, [&](std::byte* at, std::size_t count) {
                std::memcpy(to, at, count);
                to += count;
            });
            read.store(place + part, std::memory_order_release);
            size -= part;
        }
    }

  private:
    template <class Copy>
    void copy(std::size_t place, std::size_t size, Copy part_of) {
        const std::size_t start = place % capacity;
        const std::size_t first = std::min(size, capacity - start);
        part_of(bytes + start, first);
        if (size > first) part_of(bytes, size - first);
    }
    static void pause() { std::this_thread::yield(); }
};

struct Shared {
    Ring there, back;
};

}  // namespace

static void echo_numbers(benchmark::State& state) {
    void* const memory =
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    require("mmap", memory != MAP_FAILED);
    auto& shared = *::new (memory) Shared;
    {
        const ForkedChild child([&](int, int) {
            for (;;) {
                std::size_t count = 0;
                shared.there.take(&count, sizeof count);
                if (count == 0) return;
                Numbers numbers(count);
                shared.there.take(numbers.data(), count * sizeof(double));
                const Numbers result = echo(numbers);
                shared.back.put(result.data(), count * sizeof(double));
            }
        });
        time_echo(state, [&](const Numbers& numbers) {
            const std::size_t count = numbers.size();
            shared.there.put(&count, sizeof count);
            shared.there.put(numbers.data(), count * sizeof(double));
            Numbers returned(count);
            shared.back.take(returned.data(), count * sizeof(double));
            return returned;
        });
        const std::size_t end = 0;
        shared.there.put(&end, sizeof end);
    }
    ::munmap(memory, sizeof(Shared));
}
BENCHMARK(echo_numbers)->Name(title)->UseRealTime();
