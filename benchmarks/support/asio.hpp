// SPDX-License-Identifier: MIT
//
// asio.hpp: Asio as `benchmarks::asio`, the standalone one if it is installed, else Boost's.
#pragma once

#include <benchmark/benchmark.h>

#include <string>

#if __has_include(<asio/thread_pool.hpp>)
#define ASIO_STANDALONE
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>
#include <asio/version.hpp>
namespace benchmarks {
namespace asio = ::asio;
inline constexpr int asio_version = ASIO_VERSION;
}  // namespace benchmarks
#else
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/version.hpp>
namespace benchmarks {
namespace asio = ::boost::asio;
inline constexpr int asio_version = BOOST_ASIO_VERSION;
}  // namespace benchmarks
#endif

namespace benchmarks {
/// Shown in the table.
inline const bool asio_is_named = [] {
    benchmark::AddCustomContext("library", "Asio " + std::to_string(asio_version / 100'000) + "." +
                                               std::to_string(asio_version / 100 % 1'000));
    return true;
}();
}  // namespace benchmarks
