// SPDX-License-Identifier: MIT
//
// impl/src.hpp: the source of the library, for programs that compile it once.
//
//     // library.cpp, one file of the program; all files are compiled with -DCONCURRENT_FUTURES_SEPARATE_COMPILATION
//     #include <concurrent/futures/impl/src.hpp>
//
// The other headers of impl/ hold what is no template and not called often: engines, processes, traces, error texts.
// Without the macro each is included by the header that declares its functions. With CMake, link
// concurrent::futures_compiled, which defines the macro and brings such a file. A program has one of both forms: the
// inline namespace has another name with the macro, so that object files of different forms do not link.
#pragma once

#include "concurrent/futures/detail/platform/separate_compilation.hpp"

#include "concurrent/futures/impl/blocking.hpp"
#include "concurrent/futures/impl/channel_ends.hpp"
#include "concurrent/futures/impl/deadline_timer.hpp"
#include "concurrent/futures/impl/decoder.hpp"
#include "concurrent/futures/impl/encoder.hpp"
#include "concurrent/futures/impl/exception_codec.hpp"
#include "concurrent/futures/impl/exception_registry.hpp"
#include "concurrent/futures/impl/loaded_modules.hpp"
#include "concurrent/futures/impl/parallelism.hpp"
#include "concurrent/futures/impl/process.hpp"
#include "concurrent/futures/impl/process_call.hpp"
#include "concurrent/futures/impl/process_main.hpp"
#include "concurrent/futures/impl/process_pool_executor.hpp"
#include "concurrent/futures/impl/program_trace.hpp"
#include "concurrent/futures/impl/shared_region.hpp"
#include "concurrent/futures/impl/shared_state.hpp"
#include "concurrent/futures/impl/spin.hpp"
#include "concurrent/futures/impl/thread_pool_executor.hpp"
#include "concurrent/futures/impl/timers.hpp"
#include "concurrent/futures/impl/trace.hpp"
#include "concurrent/futures/impl/unhandled.hpp"
#include "concurrent/futures/impl/worker_limits.hpp"
#include "concurrent/futures/impl/worker_threads.hpp"
#include "concurrent/futures/impl/workforce.hpp"
