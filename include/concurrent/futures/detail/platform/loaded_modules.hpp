// SPDX-License-Identifier: MIT
//
// loaded_modules.hpp: addresses of code in a form that other processes of this program can resolve.
//
//     CodeLocation where = locate(&function);        // {which module, offset in it}
//     void* here = resolve(where);                   // in the other process; null if not loaded
//
// Programs and libraries are loaded at random addresses, so an address travels as the module's build
// id (a hash the linker wrote) and an offset. A module without a build id is known by its path and the
// sizes of its segments. Another build of a library has another id and is never mistaken for this one.
// Threads: any.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"

#if CONCURRENT_FUTURES_LINUX
#include <elf.h>
#include <link.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct CodeLocation {
    std::uint64_t module = 0;  // 0: nowhere
    std::uint64_t offset = 0;
};

struct LoadedModule {
    struct Segment {
        std::uintptr_t begin, end;
        bool executable;
        bool writable;
    };
    std::uint64_t identity;
    std::uintptr_t base;
    std::vector<Segment> segments;
};

/// FNV-1a, 64 bits. Fowler, Noll, Vo; draft-eastlake-fnv.
inline std::uint64_t hash_bytes(const void* data, std::size_t size,
                                std::uint64_t hash = 0xcbf29ce484222325u) noexcept {
    const auto* const bytes = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

#if CONCURRENT_FUTURES_LINUX

/// The build id among the notes of one segment, hashed; 0 if it is not there.
inline std::uint64_t build_id_hash(std::uintptr_t begin, std::size_t size) noexcept {
    while (size >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) note;
        std::memcpy(&note, reinterpret_cast<const void*>(begin), sizeof note);
        const std::size_t name_size = (note.n_namesz + 3u) & ~std::size_t{3};
        const std::size_t body_size = (note.n_descsz + 3u) & ~std::size_t{3};
        // lld does not pad the last note of a segment.
        if (sizeof note + name_size + note.n_descsz > size) return 0;
        const std::size_t whole = (std::min)(sizeof note + name_size + body_size, size);
        const auto* const name = reinterpret_cast<const char*>(begin + sizeof note);
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0)
            return hash_bytes(name + name_size, note.n_descsz);
        begin += whole;
        size -= whole;
    }
    return 0;
}

inline LoadedModule describe_module(const dl_phdr_info& info) {
    LoadedModule module{0, info.dlpi_addr, {}};
    std::uint64_t fallback = hash_bytes(info.dlpi_name, std::strlen(info.dlpi_name));
    for (ElfW(Half) i = 0; i < info.dlpi_phnum; ++i) {
        const ElfW(Phdr)& header = info.dlpi_phdr[i];
        const std::uintptr_t begin = info.dlpi_addr + header.p_vaddr;
        if (header.p_type == PT_LOAD) {
            module.segments.push_back({begin, begin + header.p_memsz, (header.p_flags & PF_X) != 0,
                                       (header.p_flags & PF_W) != 0});
            fallback = hash_bytes(&header.p_memsz, sizeof header.p_memsz, fallback);
        } else if (header.p_type == PT_NOTE && module.identity == 0) {
            module.identity = build_id_hash(begin, header.p_filesz);
        }
    }
    if (module.identity == 0) module.identity = fallback | 1;
    return module;
}

inline std::vector<LoadedModule> read_loaded_modules() {
    std::vector<LoadedModule> modules;
    ::dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* result) {
            static_cast<std::vector<LoadedModule>*>(result)->push_back(describe_module(*info));
            return 0;
        },
        &modules);
    return modules;
}

#else

/// Without a loader to ask, only the workers of a fork, which are loaded at the same addresses.
inline std::vector<LoadedModule> read_loaded_modules() {
    return {{1, 0, {{0, UINTPTR_MAX, true, false}}}};
}

#endif

/// The modules as last read; read again when somebody asks for one that is not among them.
class LoadedModules {
  public:
    static LoadedModules& instance() {
        static constinit ModuleWide<LoadedModules> modules;
        return modules.get();
    }

    /// What `look` finds in the first module that matches; with no such module, nothing. Both under the lock.
    template <class Predicate, class Look>
    auto look_into(Predicate matches, Look look) {
        const std::lock_guard lock(mutex_);
        for (int attempt = 0; attempt < 2; ++attempt) {
            for (const LoadedModule& module : modules_)
                if (matches(module)) return look(module);
            modules_ = read_loaded_modules();
        }
        return decltype(look(modules_.front())){};
    }
    template <class Look>
    auto look_into(std::uint64_t identity, Look look) {
        return look_into([&](const LoadedModule& module) { return module.identity == identity; }, look);
    }

  private:
    std::mutex mutex_;
    std::vector<LoadedModule> modules_;  // guarded by mutex_
};

inline bool contains(const LoadedModule& module, std::uintptr_t address, bool code_only) noexcept {
    for (const LoadedModule::Segment& segment : module.segments)
        if (address >= segment.begin && address < segment.end && (segment.executable || !code_only))
            return true;
    return false;
}

/// Where an object or, with `code_only`, a function is. module 0 when it is in none: generated code, a
/// stack, the heap.
inline CodeLocation locate(std::uintptr_t address, bool code_only) {
    return LoadedModules::instance().look_into(
        [&](const LoadedModule& module) { return contains(module, address, code_only); },
        [&](const LoadedModule& module) { return CodeLocation{module.identity, address - module.base}; });
}

/// The address here, or 0 when no such module is loaded or the offset is outside of it.
inline std::uintptr_t resolve(const CodeLocation& location, bool code_only) {
    return LoadedModules::instance().look_into(location.module, [&](const LoadedModule& module) {
        const std::uintptr_t address = module.base + static_cast<std::uintptr_t>(location.offset);
        return contains(module, address, code_only) ? address : 0;
    });
}

/// The address of `size` bytes of a module's variables, or 0.
inline std::uintptr_t resolve_variable(const CodeLocation& location, std::size_t size) {
    return LoadedModules::instance().look_into(location.module, [&](const LoadedModule& module) {
        const std::uintptr_t address = module.base + static_cast<std::uintptr_t>(location.offset);
        for (const LoadedModule::Segment& segment : module.segments)
            if (segment.writable && address >= segment.begin && address < segment.end &&
                segment.end - address >= size)
                return address;
        return std::uintptr_t{0};
    });
}

/// Reads a word of memory that may be no variable, which a sanitizer would report.
__attribute__((no_sanitize("address"))) __attribute__((no_sanitize("thread"))) inline std::uint64_t
read_word(std::uintptr_t address) noexcept {
    return *reinterpret_cast<const volatile std::uint64_t*>(address);
}

/// A library that this process has loaded from a file that is not there any more; empty: none.
inline std::string missing_library() {
    std::string missing;
#if CONCURRENT_FUTURES_LINUX
    ::dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* result) {
            if (info->dlpi_name[0] != '/' || ::access(info->dlpi_name, F_OK) == 0) return 0;
            *static_cast<std::string*>(result) = info->dlpi_name;
            return 1;
        },
        &missing);
#endif
    return missing;
}

/// The identity of the program itself.
inline std::uint64_t program_identity() {
    return LoadedModules::instance().look_into([](const LoadedModule&) { return true; },
                                               [](const LoadedModule& first) { return first.identity; });
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
