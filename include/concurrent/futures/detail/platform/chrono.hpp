// SPDX-License-Identifier: MIT
//
// chrono.hpp: std::chrono's durations and clocks, without the calendar.
//
// In libstdc++ <chrono> brings the calendar and, to read it, the streams and locales. The part that <future> itself
// includes is enough here: that is a fortieth of the time to compile futures.hpp.
#pragma once

#if defined(__has_include)
#if __has_include(<bits/chrono.h>)
#include <bits/chrono.h>  // libstdc++ from 12 on
#else
#include <chrono>
#endif
#else
#include <chrono>
#endif
