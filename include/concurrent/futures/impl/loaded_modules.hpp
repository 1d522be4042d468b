// SPDX-License-Identifier: MIT
//
// impl/loaded_modules.hpp: in which module an address is; see impl/src.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "concurrent/futures/detail/platform/fork_generation.hpp"
#include "concurrent/futures/detail/platform/loaded_modules.hpp"
#include "concurrent/futures/detail/platform/module_list.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail {

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

CONCURRENT_FUTURES_DECL CodeLocation locate(std::uintptr_t address, bool code_only) {
    return LoadedModules::instance().look_into(
        [&](const LoadedModule& module) { return contains(module, address, code_only); },
        [&](const LoadedModule& module) { return CodeLocation{module.identity, address - module.base}; });
}

CONCURRENT_FUTURES_DECL std::uintptr_t resolve(const CodeLocation& location, bool code_only) {
    return LoadedModules::instance().look_into(location.module, [&](const LoadedModule& module) {
        const std::uintptr_t address = module.base + static_cast<std::uintptr_t>(location.offset);
        return contains(module, address, code_only) ? address : 0;
    });
}

CONCURRENT_FUTURES_DECL std::uintptr_t resolve_variable(const CodeLocation& location, std::size_t size) {
    return LoadedModules::instance().look_into(location.module, [&](const LoadedModule& module) {
        const std::uintptr_t address = module.base + static_cast<std::uintptr_t>(location.offset);
        for (const LoadedModule::Segment& segment : module.segments)
            if (segment.writable && address >= segment.begin && address < segment.end &&
                segment.end - address >= size)
                return address;
        return std::uintptr_t{0};
    });
}

CONCURRENT_FUTURES_DECL std::uint64_t program_identity() {
    return LoadedModules::instance().look_into([](const LoadedModule&) { return true; },
                                               [](const LoadedModule& first) { return first.identity; });
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI::detail
