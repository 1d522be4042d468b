// SPDX-License-Identifier: MIT
//
// impl/process.hpp: a Process and its child; see impl/src.hpp.
#pragma once

#include <signal.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "concurrent/futures/detail/channels/crossing.hpp"
#include "concurrent/futures/detail/platform/chrono.hpp"
#include "concurrent/futures/detail/platform/option_duration.hpp"
#include "concurrent/futures/detail/processes/single_process.hpp"
#include "concurrent/futures/detail/processes/start_method.hpp"
#include "concurrent/futures/errors.hpp"
#include "concurrent/futures/parallelism.hpp"
#include "concurrent/futures/process.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

// ---- start ---------------------------------------------------------------------------------------

CONCURRENT_FUTURES_DECL std::chrono::nanoseconds Process::grace_of(const ProcessOptions& options) {
    detail::require_not_negative(options.stop_grace, "ProcessOptions::stop_grace");
    return options.stop_grace.value_or(detail::default_stop_grace);
}

CONCURRENT_FUTURES_DECL std::shared_ptr<detail::SingleProcess> Process::start_encoded(
    const ProcessOptions& options, const void* call, void (*encode)(Encoder& encoder, const void* call)) {
    detail::DescriptorsOut descriptors;
    Encoder encoder;
    encode(encoder, call);
    descriptors.add(encoder.named());
    const bool spawn = detail::choose_spawn(options.start_method, {"Process", "Process"});
    // The encoder keeps the shared memory that the call names until its descriptors are sent.
    detail::ByteBuffer bytes = std::move(encoder).take();
    const auto named = bytes.regions.take();
    return std::make_shared<detail::SingleProcess>(
        detail::SingleProcessSettings{spawn, options.name, options.max_memory_bytes}, std::move(bytes), descriptors,
        available_parallelism());
}

CONCURRENT_FUTURES_DECL void Process::end() noexcept {
    if (!process_ || process_->is_of_another_process()) return;
    try {
        process_->request_stop();
        if (!process_->join(detail::Deadline::after(stop_grace_))) {
            process_->send_signal(SIGKILL);
            process_->join(detail::Deadline::never());
        }
    } catch (...) {
        // Locking failed: nothing can be done about it here.
    }
    process_.reset();
}

// ---- any time ------------------------------------------------------------------------------------

CONCURRENT_FUTURES_DECL detail::SingleProcess& Process::own() const {
    if (!process_)
        throw InvalidStateError("Process: this object has no process: it was moved from, or default-constructed");
    if (process_->is_of_another_process())
        throw InvalidStateError("Process: made before fork(); it belongs to the parent process");
    return *process_;
}

CONCURRENT_FUTURES_DECL bool Process::is_alive() const {
    return process_ && !process_->is_of_another_process() && !process_->status();
}

CONCURRENT_FUTURES_DECL int Process::pid() const noexcept { return process_ ? process_->pid() : 0; }

CONCURRENT_FUTURES_DECL std::optional<int> Process::exit_code() const {
    const auto status = own().status();
    return status ? status->exit_code : std::nullopt;
}

CONCURRENT_FUTURES_DECL std::optional<int> Process::signal() const {
    const auto status = own().status();
    return status ? status->signal : std::nullopt;
}

CONCURRENT_FUTURES_DECL std::string Process::obituary() const { return own().obituary(); }

CONCURRENT_FUTURES_DECL void Process::request_stop() noexcept {
    if (process_ && !process_->is_of_another_process()) process_->request_stop();
}

CONCURRENT_FUTURES_DECL void Process::terminate() { own().send_signal(SIGTERM); }
CONCURRENT_FUTURES_DECL void Process::kill() { own().send_signal(SIGKILL); }

CONCURRENT_FUTURES_DECL void Process::join_until(const detail::Deadline& deadline) const {
    if (own().join(deadline)) return;
    throw TimeoutError("Process::join: process " + std::to_string(pid()) +
                       (process_->name().empty() ? "" : " \"" + process_->name() + "\"") + " is still running");
}

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
