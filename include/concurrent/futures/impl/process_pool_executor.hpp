// SPDX-License-Identifier: MIT
//
// impl/process_pool_executor.hpp: how a process pool is made and destroyed; see impl/src.hpp.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

#include "concurrent/futures/detail/platform/bounds.hpp"
#include "concurrent/futures/detail/platform/environment.hpp"
#include "concurrent/futures/detail/platform/processor_count.hpp"
#include "concurrent/futures/detail/processes/inline_engine.hpp"
#include "concurrent/futures/detail/processes/process_manager.hpp"
#include "concurrent/futures/detail/processes/process_tree.hpp"
#include "concurrent/futures/detail/processes/start_method.hpp"
#include "concurrent/futures/detail/wire/common_options.hpp"
#include "concurrent/futures/process_pool_executor.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
namespace detail {

/// Of the kind that the options and the environment ask for. Throws as the constructor of the pool.
inline std::shared_ptr<ProcessEngine> make_process_engine(const ProcessPoolOptions& options) {
    require_sane_worker_count(options.max_workers, 4096, "ProcessPoolOptions::max_workers");
    require_not_negative(options.idle_timeout, "ProcessPoolOptions::idle_timeout");
    require_not_negative(options.task_timeout, "ProcessPoolOptions::task_timeout");
    require_not_negative(options.stop_grace, "ProcessPoolOptions::stop_grace");
    const char* const debugging = trusted_variable(debug_variable);
    const bool run_inline = debugging && *debugging != '\0' && std::string_view(debugging) != "0";
    const bool spawn = run_inline || choose_spawn(options.start_method);
    require_sane_base_workers(options.base_workers,
                              options.max_workers == 0 ? available_parallelism() : std::size_t{options.max_workers});
    ProcessTreeShare share(options.max_workers, usual_workers(options.max_workers));
    auto settings = settings_from<ProcessSettings>(options);
    settings.max_workers = share.workers();
    settings.spawn = spawn;
    settings.max_tasks_per_child = options.max_tasks_per_child;
    settings.on_worker_death = options.on_worker_death;
    settings.idle_timeout = options.idle_timeout;
    settings.task_timeout = options.task_timeout;
    settings.stop_grace = options.stop_grace.value_or(default_stop_grace);
    settings.max_memory_bytes = options.max_memory_bytes;
    settings.base_workers = options.base_workers;
    if (run_inline) return std::make_shared<InlineEngine>(std::move(settings));
    return std::make_shared<ProcessManager>(std::move(settings), std::move(share));
}

CONCURRENT_FUTURES_DECL std::size_t ProcessSubmitter::at_once(std::size_t) noexcept {
    return larger<std::size_t>(processors_of_affinity(), 1);
}

}  // namespace detail

CONCURRENT_FUTURES_DECL ProcessPoolExecutor::ProcessPoolExecutor(const ProcessPoolOptions& options)
    : cancels_pending_(options.on_destroy == OnDestroy::cancel_pending),
      submitter_(detail::make_process_engine(options)) {
    engine().start(submitter_.shared_engine());
}

CONCURRENT_FUTURES_DECL ProcessPoolExecutor::~ProcessPoolExecutor() {
    if (engine().in_forked_child()) {
        // A forked child has neither the manager thread nor the workers: leave everything as it is.
        static_cast<void>(new std::shared_ptr<detail::ProcessEngine>(submitter_.shared_engine()));
        return;
    }
    engine().begin_shutdown(cancels_pending_);
    if (engine().on_manager_thread())
        engine().detach();
    else
        engine().join(detail::Deadline::never());
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
