// SPDX-License-Identifier: MIT
//
// impl/trace.hpp: a trace that the program asks for; see impl/src.hpp.
#pragma once

#include <memory>
#include <string>

#include "concurrent/futures/detail/trace/trace_observer.hpp"
#include "concurrent/futures/trace.hpp"

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {

CONCURRENT_FUTURES_DECL TraceFile::TraceFile(const std::string& path)
    : observer_(std::make_shared<detail::TraceObserver>(path)) {}

CONCURRENT_FUTURES_DECL TraceFile::~TraceFile() { observer_->finish(); }

CONCURRENT_FUTURES_DECL std::shared_ptr<Observer> TraceFile::observer() const noexcept { return observer_; }

}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
