// SPDX-License-Identifier: MIT
//
// demangle.hpp: the names of types as the source spells them, for messages only.
//
//     detail::demangle(typeid(error));              // "my::Error"
//     try { throw 42; } catch (...) { detail::current_exception_type_name(); }   // "int"
//
// Threads: no shared state. Where the C++ ABI offers no demangler the mangled name is returned;
// where it cannot name the exception being handled, "unknown type" is.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <typeinfo>

#if __has_include(<cxxabi.h>)
#include <cxxabi.h>
#define CONCURRENT_FUTURES_HAS_CXXABI 1
#else
#define CONCURRENT_FUTURES_HAS_CXXABI 0
#endif

#include "concurrent/futures/detail/platform/config.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

/// The readable name of a type. Allocates, so it may throw std::bad_alloc.
inline std::string demangle(const std::type_info& type) {
#if CONCURRENT_FUTURES_HAS_CXXABI
    struct Free {
        void operator()(char* text) const noexcept { std::free(text); }
    };
    int status = 0;
    const std::unique_ptr<char, Free> text(
        abi::__cxa_demangle(type.name(), nullptr, nullptr, &status));
    if (status == 0 && text) return text.get();
#endif
    return type.name();
}

/// The type that was thrown, without the wrapper that std::throw_with_nested derives from it.
inline std::string demangle_thrown(const std::type_info& type) {
    std::string name = demangle(type);
    constexpr std::string_view wrapper = "std::_Nested_exception<";
    if (name.starts_with(wrapper) && name.ends_with('>')) {
        name.pop_back();
        name.erase(0, wrapper.size());
        while (name.ends_with(' ')) name.pop_back();
        if (name.ends_with(" const")) name.erase(name.size() - 6);
    }
    return name;
}

/// Inside a handler: the name of the type being handled, whatever it is (`throw 42` is "int").
inline std::string current_exception_type_name() {
#if CONCURRENT_FUTURES_HAS_CXXABI
    if (const std::type_info* type = abi::__cxa_current_exception_type()) {
        return demangle_thrown(*type);
    }
#endif
    return "unknown type";
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail

#undef CONCURRENT_FUTURES_HAS_CXXABI
