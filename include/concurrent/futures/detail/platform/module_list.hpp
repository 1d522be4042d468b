// SPDX-License-Identifier: MIT
//
// module_list.hpp: the program and the libraries that are loaded in this process.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "concurrent/futures/detail/platform/config.hpp"
#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/hash_bytes.hpp"

#if CONCURRENT_FUTURES_LINUX
#include <elf.h>
#include <link.h>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

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

inline bool contains(const LoadedModule& module, std::uintptr_t address, bool code_only) noexcept {
    for (const LoadedModule::Segment& segment : module.segments)
        if (address >= segment.begin && address < segment.end && (segment.executable || !code_only))
            return true;
    return false;
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
    const ModuleVisit visit;
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

/// A library that this process has loaded from a file that is not there any more; empty: none.
inline std::string missing_library() {
    std::string missing;
#if CONCURRENT_FUTURES_LINUX
    const ModuleVisit visit;
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

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
