// SPDX-License-Identifier: MIT
//
// impl/exception_registry.hpp: the exceptions that every program knows, and the search for one; see impl/src.hpp.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <typeinfo>
#include <variant>

#include "concurrent/futures/detail/platform/forced_unwind.hpp"
#include "concurrent/futures/detail/serialization/exception_registry.hpp"
#include "concurrent/futures/errors.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

inline constexpr ExceptionEntry standard_exceptions[] = {
    exception_entry<std::exception>(),
    exception_entry<std::logic_error>(),
    exception_entry<std::invalid_argument>(),
    exception_entry<std::domain_error>(),
    exception_entry<std::length_error>(),
    exception_entry<std::out_of_range>(),
    exception_entry<std::runtime_error>(),
    exception_entry<std::range_error>(),
    exception_entry<std::overflow_error>(),
    exception_entry<std::underflow_error>(),
    exception_entry<std::system_error>(),
    exception_entry<std::bad_alloc>(),
    exception_entry<std::bad_array_new_length>(),
    exception_entry<std::bad_cast>(),
    exception_entry<std::bad_typeid>(),
    exception_entry<std::bad_exception>(),
    exception_entry<std::bad_function_call>(),
    exception_entry<std::bad_optional_access>(),
    exception_entry<std::bad_variant_access>(),
    exception_entry<std::bad_weak_ptr>(),
    exception_entry<Error>(),
    exception_entry<CancelledError>(),
    exception_entry<TimeoutError>(),
    exception_entry<InvalidStateError>(),
    exception_entry<BrokenPromiseError>(),
    exception_entry<ShutdownError>(),
    exception_entry<QueueFullError>(),
    exception_entry<BrokenExecutor>(),
    exception_entry<BrokenThreadPool>(),
    exception_entry<BrokenProcessPool>(),
    exception_entry<WorkerDiedError>(),
    exception_entry<TaskTimeoutError>(),
    exception_entry<RemoteError>(),
    exception_entry<SerializationError>(),
};

CONCURRENT_FUTURES_DECL bool is_nested_form(const std::exception& thrown, const void* error,
                                            void (*throw_nested)(const void* error)) {
    if (dynamic_cast<const std::nested_exception*>(&thrown) == nullptr) return false;
    try {
        throw_nested(error);
    } catch (const std::nested_exception& form) {
        return typeid(form) == typeid(thrown);
    } catch (ForcedUnwind&) {
        throw;
    } catch (...) {
        // The copy constructor of a user's type threw: it will not be recognised.
    }
    return false;
}

template <class Matches>
const ExceptionEntry* find_entry_if(Matches matches) {
    for (const ExceptionEntry& entry : standard_exceptions) {
        if (matches(entry)) return &entry;
    }
    // acquire, with the release in add_exception_entry: the entry is complete.
    const ExceptionEntry* entry = newest_exception_entry.load(std::memory_order_acquire);
    while (entry != nullptr && !matches(*entry)) entry = entry->next;
    return entry;
}

CONCURRENT_FUTURES_DECL const ExceptionEntry* find_entry(const std::exception& error) {
    return find_entry_if([&](const ExceptionEntry& entry) { return entry.matches(error); });
}

CONCURRENT_FUTURES_DECL const ExceptionEntry* find_entry(std::string_view key) {
    return find_entry_if([&](const ExceptionEntry& entry) { return entry.key() == key; });
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
