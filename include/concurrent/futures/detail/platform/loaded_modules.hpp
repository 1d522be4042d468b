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

#include <cstddef>
#include <cstdint>

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

struct CodeLocation {
    std::uint64_t module = 0;  // 0: nowhere
    std::uint64_t offset = 0;
};

/// Where an object or, with `code_only`, a function is. module 0 when it is in none: generated code, a
/// stack, the heap.
CONCURRENT_FUTURES_DECL CodeLocation locate(std::uintptr_t address, bool code_only);

/// The address here, or 0 when no such module is loaded or the offset is outside of it.
CONCURRENT_FUTURES_DECL std::uintptr_t resolve(const CodeLocation& location, bool code_only);

/// The address of `size` bytes of a module's variables, or 0.
CONCURRENT_FUTURES_DECL std::uintptr_t resolve_variable(const CodeLocation& location, std::size_t size);

/// Reads a word of memory that may be no variable, which a sanitizer would report.
__attribute__((no_sanitize("address"))) __attribute__((no_sanitize("thread"))) inline std::uint64_t
read_word(std::uintptr_t address) noexcept {
    return *reinterpret_cast<const volatile std::uint64_t*>(address);
}

/// The identity of the program itself.
CONCURRENT_FUTURES_DECL std::uint64_t program_identity();

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#if CONCURRENT_FUTURES_HEADER_ONLY
#include "concurrent/futures/impl/loaded_modules.hpp"
#endif
