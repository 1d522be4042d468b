// SPDX-License-Identifier: MIT
//
// task_registry.hpp: how a worker finds the code of a task.
//
//     RegisteredTask<Call>::entry          // naming it registers the call, in every process of the
//                                          // program, before main
//
// Every kind of call has one TaskEntry object. The wire carries the entry's module and offset
// (loaded_modules.hpp); the worker accepts it only if the resulting address is an entry in its own
// list, so that wrong bytes are an error and never a jump. A plugin that is loaded later may have a copy of
// this code, and so a list, of its own: its entries are known by their signature. Entries are writable data,
// which no linker folds together; nothing depends on names or on the order of static initialisation.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "concurrent/futures/detail/platform/atomic.hpp"
#include "concurrent/futures/detail/platform/lazy_object.hpp"
#include "concurrent/futures/detail/platform/loaded_modules.hpp"
#include "concurrent/futures/detail/serialization/codecs.hpp"
#include "concurrent/futures/detail/wire/stop_delivery.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// Decodes callable and arguments, calls, encodes the result.
using RunTask = void (*)(Decoder& call, Encoder& result, const StopLine& stop);

class TaskEntry {
  public:
    explicit TaskEntry(RunTask code) noexcept : run_(code) {
        // relaxed: a guess that the compare-exchange checks.
        next_ = first_.load(std::memory_order_relaxed);
        // (1) release, pairs with (2): hands over next_ and run_. Several threads may load libraries.
        while (!first_.compare_exchange_weak(next_, this, std::memory_order_release,
                                             std::memory_order_relaxed)) {
        }
    }
    TaskEntry(const TaskEntry&) = delete;
    TaskEntry& operator=(const TaskEntry&) = delete;

    RunTask run() const noexcept { return run_; }

    /// The entry at this address, or null if there is none.
    static const TaskEntry* find(const CodeLocation& where) {
        const TaskEntry* const entry = find(resolve(where, false));
        return entry ? entry : find_in_plugin(where);
    }
    static const TaskEntry* find(std::uintptr_t address) noexcept {
        // (2) acquire, pairs with (1).
        for (const TaskEntry* entry = first_.load(std::memory_order_acquire); entry;
             entry = entry->next_)
            if (reinterpret_cast<std::uintptr_t>(entry) == address) return entry;
        return nullptr;
    }

  private:
    static const TaskEntry* find_in_plugin(const CodeLocation& where) {
        const std::uintptr_t address = resolve_variable(where, sizeof(TaskEntry));
        if (address == 0 || address % alignof(TaskEntry) != 0 || read_word(address) != signature)
            return nullptr;
        const auto* const entry = reinterpret_cast<const TaskEntry*>(address);
        const CodeLocation code = locate(reinterpret_cast<std::uintptr_t>(entry->run_), true);
        return code.module == where.module ? entry : nullptr;
    }

    /// Of entries with this layout. Any number that is not there by chance.
    static constexpr std::uint64_t signature = 0x7461'736b'e147'0000 + CONCURRENT_FUTURES_VERSION;
    inline static constinit Atomic<TaskEntry*> first_{nullptr};

    [[maybe_unused]] const std::uint64_t signature_ = signature;  // read as a word of memory, maybe not of ours
    const RunTask run_;
    TaskEntry* next_;  // set once, before the entry is in the list
};

inline void encode_location(Encoder& encoder, const CodeLocation& location) {
    const std::array<std::uint64_t, 2> words{location.module, location.offset};
    encoder.write_bytes(words.data(), sizeof words);
}

template <class Call>
struct RegisteredTask {
    static inline TaskEntry entry{&Call::run};

    /// Where the entry is; found once per kind of call.
    static const CodeLocation& location() {
        static constinit LazyObject<const CodeLocation> found;
        return found.get([] { return locate(reinterpret_cast<std::uintptr_t>(&entry), false); });
    }
    static void encode_location_in(Encoder& encoder) { encode_location(encoder, location()); }
};

inline CodeLocation decode_location(Decoder& decoder) {
    CodeLocation location;
    location.module = decoder.read_u64();
    location.offset = decoder.read_u64();
    return location;
}

/// Runs one encoded call. Throws what the call throws, and SerializationError for code that is not
/// here or bytes that do not fit it.
inline void run_encoded_call(Decoder& call, Encoder& result, const StopLine& stop = {}) {
    const CodeLocation location = decode_location(call);
    const TaskEntry* const entry = TaskEntry::find(location);
    if (!entry)
        throw SerializationError(
            "the worker process has no code for this task: it belongs to a library that the worker has "
            "not loaded (loaded after the worker started?), or the worker is another build. Load the "
            "library before process_main or in ProcessPoolOptions::initializer");
    entry->run()(call, result, stop);
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
