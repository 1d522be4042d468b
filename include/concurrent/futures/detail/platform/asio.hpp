// SPDX-License-Identifier: MIT
//
// asio.hpp (platform): which Asio it is, and what only some of its versions have.
//
//     CONCURRENT_FUTURES_BOOST_ASIO not defined   standalone Asio, 1.18 or later, in namespace asio
//     CONCURRENT_FUTURES_BOOST_ASIO defined       Boost.Asio of Boost 1.74 or later
//
// Each has an inline namespace of its own, CONCURRENT_FUTURES_ASIO_NAMESPACE, so that source files with the one and
// with the other can be linked together. `asio_library` names the chosen one.
#pragma once

#include "concurrent/futures/detail/platform/config.hpp"

#if defined(CONCURRENT_FUTURES_BOOST_ASIO)

#define CONCURRENT_FUTURES_ASIO_NAMESPACE over_boost_asio
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/version.hpp>
#define CONCURRENT_FUTURES_ASIO_VERSION BOOST_ASIO_VERSION
#if CONCURRENT_FUTURES_ASIO_VERSION >= 101900
#include <boost/asio/associated_cancellation_slot.hpp>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
inline namespace CONCURRENT_FUTURES_ASIO_NAMESPACE {
namespace asio_library = ::boost::asio;
}
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

#else

#if defined(__has_include)
#if !__has_include(<asio/execution.hpp>)
#error concurrent/futures/asio.hpp needs Asio 1.18 or later: install libasio-dev (Debian), or define CONCURRENT_FUTURES_BOOST_ASIO to use Boost.Asio
#endif
#endif
#define CONCURRENT_FUTURES_ASIO_NAMESPACE over_asio
#include <asio/associated_allocator.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/dispatch.hpp>
#include <asio/execution.hpp>
#include <asio/execution_context.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/system_executor.hpp>
#include <asio/version.hpp>
#define CONCURRENT_FUTURES_ASIO_VERSION ASIO_VERSION
#if CONCURRENT_FUTURES_ASIO_VERSION >= 101900
#include <asio/associated_cancellation_slot.hpp>
#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
inline namespace CONCURRENT_FUTURES_ASIO_NAMESPACE {
namespace asio_library = ::asio;
}
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI

#endif

namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI {
inline namespace CONCURRENT_FUTURES_ASIO_NAMESPACE {

#if CONCURRENT_FUTURES_ASIO_VERSION >= 101900

/// `on_cancel(bool only_without_effect)` is called when the operation is cancelled.
/// true: cancellation_type::total alone.
template <class Handler, class OnCancel>
void watch_cancellation(const Handler& handler, OnCancel on_cancel) {
    auto slot = asio_library::get_associated_cancellation_slot(handler);
    if (!slot.is_connected()) return;
    slot.assign([on_cancel](asio_library::cancellation_type type) {
        using Type = asio_library::cancellation_type;
        if (type == Type::none) return;
        on_cancel((type & (Type::terminal | Type::partial)) == Type::none);
    });
}
template <class Handler>
void end_watch(const Handler& handler) {
    auto slot = asio_library::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) slot.clear();
}

#else  // cancellation slots came with Asio 1.19, Boost 1.77

template <class Handler, class OnCancel>
void watch_cancellation(const Handler&, OnCancel) {}
template <class Handler>
void end_watch(const Handler&) {}

#endif

}  // namespace CONCURRENT_FUTURES_ASIO_NAMESPACE
}  // namespace concurrent::futures::inline CONCURRENT_FUTURES_ABI
